"""Datasets: a folder with documents, questions and relevance judgements, in the layout of the BEIR collections.

    corpus.jsonl    {"_id": …, "title": …, "text": …} per line
    queries.jsonl   {"_id": …, "text": …} per line
    qrels.tsv       query-id, corpus-id, score, separated by tabs, under a header line
    runs/*.trec     optional: query, Q0, document, rank, score, tag; the results of another system
    meta.json       optional: {"name": …}

The corpus is read line by line, once to check it and once to ingest it, and never loaded completely into memory.
"""

from __future__ import annotations

import hashlib
import json
import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pipeline.errors import InvalidInput, UnknownName

Number = TypeVar("Number", int, float)

MAX_GRADE = 1000
"""Highest grade of a judgement; trec_eval allocates a table of this size and crashes if it is huge."""


@dataclass(frozen=True, slots=True)
class CorpusDocument:
    """One document of the corpus."""

    id: str
    title: str
    text: str

    @property
    def empty(self) -> bool:
        """Whether the document has no text; public collections contain such documents."""
        return not self.title.strip() and not self.text.strip()


@dataclass(frozen=True, slots=True)
class Question:
    """One question of the dataset."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class RunEntry:
    """A document that another system recalled for a question."""

    document_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Run:
    """The results of another system: the documents of each question, best first."""

    name: str
    rankings: Mapping[str, tuple[RunEntry, ...]]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A checked dataset; the documents stay on disk."""

    name: str
    folder: Path
    document_ids: frozenset[str]
    corpus_sha256: str
    questions: tuple[Question, ...]
    qrels: Mapping[str, Mapping[str, int]]
    """The grade of each judged document by question; above 0 is relevant."""
    run_names: tuple[str, ...] = ()

    @property
    def judged_questions(self) -> tuple[Question, ...]:
        """The questions with judgements; only these can be measured."""
        return tuple(question for question in self.questions if question.id in self.qrels)

    def documents(self) -> Iterator[CorpusDocument]:
        """Read the corpus, one document at a time."""
        for location, record in _read_records(self.folder / "corpus.jsonl"):
            yield _to_document(location, record)


def load_dataset(folder: Path) -> Dataset:
    """Open and check a dataset; raise `InvalidInput` with the file and line of the first error."""
    if not folder.is_dir():
        raise InvalidInput(
            f"{folder} is not a folder. Specify a folder with corpus.jsonl, queries.jsonl and qrels.tsv."
        )
    document_ids: set[str] = set()
    digest = hashlib.sha256()
    for location, record in _read_records(folder / "corpus.jsonl"):
        document = _to_document(location, record)
        document_ids.add(document.id)
        digest.update(json.dumps([document.id, document.title, document.text]).encode())
    if not document_ids:
        raise InvalidInput(f"{folder / 'corpus.jsonl'} contains no documents.")
    questions = tuple(
        Question(record["_id"], _check_text(location, _text_field(location, record, "text"), "text"))
        for location, record in _read_records(folder / "queries.jsonl")
    )
    if not questions:
        raise InvalidInput(f"{folder / 'queries.jsonl'} contains no questions.")
    return Dataset(
        name=_read_name(folder),
        folder=folder,
        document_ids=frozenset(document_ids),
        corpus_sha256=digest.hexdigest(),
        questions=questions,
        qrels=_read_qrels(
            folder / "qrels.tsv", frozenset(question.id for question in questions), frozenset(document_ids)
        ),
        run_names=tuple(sorted(path.stem for path in (folder / "runs").glob("*.trec"))),
    )


def load_run(dataset: Dataset, name: str) -> Run:
    """Read one run of the dataset; raise `UnknownName` if it does not exist and `InvalidInput` for an invalid line."""
    if name not in dataset.run_names:
        known = ", ".join(dataset.run_names) or "none"
        raise UnknownName(f'{dataset.folder} has no run called "{name}"; its runs are: {known}.')
    path = dataset.folder / "runs" / f"{name}.trec"
    scored: dict[str, dict[str, float]] = {}
    for location, line in _read_lines(path):
        fields = line.split()
        if len(fields) != 6:
            raise location.error("must contain query, Q0, document, rank, score and tag, separated by spaces")
        question_id, _, document_id, _, score, _ = fields
        if document_id not in dataset.document_ids:
            raise location.error(f'refers to the document "{document_id}", which is not in corpus.jsonl')
        of_question = scored.setdefault(question_id, {})
        if document_id in of_question:
            raise location.error(f'lists the document "{document_id}" twice for the question "{question_id}"')
        of_question[document_id] = location.number_of(score, float)
    if not scored:
        raise InvalidInput(f"{path} is empty; a run needs at least one line.")
    return Run(name, {question_id: _sort_by_score(documents) for question_id, documents in scored.items()})


def _sort_by_score(documents: Mapping[str, float]) -> tuple[RunEntry, ...]:
    # trec_eval sorts by score and ignores the rank column; equal scores keep the order of the file.
    ordered = sorted(documents.items(), key=lambda item: -item[1])
    return tuple(RunEntry(document_id, score) for document_id, score in ordered)


@dataclass(frozen=True, slots=True)
class _FileLocation:
    """A line of a file, for error messages."""

    path: Path
    line: int

    def error(self, problem: str) -> InvalidInput:
        return InvalidInput(f"{self.path}, line {self.line}, {problem}.")

    def number_of(self, text: str, kind: Callable[[str], Number]) -> Number:
        with suppress(ValueError, OverflowError):
            number = kind(text)
            if math.isfinite(number):
                return number
        raise self.error(f'has "{text}" instead of a number')


def _read_lines(path: Path) -> Iterator[tuple[_FileLocation, str]]:
    """Yield the lines that are not empty."""
    number = 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                if line.strip():
                    yield _FileLocation(path, number), line
    except UnicodeDecodeError:
        raise _FileLocation(path, number).error("is not UTF-8 text; save the file in UTF-8") from None
    except FileNotFoundError:
        raise InvalidInput(f"{path} is missing. A dataset needs corpus.jsonl, queries.jsonl and qrels.tsv.") from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.") from error


def _read_records(path: Path) -> Iterator[tuple[_FileLocation, dict[str, Any]]]:
    """Yield the JSON objects of a file, one per line, with unique `_id`s."""
    seen: set[str] = set()
    for location, line in _read_lines(path):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise location.error(f"is not JSON ({error})") from None
        if not isinstance(record, dict):
            raise location.error("must contain a JSON object")
        identifier = _check_text(location, _text_field(location, record, "_id"), "_id")
        if identifier in seen:
            raise location.error(f'has the _id "{identifier}", which an earlier line already has')
        seen.add(identifier)
        yield location, record


def _text_field(location: _FileLocation, record: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = record.get(name, default)
    if not isinstance(value, str) or (default is None and not value.strip()):
        raise location.error(f'needs a string in "{name}"')
    return value


def _check_text(location: _FileLocation, value: str, name: str) -> str:
    """Return the text; reject control characters and lone surrogates, which trec_eval cannot process."""
    if any(unicodedata.category(character) in {"Cc", "Cs"} and character not in "\t\r\n" for character in value):
        raise location.error(f'has a control character or a lone surrogate in the field "{name}"')
    return value


def _to_document(location: _FileLocation, record: Mapping[str, Any]) -> CorpusDocument:
    return CorpusDocument(
        record["_id"], _text_field(location, record, "title", ""), _text_field(location, record, "text", "")
    )


def _read_qrels(
    path: Path, question_ids: frozenset[str], document_ids: frozenset[str]
) -> Mapping[str, Mapping[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for number, (location, line) in enumerate(_read_lines(path)):
        fields = line.split("\t")
        if number == 0 and len(fields) == 3 and fields[0].strip() not in question_ids and not _is_number(fields[2]):
            continue  # the header line, which some files do not have
        if len(fields) != 3:
            raise location.error("must contain query-id, corpus-id and score, separated by tabs")
        question_id, document_id, score = (field.strip() for field in fields)
        if question_id not in question_ids:
            raise location.error(f'names the question "{question_id}", which is not in queries.jsonl')
        if document_id not in document_ids:
            raise location.error(f'refers to the document "{document_id}", which is not in corpus.jsonl')
        grade = location.number_of(score, int)
        if abs(grade) > MAX_GRADE:
            raise location.error(f"has the score {grade}; the maximum is {MAX_GRADE}")
        if qrels.setdefault(question_id, {}).setdefault(document_id, grade) != grade:
            raise location.error(f'judges "{document_id}" for "{question_id}" a second time with a different score')
    if not qrels:
        raise InvalidInput(f"{path} contains no judgements; evaluation needs at least one.")
    return qrels


def _is_number(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


def _read_name(folder: Path) -> str:
    path = folder / "meta.json"
    if not path.exists():
        return folder.resolve().name
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} is not a JSON file: {error}.") from None
    name = meta.get("name") if isinstance(meta, dict) else None
    return name if isinstance(name, str) and name.strip() else folder.resolve().name
