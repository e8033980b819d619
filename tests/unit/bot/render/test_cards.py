"""Messages with embeds: sources, explanations, lists, settings and help."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from bot.locales.texts import texts_for
from bot.render.docs import PAGE_SIZE, render_document, render_document_list
from bot.render.embed import build_embed, join_within_limit
from bot.render.help import render_help
from bot.render.jobs import render_job, render_job_list
from bot.render.message import Button, Link, OutgoingFile, OutgoingMessage
from bot.render.settings import render_settings
from bot.render.sources import render_sources
from bot.render.why import PICTURE_FILE, render_why
from config.settings import Settings
from db.workspace_settings import WorkspaceSettings
from pipeline.types import Fallback
from tests.bot_factories import (
    CHANNEL,
    GUILD,
    MESSAGE_LINK,
    NOW,
    PERSON,
    answer,
    candidate,
    citation,
    document,
    document_job,
    job,
    trace,
)
from tests.message_checks import HOSTILE, check_message, visible_text

EN, ZH = texts_for("en-US"), texts_for("zh-CN")
BOTH = pytest.mark.parametrize("t", [EN, ZH], ids=["en", "zh"])
DONE = {"chunks": 1071, "pages": 12, "unchanged": False}


def _description(shown: OutgoingMessage) -> str:
    return check_message(shown).embeds[0].description or ""


def _actions(shown: OutgoingMessage) -> list[str]:
    return [button.custom_id for row in shown.buttons for button in row if isinstance(button, Button)]


# ---------------------------------------------------------------------------------------------------------- sources


def test_sources__quotes_links_and_originals():
    cited = [
        citation(1, page=14, origin=MESSAGE_LINK, source="manual-xl900.pdf", quote="Let it *rest*.\nAlways."),
        citation(2, "Rules", document=11, page=None, origin="https://rules.example/a?b=c"),
        citation(3, "Plan", origin=MESSAGE_LINK.replace("discord.com", "discord.evil.example")),
    ]
    shown = render_sources(answer("x", cited), EN)
    first, second, third = _description(shown).split("\n\n")
    assert first.startswith(
        f"**[1]** Laser cutter manual · p. 14 · [where it was added]({MESSAGE_LINK})\n-# manual-xl900.pdf\n"
    )
    assert first.endswith("\n> Let it *rest*. Always.")
    assert second == "**[2]** Rules · `rules.example/a?b=c`\n> Let it rest."
    assert third.startswith("**[3]** Plan · p. 4 · `discord.evil.example/channels/")
    assert _actions(shown) == ["rd:file:11", "rd:file:13"]
    assert [button.label for button in shown.buttons[0]] == ["Original [1] [2]", "Original [3]"]


def test_sources__omits_links_the_user_cannot_open():
    cited = [citation(1, origin=MESSAGE_LINK)]
    assert MESSAGE_LINK in _description(render_sources(answer("x", cited), EN, [MESSAGE_LINK]))
    assert "discord.com" not in _description(render_sources(answer("x", cited), EN, []))


def test_sources__without_answer():
    found = [{"chunk": 1, "document": 1, "title": "Manual"}]
    assert "• Manual" in _description(render_sources(answer("x", abstained=True, candidates=found), EN))
    assert "doesn't cite any sources" in _description(render_sources(answer("x", candidates=[]), EN))


def test_sources__list_documents_with_the_same_passage():
    copies = [{"document": n, "title": f"Copy {n}"} for n in range(1, 6)]
    cited = [citation(1, also_in=copies[:2]), citation(2, also_in=copies)]
    first, second = _description(render_sources(answer("x", cited), EN)).split("\n\n")
    assert first.splitlines()[0].endswith(" · also in Copy 1, Copy 2")
    assert second.splitlines()[0].endswith(" · also in Copy 1, Copy 2, Copy 3 …")


def test_sources__report_conflicts():
    shown = render_sources(answer("x", [citation(1), citation(2), citation(4)], conflicts=[[1, 2], [2, 4]]), EN)
    assert _description(shown).split("\n\n")[:2] == [
        "**The sources disagree: [1] ↔ [2]**",
        "**The sources disagree: [2] ↔ [4]**",
    ]


@BOTH
def test_sources__hostile(t):
    also = [{"document": n, "title": HOSTILE} for n in range(9)]
    cited = [
        citation(n, HOSTILE, document=n, quote=HOSTILE, source=HOSTILE, origin=HOSTILE, also_in=also)
        for n in range(1, 21)
    ]
    check_message(render_sources(answer("x", cited, conflicts=[list(range(1, 21))] * 9), t))
    check_message(render_sources({"citations": [{"n": 1}]}, t))


# -------------------------------------------------------------------------------------------------------------- why


def test_why__reasons_ranks_and_times():
    told = trace(
        candidate(1, 4, page=14, citation=1, quote="Never cut PVC.", keyword_rank=2, dense_rank=6, score=0.934),
        candidate(2, 1, page=None, reason="Names the machine."),
        candidate(3, 3),
        candidate(4, 2),
        fallbacks=(Fallback("rerank", "cross-encoder", "late-interaction", "x"),),
        prompt_tokens=1000,
        completion_tokens=540,
        cost_usd=0.0123,
    )
    shown = check_message(render_why(told, EN, b"png"))
    description = _description(shown)
    assert (
        "4 passages were found and ranked by the method **late-interaction**. The answer uses the best 3.\n"
        "Its sentences are quoted from the sources." in description
    )
    assert (
        "**1 · Laser cutter manual** · p. 14 · cited as [1]\n"
        "-# found #4 → after ranking **#1** ▲3 · #6 by meaning · #2 by keywords · score 0.93\n> Never cut PVC."
    ) in description
    assert "used, not cited\n-# found #1 → after ranking **#2** ▼1" in description
    assert "score 0.98\n-# Names the machine." in description
    assert "found #3 → after ranking **#3** ·" in description
    assert "**4 ·" not in description
    assert shown.embeds[0].footer.text == (
        "reading the question 12 ms · searching 9 ms · comparing 1.9 s · writing 0.4 s · $0.0123 · "
        "cross-encoder unavailable, ranked with late-interaction"
    )
    assert shown.embeds[0].image.url == f"attachment://{PICTURE_FILE}"
    assert shown.files == (OutgoingFile(PICTURE_FILE, b"png", EN("why-picture", n=4, reranker="late-interaction")),)


def test_why__of_an_abstention_and_of_an_empty_library():
    told = trace(candidate(1, 1), abstained=True)
    shown = check_message(render_why(told, EN, None))
    assert shown.embeds[0].title == "What I looked at"
    assert "None was relevant enough" in _description(shown)
    assert "not cited" not in _description(render_why(told, EN, None))
    empty = check_message(render_why(trace(abstained=True), EN, None))
    assert "The search found no passages" in _description(empty)
    assert not empty.files


def test_why__shows_the_rewritten_question():
    told = trace(candidate(1, 1), searched_as="How long may the laser cutter of the shop run?")
    assert "searched for “How long may the laser cutter of the shop run?”" in _description(render_why(told, EN, None))


def test_why__counts_duplicates_and_reports_conflicts():
    told = trace(
        candidate(1, 1, citation=1, flags=("conflict",)),
        candidate(2, 2, "Copy", flags=("duplicate",)),
        candidate(3, 3, citation=2, flags=("conflict",)),
        candidate(4, 4, "Fourth"),
    )
    description = _description(check_message(render_why(told, EN, None)))
    assert "uses the best 3" in description
    assert "cited as [1] · disagrees with another source" in description
    assert "**2 · Copy**" not in description
    assert "**4 · Fourth**" in description
    assert description.endswith("-# 1 passage was skipped because it repeats a higher-ranked passage.")


@BOTH
def test_why__hostile(t):
    found = [candidate(n, 51 - n, HOSTILE, reason=HOSTILE, quote=HOSTILE, citation=n) for n in range(1, 51)]
    told = trace(*found, question=HOSTILE, searched_as=HOSTILE + "x", reranker=HOSTILE, top_k=20)
    check_message(render_why(told, t, b"png"))


# ------------------------------------------------------------------------------------------------------------ lists


def test_docs__page_buttons():
    listed = [document(n, channels=[CHANNEL] if n == 3 else None) for n in range(PAGE_SIZE)]
    shown = check_message(render_document_list(listed, EN, page=1, total=25))
    assert shown.embeds[0].title == "25 documents in the library"
    assert f"`0` **Laser cutter manual**\n-# 28 pages, 340 passages · added by <@{PERSON}> <t:" in _description(shown)
    assert _description(shown).count(f"🔒 <#{CHANNEL}>") == 1
    assert "Page 2 of 3" in (shown.embeds[0].footer.text or "")
    assert _actions(shown) == ["rd:docs:0", "rd:docs:2"]
    first = render_document_list(listed, EN, page=0, total=25).buttons[1]
    assert [getattr(button, "disabled", None) for button in first] == [True, False]
    last = render_document_list(listed[:5], EN, page=2, total=25).buttons[1]
    assert [getattr(button, "disabled", None) for button in last] == [False, True]
    assert len(render_document_list(listed, EN).buttons) == 1


def test_docs__empty_library_and_no_match():
    assert "/ingest" in _description(render_document_list([], EN, total=0))
    none = check_message(render_document_list([], EN, total=0, search="zebra"))
    assert none.embeds[0].title == "No documents match your search"
    assert "/docs list" in _description(none)
    assert "/docs list" in _description(render_document_list([], EN, page=1, total=9))


@pytest.mark.parametrize(
    ("t", "one", "two", "none"),
    [
        (EN, "1 document matches your search", "2 documents match your search", "No documents match your search"),
        (ZH, "有 1 份资料符合搜索", "有 2 份资料符合搜索", "没有符合搜索的资料"),
    ],
    ids=["en", "zh"],
)
def test_docs__heading_of_a_search_counts_results(t, one, two, none):
    results = [document(1), document(2)]
    shown = [check_message(render_document_list(results[:n], t, total=n, search="laser")) for n in (1, 2, 0)]
    assert [message.embeds[0].title for message in shown] == [one, two, none]


def test_doc__buttons():
    shown = check_message(
        render_document(document(), EN, may_change=True, guild_id=GUILD, beginning="# Safety\nNever leave it alone.")
    )
    description = _description(shown)
    assert f"28 pages, 340 passages · added by <@{PERSON}> <t:{int(NOW.timestamp())}:R>" in description
    assert "Visible to everyone on this server" in description
    assert "> Safety Never leave it alone." in description
    assert _actions(shown) == ["rd:file:12", "rd:reingest:12", "rd:delete:12"]
    assert shown.buttons[0][-1] == Link("Jump to message", MESSAGE_LINK)
    assert _actions(render_document(document(), EN, may_change=False)) == ["rd:file:12"]
    linked = render_document(document(origin="https://rules.example/a"), EN, may_change=False)
    assert "`https://rules.example/a`" in _description(linked)
    assert not any(isinstance(button, Link) for button in linked.buttons[0])


def test_doc__of_a_link_is_fetched_again():
    for values, label in (
        ({"origin": "https://rules.example/a"}, "Fetch again"),
        ({"origin": "", "source": "https://rules.example/a"}, "Fetch again"),
        ({"origin": MESSAGE_LINK, "source": "discord:100/https:__rules.example"}, "Process again"),
        ({"origin": "", "source": "rules.txt"}, "Process again"),
    ):
        button = render_document(document(12, **values), EN, may_change=True).buttons[0][1]
        assert (button.label, button.custom_id) == (label, "rd:reingest:12")  # type: ignore[union-attr]


def test_jobs__a_list_and_one_that_waits():
    listed = [job(id=5, state="queued"), document_job("a.pdf", "failed", id=4)]
    shown = check_message(render_job_list(listed, EN, everyone=True, page=0, more=True))
    assert shown.embeds[0].title == "Jobs on this server"
    assert "`5` How long may" in _description(shown)
    assert "`4` a.pdf\n-# ❌ failed" in _description(shown)
    queued = render_job_list([job(state="queued", wait_s=12.0)], EN, everyone=False)
    assert _description(queued).endswith(", about 15 seconds")
    assert _actions(shown) == ["rd:jobs:0", "rd:jobs:1"]
    assert "no jobs yet" in _description(render_job_list([], EN, everyone=False))
    waiting = job(state="queued", ahead=3, attempt=0, why='Waiting in the queue "query" behind 3 jobs.')
    one = check_message(render_job(waiting, EN, delivery_id=7, may_change=True, link=MESSAGE_LINK))
    assert one.embeds[0].title == "Job 1234 · Question"
    assert "3 jobs are ahead of it in the queue" in _description(one)
    assert _actions(one) == ["rd:cancel:7"]
    assert one.buttons[0][-1] == Link("Jump to message", MESSAGE_LINK)
    assert not render_job(waiting, EN, delivery_id=7, may_change=False, link="https://evil.example").buttons


def test_job__ended():
    failed = job(state="failed", error_class="LlmTimeout", error="x", attempt=3)
    shown = check_message(render_job(failed, EN, delivery_id=7, may_change=True))
    assert "> The language model didn't respond in time." in _description(shown)
    assert _actions(shown) == ["rd:retry:7"]
    assert not render_job(failed, EN, delivery_id=None, may_change=True).buttons
    document_done = document_job("a.pdf", result=DONE)
    assert "1,071 passages" in _description(render_job(document_done, EN, delivery_id=7, may_change=True))
    answered = job(state="succeeded", result=answer("For an hour [1]. " * 200, [citation()]))
    whole = check_message(render_job(answered, EN, delivery_id=7, may_change=True, link=MESSAGE_LINK))
    assert whole.files
    assert "Job 1234 · ✅ done" in whole.content
    assert len(whole.buttons) == 2


@BOTH
def test_lists__hostile(t):
    odd = document(
        title=HOSTILE, source=HOSTILE, media_type=HOSTILE, origin=HOSTILE, added_by=HOSTILE, channels=[HOSTILE]
    )
    check_message(render_document_list([replace(odd, id=n) for n in range(PAGE_SIZE)], t, total=100, page=3))
    check_message(render_document(odd, t, may_change=True, guild_id=GUILD, beginning=HOSTILE))
    for state in ("queued", "running", "failed", "dead", "cancelled", "succeeded", "odd"):
        for values in ({}, {"kind": "ingest", "result": {"chunks": 3}}, {"result": answer(HOSTILE)}):
            made = job(state=state, about=HOSTILE, why=HOSTILE, error=HOSTILE, error_class="InvalidInput", **values)
            check_message(render_job_list([made, replace(made, id=1235)], t, everyone=True))
            check_message(render_job(made, t, delivery_id=7, may_change=True, link=HOSTILE))


# ----------------------------------------------------------------------------------------------- settings and help


def test_settings__current_values_and_defaults(monkeypatch):
    monkeypatch.delenv("REFDESK_RERANKER", raising=False)
    defaults = Settings(_env_file=None)
    description = _description(render_settings(WorkspaceSettings(), defaults, EN))
    assert "**Method** · auto: the most accurate method without a language model (default)" in description
    assert "**Passages searched / used** · 50 / 3 (default)" in description
    assert "**Questions** · 60 per person per hour, 2,000 for the server per day (default)" in description
    assert "**Public answers in** · all channels (default)" in description
    chosen = WorkspaceSettings(
        reranker="none",
        top_k=5,
        answer_language="zh",
        ingest_by="role",
        ingest_role=PERSON,
        public_channels=(CHANNEL,),
        questions_per_user_hour=0,
        updated_by=PERSON,
        updated_at=NOW,
    )
    description = _description(render_settings(chosen, defaults, EN, changed=["top_k", "ingest_role"]))
    assert "\n✏️ **Passages searched / used** · 50 (default) / 5\n" in description
    assert re.findall(r"✏️ \*\*(.+?)\*\*", description) == ["Passages searched / used", "Who can add documents"]
    assert description.startswith("**Method** · none: search order\n")
    assert "**Answer language** · Chinese" in description
    assert f"members with <@&{PERSON}> and managers" in description
    assert f"**Public answers in** · <#{CHANNEL}>" in description
    assert "200 per person per day, 2,000 for the server per day (default)" in description, (
        "nobody lifts the operator’s limit"
    )
    assert f"Changed by <@{PERSON}>" in description


@BOTH
def test_settings__hostile_and_full(t):
    chosen = WorkspaceSettings(
        reranker=HOSTILE, ingest_by="role", ingest_role=HOSTILE, public_channels=(CHANNEL,) * 500, updated_by=HOSTILE
    )
    check_message(render_settings(chosen, Settings(_env_file=None), t))


@BOTH
def test_help(t):
    assert len(_description(render_help(t, manager=True))) > len(_description(render_help(t)))


# ---------------------------------------------------------------------------------------------------- cards at all


def test_fit__whole_entries_only():
    assert join_within_limit(["aaa", "bbb", "ccc"], 11) == "aaa\nbbb\nccc"
    assert join_within_limit(["aaa", "bbb", "ccc"], 10, more=lambda n: f"+{n}") == "aaa\nbbb\n+1"
    assert join_within_limit(["a" * 50], 10, more=lambda n: f"+{n}") == "+1"


def test_card__within_the_limits_of_an_embed():
    embed = build_embed(title="t" * 999, entries=["e" * 2000] * 9, footer="f" * 9999)
    assert len(embed) <= 6000
    check_message(OutgoingMessage(embeds=(embed,)))


def test_fingerprint__changes_with_visible_content_only():
    first = OutgoingMessage(
        "a", (build_embed(title="t"),), ((Button("why", 1, "Why"),),), (OutgoingFile("a.png", b"1", "x"),)
    )
    same = OutgoingMessage(
        "a", (build_embed(title="t"),), ((Button("why", 1, "Why"),),), (OutgoingFile("a.png", b"1", "x"),)
    )
    assert first.fingerprint() == same.fingerprint()
    others = [
        replace(first, content="b"),
        replace(first, embeds=(build_embed(title="u"),)),
        replace(first, buttons=((Button("why", 1, "Why", disabled=True),),)),
        replace(first, files=(OutgoingFile("a.png", b"2", "x"),)),
    ]
    assert len({shown.fingerprint() for shown in (first, *others)}) == 5


def test_previews__are_suppressed_without_embeds():
    assert OutgoingMessage("text").suppress_embeds
    assert not OutgoingMessage("text", (build_embed(title="t"),)).suppress_embeds
    assert "text" in visible_text(OutgoingMessage("text"))
