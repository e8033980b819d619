"""Count abstentions: questions of a collection asked to its own library and to the libraries of the other collections.

    .venv/bin/python -m benchmarks.abstention DIR DIR [DIR ...] [--profile NAME] [--own 100] [--foreign 30]

Each collection is ingested as by `refdesk evaluate`, or reused. Questions are answered without a reranker and without a
language model. A question of another collection should not be answered, except by chance or where both collections have
the same documents in two languages (--pair).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cli.context import CommandContext, open_context, start_command
from config.wiring import build_parts
from db import profiles
from db.recall import PostgresRecall
from evaluation.datasets import Dataset, load_dataset
from evaluation.ingestion import ingest_dataset, open_workspace, wait_for_vectors
from pipeline.answer import answer_question
from pipeline.answer_parts import AnswerParts
from pipeline.types import AnswerOptions, EmbeddingProfile
from tasks.startup import ensure_live_profile

COLUMNS = ("own questions", "abstained", "foreign questions", "answered")


@dataclass(frozen=True, slots=True)
class Library:
    """A collection and the answer flow over its documents."""

    dataset: Dataset
    parts: AnswerParts


def take_evenly(items: Sequence[str], count: int) -> list[str]:
    """Return at most `count` items, evenly spread."""
    step = max(1, len(items) // count)
    return list(items[::step][:count])


def read_questions(dataset: Dataset, count: int) -> list[str]:
    """Return questions of a collection, evenly spread."""
    return take_evenly([question.text for question in dataset.judged_questions], count)


def count_abstentions(library: Library, questions: Sequence[str]) -> int:
    """Answer questions and count the abstentions."""
    options = AnswerOptions(reranker="none")
    return sum(answer_question(text, options, library.parts, lambda *_: None).generated.abstained for text in questions)


def open_libraries(context: CommandContext, profile: EmbeddingProfile, folders: Sequence[Path]) -> Iterator[Library]:
    """Ingest the collections, or reuse them."""
    parts = build_parts(context.settings, profile, role="query")
    tokens, overlap = parts.ingest.chunk_tokens, parts.ingest.chunk_overlap
    for folder in folders:
        dataset = load_dataset(folder)
        workspace_id = open_workspace(context.database, dataset, chunk_tokens=tokens, chunk_overlap=overlap)
        ingest_dataset(
            dataset,
            context.database,
            context.submitter,
            workspace_id=workspace_id,
            document_ids=dataset.document_ids,
            max_attempts=context.settings.jobs.max_attempts,
            on_progress=lambda _done, _total: None,
        )
        wait_for_vectors(context.database, profile, lambda _done, _total: None)
        answer = parts.answer_with(PostgresRecall(context.database, workspace_id, profile))
        yield Library(dataset, replace(answer, chat=None))


def main(arguments: argparse.Namespace) -> None:
    """Print one row per library, as a Markdown table."""
    settings = start_command()
    same = set(arguments.pair or ())
    print("| library | " + " | ".join(COLUMNS) + " |\n| --- |" + " ---: |" * len(COLUMNS))
    with open_context(settings, roles=("ingest",)) as context:
        profile = ensure_live_profile(context.database, settings)
        if arguments.profile:
            with context.database.system() as session:
                profile, _ = profiles.find(session, arguments.profile)
        libraries = list(open_libraries(context, profile, arguments.collections))
        for library in libraries:
            own = read_questions(library.dataset, arguments.own)
            foreign = [
                question
                for other in libraries
                if other is not library and not {other.dataset.name, library.dataset.name} <= same
                for question in read_questions(other.dataset, arguments.foreign)
            ]
            abstained = count_abstentions(library, own)
            answered = len(foreign) - count_abstentions(library, foreign)
            row = (len(own), f"{abstained} ({abstained / len(own):.1%})", len(foreign), answered)
            print(f"| {library.dataset.name} | " + " | ".join(map(str, row)) + " |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("collections", nargs="+", type=Path, metavar="DIR", help="Folders of the collections.")
    parser.add_argument("--profile", default="", help="Embedding profile (default: the live one).")
    parser.add_argument("--own", type=int, default=100, help="Questions per collection for its own library.")
    parser.add_argument("--foreign", type=int, default=30, help="Questions per other collection.")
    parser.add_argument("--pair", nargs=2, metavar="NAME", help="Two collections with the same documents.")
    with suppress(KeyboardInterrupt):
        main(parser.parse_args())
