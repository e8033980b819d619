"""`refdesk ask`: a question, an answer with citations, and on demand the ranking before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Annotated, Any

import typer

from cli import context as front_end
from cli.console import err, note, one_document, print_json, print_table, say
from cli.context import CommandContext
from cli.waiting import wait_for
from db import jobs
from db.models import Job
from pipeline.cascades import check_reranker
from pipeline.errors import RefdeskError, UnknownName
from pipeline.questions import check_question
from pipeline.text.cleaning import escape_undecodable


class RecallName(StrEnum):
    """The kinds of recall."""

    hybrid = "hybrid"
    dense = "dense"
    keyword = "keyword"


class JobFailed(RefdeskError):
    """The question could not be answered."""

    def __init__(self, job: int, sentence: str) -> None:
        """Remember which job it was."""
        super().__init__(sentence)
        self.job = job


def _known_reranker(name: str | None) -> str | None:
    try:
        return None if name is None else check_reranker(name)
    except UnknownName as error:
        raise typer.BadParameter(str(error)) from None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ask")(ask)


def unanswered(error: RefdeskError, options: Mapping[str, Any]) -> dict[str, Any]:
    """Write the result of a question that got no answer; the reason is on stderr and on the job's row."""
    return {
        "job": error.job if isinstance(error, JobFailed) else None,
        "answer": None,
        "abstained": False,
        "citations": [],
        "conflicts": [],
        "candidates": [],
        "timings_ms": {},
        "reranker": options.get("reranker"),
        "fallbacks": [],
        "model": None,
        "searched_as": "",
    }


@one_document(unanswered)
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    recall: Annotated[RecallName | None, typer.Option(help="How candidates are found (REFDESK_RECALL).")] = None,
    top_n: Annotated[int | None, typer.Option(min=1, max=200, help="Candidates recalled (REFDESK_TOP_N).")] = None,
    top_k: Annotated[int | None, typer.Option(min=1, max=20, help="Passages answered from (REFDESK_TOP_K).")] = None,
    reranker: Annotated[
        str | None,
        typer.Option(
            callback=_known_reranker,
            help="What puts the candidates in order (REFDESK_RERANKER), also several in a row, such as "
            "'cross-encoder:50>llm-listwise:20>3'.",
        ),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the ranking before and after, and times.")] = False,
    workspace: Annotated[str, typer.Option(help="Workspace that is asked.")] = "local",
    channel: Annotated[
        list[str] | None, typer.Option(help="Also use this channel's documents; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> int:
    """Ask the library a question and get an answer with citations.

    Candidates are recalled by meaning and by keyword, reranked, and the best passages make the answer. Where nothing
    fits, Refdesk says so and names the nearest sources.
    """
    settings = front_end.begin()
    options = {
        "recall": recall.value if recall else settings.answer.recall,
        "top_n": top_n or settings.answer.top_n,
        "top_k": top_k or settings.answer.top_k,
        "reranker": reranker or settings.answer.reranker,
    }
    asked = check_question(question, settings.answer.max_question_chars)
    with front_end.opened(settings, roles=("query",)) as front:
        job = submit_and_wait(front, workspace, asked, options, [escape_undecodable(name) for name in channel or ()])
    if as_json:
        print_json(job.result)
    else:
        show_answer(job.result or {}, explain=explain)
    return 0


def submit_and_wait(
    front: CommandContext, workspace: str, question: str, options: dict[str, Any], channels: Sequence[str]
) -> Job:
    """Submit a question and wait for its answer; raises `JobFailed` with the job's own sentence."""
    workspace_id = front.workspace(workspace)
    payload = {"question": question, "options": options, "channels": list(channels)}
    new = jobs.NewJob(
        workspace_id, "ask", payload, requester=front_end.requester(), max_attempts=front.settings.jobs.max_attempts
    )
    number = front.submitter.submit([new])[0]
    ended: list[Job] = []
    with err.status("queued …") as status:

        def on_jobs(seen: Sequence[Job]) -> None:
            for job in seen:
                status.update(_state_line(job))
                if job.finished:
                    ended.append(job)

        try:
            wait_for(front, workspace_id, [number], "query", on_jobs)
        except RefdeskError as error:
            raise JobFailed(number, f"{error} (job {number} waits in the ledger)") from error
        except KeyboardInterrupt:
            _forget(front, workspace_id, number)
            raise
    job = ended[0]
    if job.state != "succeeded":
        raise JobFailed(number, f"Job {number} is {job.state}: {job.error or 'no reason given'}")
    return job


def _forget(front: CommandContext, workspace_id: int, number: int) -> None:
    """Cancel a question that nobody waits for any more."""
    with suppress(RefdeskError), front.database.tenant(workspace_id) as session:
        jobs.cancel(session, number)


def show_answer(result: dict[str, Any], *, explain: bool) -> None:
    """Print an answer for people."""
    say(result["answer"])
    if result["citations"]:
        say("")
        for citation in result["citations"]:
            page = f", page {citation['page']}" if citation["page"] else ""
            copies = ", ".join(
                f"{other['title']} (document {other['document']})" for other in citation.get("also_in", ())
            )
            also = f", also in: {copies}" if copies else ""
            say(f"[{citation['n']}] {citation['title']}{page} (document {citation['document']}){also}", "dim")
    for group in result.get("conflicts", ()):
        note(f"the sources disagree: {', '.join(f'[{n}]' for n in group)}", "yellow")
    for fallback in result["fallbacks"]:
        note(f"{fallback['stage']}: {fallback['used']} instead of {fallback['method']}: {fallback['reason']}", "yellow")
    if explain:
        show_ranking(result)


def show_ranking(result: dict[str, Any], *, limit: int = 10) -> None:
    """Print the candidates before and after reranking, and where the time went."""
    say("")
    say(f"Ranking by {result['reranker']}, {len(result['candidates'])} candidates", "bold")
    rows = [
        (
            item["rank"],
            item["recall_rank"],
            _move(item["recall_rank"] - item["rank"]),
            f"{item['score']:.3f}",
            item["title"],
            item["chunk"],
            item["reason"],
        )
        for item in result["candidates"][:limit]
    ]
    print_table(("after", "before", "moved", "score", "title", "chunk", "reason"), rows, numbers=("after", "before"))
    say("")
    say("times in ms: " + ", ".join(f"{stage} {ms:.0f}" for stage, ms in result["timings_ms"].items()), "dim")
    say(f"answer by {result['model']}, job {result['job']}", "dim")


def _move(steps: int) -> str:
    return f"↑{steps}" if steps > 0 else f"↓{-steps}" if steps < 0 else "="


def _state_line(job: Job) -> str:
    if job.stage == "rerank" and job.progress_total > 1:
        return f"reranking {job.progress_done} of {job.progress_total} …"
    words = {
        "rewrite": "reading the conversation",
        "embed": "reading the question",
        "recall": "recalling",
        "rerank": "reranking",
        "generate": "writing",
    }
    return f"{words.get(job.stage, job.state)} …"
