"""Escaped text cannot ping, link, hide content or break out of its markup."""

from __future__ import annotations

import random

import pytest

from bot.render import sanitize
from tests.discord_markup import find_active_markup

EVIL = [
    "@everyone",
    "@here and @EVERYONE",
    "@\u200beveryone",
    "@ever\u00adyone",
    "<@1234567890123456789>",
    "<@!1>",
    "<@&1>",
    "<#1>",
    "<id:customize>",
    "<t:1:R>",
    "<:smile:1>",
    "<a:wave:1>",
    "</ask:1>",
    "<mailto:a@b.example>",
    "<a@b.example>",
    "<+15551234567>",
    "[x](http://evil.example)",
    "[x](<http://evil.example> 'title')",
    "![x](https://evil.example/a.png)",
    "[[x]](http://evil.example)",
    "[x](http://evil.example/a_(b))",
    "[`x`](http://evil.example)",
    "[x\n](http://evil.example)",
    "[click](steam://run/1)",
    "[x `](http://evil.example)`",
    "[x] and ```\n](http://evil.example)\n```",
    "<a`b:/c>`",
    "<a`@evil.example>`",
    "http://evil.example",
    "xhttps://evil.example",
    "<https://evil.example>",
    "HTTPS://evil.example/`x`",
    "https://evil.example/@everyone",
    "discord.gg/x",
    "https://discord.gg/x",
    "https://discord.com/invite/x",
    "discordapp.com/invite/x",
    "https://discord.com/oauth2/authorize?client_id=1",
    "`discord.gg/x`",
    "```\ndiscord.gg/x\n```",
    "|| secret ||",
    "|||| secret ||||",
    "# Shout",
    "- ## Shout",
    "-# small",
    ">>> swallow",
    "`",
    "``",
    "```",
    "`` ` ``",
    "` ``",
    "\\`http://evil.example`",
    "\\",
    "a\\",
    "`a`http://evil.example`b`",
    "```py\n<@1>",
    "```x``` @everyone ```",
    "````\n```\n@everyone\n````",
    "~~~\n@everyone\n~~~ <@1>",
    "\u202egnp.exe",
    "\u2066hidden\u2069",
    "a\x00b\x1bc",
    "\ud800 lone \udfff",
    "\U000e0041\U000e0042 tags",
    "Z\u0351\u0352\u0353\u0354\u0355\u0356\u0357algo",
    "| a | b |\n|---|---|\n| @everyone | [x](http://evil.example) |",
    "line\rreturn\u2028separator",
]


@pytest.mark.parametrize("text", EVIL)
def test_escape_text__leaves_no_active_markup(text):
    assert find_active_markup(sanitize.escape_text(text)) == []
    assert find_active_markup(sanitize.escape_text(f"before {text} after")) == []


@pytest.mark.parametrize("text", EVIL)
def test_escape_title__leaves_no_active_markup_in_a_line(text):
    shown = sanitize.escape_title(text)
    assert find_active_markup(f"**{shown}** · [original]") == []
    assert "\n" not in shown
    assert "`" not in shown


def test_escape_text__random_hostile_input():
    chance = random.Random(3)
    for _ in range(300):
        text = "".join(
            chance.choice([*EVIL, " ", "\n", "\n\n", "word", "\\", "`", "```", "[", "](", ")"]) for _ in range(7)
        )
        assert find_active_markup(sanitize.escape_text(text)) == [], text
        assert find_active_markup(sanitize.escape_title(text, 300)) == [], text
        assert find_active_markup(sanitize.format_quote(text, 200).removeprefix("> ")) == [], text
        assert find_active_markup(sanitize.format_inline_code(text)) == [], text


def test_escape_text__is_idempotent():
    for text in EVIL:
        once = sanitize.escape_text(text)
        assert sanitize.escape_text(once) == once


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[the page](http://evil.example/a)", "the page (`http://evil.example/a`)"),
        ("[http://a.example](http://a.example)", "`http://a.example`"),
        ("[https://bank.example](http://a.example)", "`https://bank.example` (`http://a.example`)"),
        ("[mail](mailto:tove@a.example), [call](tel:+4912)", "mail (tove@a.example), call (+4912)"),
        ("__init__, _id_, max_open_files", r"\_\_init\_\_, \_id\_, max_open_files"),
        ("see https://a.example/b_(c).", "see `https://a.example/b_(c)`."),
        ("请看https://a.example，然后", "请看`https://a.example`，然后"),
        ("discord.gg/x", "discord[.]gg/x"),
        ("# Title\ntext", "**Title**\ntext"),
        ("**bold** and *this* [1]", "**bold** and *this* [1]"),
        ("- one\n- two", "- one\n- two"),
        ("a < b, Vec<T>, C#", "a < b, Vec<T>, C#"),
        ("a\n\n\n\nb", "a\n\nb"),
        ("[1](http://a.example)", "[1] (`http://a.example`)"),
        ("mail@example.org", "mail@example.org"),
    ],
)
def test_escape_text__stays_readable(text, shown):
    assert sanitize.escape_text(text) == shown


def test_escape_text__preserves_code():
    code = "```python\nif a || b:\n    call('@everyone', \"<@1>\")  # https://a.example [x](y)\n```"
    assert sanitize.escape_text(code) == code


def test_escape_text__separates_text_from_fences():
    assert sanitize.escape_text("so:```py\nx = 1\n```then [2]") == "so:\n```py\nx = 1\n```\nthen [2]"


def test_escape_text__table_becomes_aligned_code():
    table = "| Material | mm |\n|:---|---:|\n| **Birch** | 4 |\n| 桦木 | 12 |"
    assert sanitize.escape_text(table) == "```\nMaterial  mm\n────────  ──\nBirch     4\n桦木      12\n```"


def test_strip_invisible__keeps_scripts_and_emoji_that_need_joiners():
    kept = "👩\u200d🔬 می\u200cخواهم नमस्ते é 한국어 🏴"
    assert sanitize.strip_invisible(kept) == kept
    assert sanitize.strip_invisible("a\u200db\u200cc") == "abc"


def test_escape_title__truncates_before_escaping():
    assert sanitize.escape_title("*" * 200, 10) == r"\*" * 9 + "…"


def test_escape_title__of_a_file():
    assert sanitize.escape_title("my_file [draft] (v2).pdf") == r"my\_file \[draft\] (v2).pdf"


def test_format_quote__is_one_line_without_blocks():
    assert (
        sanitize.format_quote("# Head\n\n| a | b |\n|---|---|\n| 1 | 2 |\n```\ncode\n```", 100)
        == "> Head a · b 1 · 2 code"
    )
    assert sanitize.format_quote("\x00", 100) == ""


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://discord.com/channels/1/2/3", True),
        ("https://discord.com/channels/@me/2/3", True),
        ("https://ptb.discord.com/channels/1/2", True),
        ("https://discord.com/channels/1/2/3)[x](http://evil.example", False),
        ("https://discord.com.evil.example/channels/1/2/3", False),
        ("https://discord.com/channels/1/2/3/../../x", False),
        ("https://discord.com/invite/x", False),
        ("http://discord.com/channels/1/2/3", False),
        ("https://discord.com/channels/1/2/3\n", False),
        ("", False),
    ],
)
def test_message_link__only_links_to_messages(address, kept):
    assert sanitize.message_link_or_empty(address) == (address if kept else "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://a" + ")" * 200_000, "`http://a`" + ")" * 200_000),
        ("(http://a/b_(c)).", "(`http://a/b_(c)`)."),
        ("http://a/(b))!", "`http://a/(b)`)!"),
        ("http://a/(b", "`http://a/(b`"),
    ],
)
def test_escape_text__url_ends_before_punctuation(text, shown):
    assert sanitize.escape_text(text) == shown
