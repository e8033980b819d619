"""Erasure, retention and the quota of stored bytes as members and managers use them, on a real database."""

from __future__ import annotations

from bot.services.questions import QuestionRequest
from db import blobs
from tests.erasure_samples import find_text
from tests.integration.test_bot_services import ANNA, BEN, BOSS, document, refused, run, services, target

__all__ = ["services", "target"]


def test_erasure__of_a_server_by_its_managers_only(services, library, target):
    document(services, library, ANNA, target)
    refused("refusal-managers-only", services.erasure.erase_server(ANNA))
    assert run(services.erasure.erase_server(BOSS)) is True
    assert find_text(library.database, "rules.txt") == {}
    assert find_text(library.database, f"guild:{ANNA.guild_id}") == {}
    # The bot had the ID of the workspace in its cache; the next request creates a new workspace.
    job = run(services.questions.ask(BEN, QuestionRequest("Why?"), target()))
    assert library.count("jobs", f"id = {job}") == 1


def test_erasure__of_a_person(services, library, target):
    document(services, library, ANNA, target)
    run(services.questions.ask(ANNA, QuestionRequest("Why?"), target()))
    run(services.questions.ask(BEN, QuestionRequest("Where?"), target()))
    counts = run(services.erasure.count_person(ANNA))
    assert counts == {"questions": 1, "document_jobs": 1, "documents": 1, "messages": 2}
    run(services.erasure.erase_person(ANNA, keep_documents=False))
    assert run(services.erasure.count_person(ANNA)) == {}
    assert find_text(library.database, "rules.txt") == {}
    assert run(services.erasure.count_person(BEN))["questions"] == 1


def test_library_quota__is_checked_before_a_file_is_stored(services, library):
    run(services.workspace_settings.change(BOSS, library_mb=1))
    run(services.library.store_content(ANNA, b"x" * blobs.MB))
    refused("refusal-library-full", services.library.store_content(ANNA, b"y"))
    assert library.count("blobs") == 1
    assert run(services.library.stored_bytes(ANNA)) == (blobs.MB, blobs.MB)
    assert run(services.library.stored_bytes(BEN)) == (blobs.MB, blobs.MB)
