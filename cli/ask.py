"""`refdesk ask`: answer a question with citations and, on request, show the ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import context as cli_context
from cli.console import err, json_on_error, print_json, print_line, print_note, print_table
from cli.context import CommandContext
from pipeline.cascades import check_reranker
from pipeline.errors import RefdeskError, UnknownName
from pipeline.questions import check_question
from pipeline.text.cleaning import escape_undecodable
from pipeline.types import LOW_CONFIDENCE

if TYPE_CHECKING:
    from db.models import Job


class RecallName(StrEnum):
    """The kinds of recall."""

    hybrid = "hybrid"
    dense = "dense"
    keyword = "keyword"


class JobFailed(RefdeskError):
    """The question could not be answered."""

    def __init__(self, job: int, sentence: str) -> None:
        """Store the ID of the failed job."""
        super().__init__(sentence)
        self.job = job


def _validate_reranker(name: str | None) -> str | None:
    try:
        return None if name is None else check_reranker(name)
    except UnknownName as error:
        raise typer.BadParameter(str(error)) from None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ask")(ask)


def failed_answer(error: RefdeskError, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON result of a failed question. The reason is on stderr and stored with the job."""
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


@json_on_error(failed_answer)
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    recall: Annotated[RecallName | None, typer.Option(help="How to find candidates (default: REFDESK_RECALL).")] = None,
    top_n: Annotated[
        int | None, typer.Option(min=1, max=200, help="Number of candidates to recall (default: REFDESK_TOP_N).")
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, max=20, help="Number of passages to answer from (default: REFDESK_TOP_K).")
    ] = None,
    reranker: Annotated[
        str | None,
        typer.Option(
            callback=_validate_reranker,
            help="Reranker or cascade, such as 'cross-encoder:50>llm-listwise:20>3' (default: REFDESK_RERANKER).",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also show the ranking before and after reranking, and timings.")
    ] = False,
    workspace: Annotated[str, typer.Option(help="Workspace to search.")] = "local",
    channel: Annotated[
        list[str] | None, typer.Option(help="Also use documents restricted to this channel; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> int:
    """Answer a question from the library, with citations.

    Refdesk recalls candidates by vectors and keywords, reranks them, and answers from the best passages. If no passage
    is relevant enough, it gives no answer and lists the closest documents.
    """
    settings = cli_context.start_command()
    options = {
        "recall": recall.value if recall else settings.answer.recall,
        "top_n": top_n or settings.answer.top_n,
        "top_k": top_k or settings.answer.top_k,
        "reranker": reranker or settings.answer.reranker,
    }
    checked = check_question(question, settings.answer.max_question_chars)
    with cli_context.open_context(settings, roles=("query",)) as context:
        job = submit_and_wait(
            context, workspace, checked, options, [escape_undecodable(name) for name in channel or ()]
        )
    if as_json:
        print_json(job.result)
    else:
        show_answer(job.result or {}, explain=explain)
    return 0


def submit_and_wait(
    context: CommandContext, workspace: str, question: str, options: dict[str, Any], channels: Sequence[str]
) -> Job:
    """Submit a question and wait for its answer; raises `JobFailed` with the error of the job."""
    from cli.waiting import wait_for
    from db import jobs

    workspace_id = context.workspace(workspace)
    payload = {"question": question, "options": options, "channels": list(channels)}
    new = jobs.NewJob(
        workspace_id,
        "ask",
        payload,
        requester=cli_context.current_user(),
        max_attempts=context.settings.jobs.max_attempts,
    )
    number = context.submitter.submit([new])[0]
    ended: list[Job] = []
    with err.status("queued …") as status:

        def on_jobs(changed: Sequence[Job]) -> None:
            for job in changed:
                status.update(_format_state(job))
                if job.finished:
                    ended.append(job)

        try:
            wait_for(context, workspace_id, [number], "query", on_jobs)
        except RefdeskError as error:
            raise JobFailed(number, f"{error} Job {number} stays queued.") from error
        except KeyboardInterrupt:
            _cancel_question(context, workspace_id, number)
            raise
    job = ended[0]
    if job.state != "succeeded":
        raise JobFailed(number, f"Job {number} is {job.state}: {job.error or 'no reason given'}")
    return job


def _cancel_question(context: CommandContext, workspace_id: int, number: int) -> None:
    """Cancel a question after Ctrl-C."""
    from db import jobs

    with suppress(RefdeskError), context.database.tenant(workspace_id) as session:
        jobs.cancel(session, number)


def _format_confidence(confidence: float | None) -> str:
    if confidence is None or confidence >= LOW_CONFIDENCE:
        return ""
    return f", text recognised in an image with {confidence:.0%} confidence"


def show_answer(result: dict[str, Any], *, explain: bool) -> None:
    """Print an answer as text."""
    print_line(result["answer"])
    if result["citations"]:
        print_line("")
        for citation in result["citations"]:
            page = f", page {citation['page']}" if citation["page"] else ""
            copies = ", ".join(
                f"{other['title']} (document {other['document']})" for other in citation.get("also_in", ())
            )
            also = f", also in: {copies}" if copies else ""
            also += _format_confidence(citation.get("confidence"))
            print_line(f"[{citation['n']}] {citation['title']}{page} (document {citation['document']}){also}", "dim")
    for group in result.get("conflicts", ()):
        print_note(f"the sources disagree: {', '.join(f'[{n}]' for n in group)}", "yellow")
    for fallback in result["fallbacks"]:
        print_note(
            f"{fallback['stage']}: {fallback['used']} instead of {fallback['method']}: {fallback['reason']}", "yellow"
        )
    if explain:
        show_ranking(result)


def show_ranking(result: dict[str, Any], *, limit: int = 10) -> None:
    """Print the candidates with their ranks before and after reranking, and the time of each stage."""
    print_line("")
    print_line(f"Ranking by {result['reranker']}, {len(result['candidates'])} candidates", "bold")
    rows = [
        (
            item["rank"],
            item["recall_rank"],
            _format_move(item["recall_rank"] - item["rank"]),
            f"{item['score']:.3f}",
            item["title"],
            item["chunk"],
            item["reason"],
        )
        for item in result["candidates"][:limit]
    ]
    columns = ("after", "before", "moved", "score", "title", "chunk", "reason")
    print_table(columns, rows, numbers=columns[:2], optional=("reason",))
    print_line("")
    print_line("times in ms: " + ", ".join(f"{stage} {ms:.0f}" for stage, ms in result["timings_ms"].items()), "dim")
    print_line(f"answer by {result['model']}, job {result['job']}", "dim")


def _format_move(steps: int) -> str:
    return f"↑{steps}" if steps > 0 else f"↓{-steps}" if steps < 0 else "="


def _format_state(job: Job) -> str:
    if job.stage == "rerank" and job.progress_total > 1:
        return f"reranking {job.progress_done} of {job.progress_total} …"
    words = {
        "rewrite": "rewriting the question",
        "embed": "embedding the question",
        "recall": "recalling",
        "rerank": "reranking",
        "generate": "writing",
    }
    return f"{words.get(job.stage, job.state)} …"
