"""Visibility of documents, traces and originals on a real database."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from db import blobs, documents, feedback, jobs, traces
from db.recall import PostgresRecall
from pipeline.errors import UnknownName
from pipeline.recall import extract_query_words
from pipeline.types import (
    Answer,
    AnswerOptions,
    Candidate,
    Citation,
    Fallback,
    GenerationResult,
    RankedCandidate,
    RecallQuery,
    RecallResult,
    RerankResult,
    RewriteResult,
    Usage,
)

MESSAGE = "https://discord.com/channels/1/2/3"


def add(library, source="a.txt", *, content=b"one word", workspace=None, **payload) -> int:
    """Submit a document with the payload of a front end and return its job."""
    workspace = workspace or library.workspace
    with library.database.tenant(workspace) as session:
        sha256 = blobs.store(session, workspace, content)
    job = library.submit({"source": source, "name": source, "sha256": sha256, "channels": None} | payload)
    library.store(library.claim(job), [content.decode()])
    library.embed()
    return int(library.job(job).result["document"])


def shown(library, document, channels=None):
    with library.database.tenant(library.workspace) as session:
        return documents.read_document(session, document, channels=channels)[0]


@pytest.mark.parametrize(
    "origin", [MESSAGE, "http://example.org", "HTTPS://example.org/a?b=c#d", "https://例子.org/文"]
)
def test_origin__web_link_is_stored(library, origin):
    assert shown(library, add(library, origin=origin)).origin == origin


@pytest.mark.parametrize(
    "origin",
    [
        *(
            "javascript:alert(1)",
            "file:///etc/passwd",
            "ftp://a/b",
            "//a/b",
            "",
            "https://",
            "x" * 3000,
            None,
            7,
            ["https://a"],
        ),
        *(
            "https://a/b c",
            "https://a/b\nc",
            "https://user:secret@a/b",
            "https://a/<b>",
            'https://a/"b',
            "https://a/`b`",
        ),
        *("https://a/\u202eb", "https://a/" + "b" * 2000, " javascript:https://a", "https://a\\b"),
    ],
)
def test_origin__anything_else_is_dropped(library, origin):
    assert shown(library, add(library, origin=origin)).origin == ""


def test_origin__defaults_to_the_fetched_link(library):
    fetched = library.submit({"url": "https://example.org/a", "source": "https://example.org/a"})
    posted = library.submit({"url": "https://example.org/a", "origin": MESSAGE})
    odd = library.submit({"url": "gopher://a"})
    assert library.job(fetched).payload["origin"] == "https://example.org/a"
    assert library.job(posted).payload["origin"] == MESSAGE
    assert "origin" not in library.job(odd).payload


def test_origin__follows_the_live_version(library):
    document = add(library, origin=MESSAGE)
    assert add(library, content=b"two", origin=MESSAGE + "4") == document
    assert shown(library, document).origin == MESSAGE + "4"
    add(library, content=b"three")
    assert shown(library, document).origin == ""


def test_origin__survives_reingesting(library):
    document = add(library, origin=MESSAGE)
    with library.database.tenant(library.workspace) as session:
        payload = documents.build_reingest_payload(session, document)
    assert payload["origin"] == MESSAGE


def test_origin__of_the_same_bytes_found_elsewhere_is_stored_only_if_there_is_none(library):
    linked, unlinked = add(library, origin=MESSAGE), add(library, "b.txt")
    with library.database.tenant(library.workspace) as session:
        for document in (linked, unlinked):
            documents.add_missing_origin(session, document, None)
            documents.add_missing_origin(session, document, MESSAGE + "4")
    assert [shown(library, document).origin for document in (linked, unlinked)] == [MESSAGE, MESSAGE + "4"]


def test_origin__of_a_deleted_message_is_removed(library):
    linked, other = add(library, origin=MESSAGE), add(library, "b.txt", origin=MESSAGE + "4")
    with library.database.system() as session:
        assert documents.remove_origins(session, [MESSAGE, MESSAGE + "5"]) == 1
        assert documents.remove_origins(session, [MESSAGE]) == 0
    assert [shown(library, document).origin for document in (linked, other)] == ["", MESSAGE + "4"]


def test_origin__comes_with_recall(library, vector_of):
    add(library, content=b"a word", origin=MESSAGE)
    query = RecallQuery("word", vector_of("word"), extract_query_words("word"))
    found = PostgresRecall(library.database, library.workspace, library.profile).recall(query).candidates
    assert [(candidate.source, candidate.origin) for candidate in found] == [("a.txt", MESSAGE)]


def test_documents__viewer_without_the_channel_gets_unknown_name(library):
    everywhere = add(library, "open")
    scoped = add(library, "scoped", content=b"secret", channels=["7", "8"])
    with library.database.tenant(library.workspace) as session:

        def listed(channels=None, search=""):
            return {document.id for document in documents.list_documents(session, channels=channels, search=search)}

        assert listed() == {everywhere, scoped}
        assert listed(["8"]) == {everywhere, scoped}
        assert listed(["9"]) == listed([]) == {everywhere}
        assert listed(["9"], search="scoped") == set()
        for read in (documents.read_document, documents.read_original, documents.build_reingest_payload):
            assert read(session, scoped, channels=["8"])
            assert read(session, scoped)
            for channels in ([], ["9"]):
                with pytest.raises(UnknownName, match=f"no document {scoped} in this workspace"):
                    read(session, scoped, channels=channels)


def test_original__returns_name_type_and_bytes(library):
    document = add(library, "discord/7/notes.txt", content=b"the bytes")
    with library.database.tenant(library.workspace) as session:
        assert documents.read_original(session, document) == ("notes.txt", "text/plain", b"the bytes")
    library.run("DELETE FROM blobs")
    with pytest.raises(UnknownName, match="no longer stored"), library.database.tenant(library.workspace) as session:
        documents.read_original(session, document)
    with pytest.raises(UnknownName), library.database.tenant(library.other) as session:
        documents.read_original(session, document)


def answered(library, found: list[Candidate]) -> int:
    """Store a question with its trace and return the job."""
    job: int = library.submit()
    lease = jobs.Lease(job, library.workspace, uuid.uuid4(), 1, "42")
    ranked = tuple(
        RankedCandidate(candidate, n, 1 / n, 0.5, "fits", "late-interaction", ("unscored",))
        for n, candidate in enumerate(reversed(found), 1)
    )
    first = ranked[0].candidate
    answer = Answer(
        question="And the second?",
        rewriting=RewriteResult("What is the second word?", "What is the second word?", usage=Usage(1, 10, 5, 0.25)),
        options=AnswerOptions(reranker="cross-encoder"),
        recalled=RecallResult(tuple(found), 50, "exact"),
        reranking=RerankResult(ranked, "late-interaction", usage=Usage(1, 10, 5, 0.25)),
        generated=GenerationResult(
            "It is. [1]", (Citation(1, first.chunk_id, 1, "t", None, "is"),), False, "extractive", ((1, 2),)
        ),
        timings_ms={"recall": 1.5, "total": 2.0},
        fallbacks=(Fallback("rerank", "cross-encoder", "late-interaction", "no model"),),
    )
    with library.database.tenant(library.workspace) as session:
        traces.store_trace(session, lease, answer)
    return job


def candidates(library, vector_of) -> list[Candidate]:
    query = RecallQuery("word", vector_of("word"), extract_query_words("word"))
    recall = PostgresRecall(library.database, library.workspace, library.profile, ["7"])
    return list(recall.recall(query).candidates)


def read(library, job, channels: Any = None) -> traces.TraceView:
    with library.database.tenant(library.workspace) as session:
        trace = traces.read_trace(session, job, channels=channels)
    assert trace is not None
    return trace


def test_trace__reads_as_it_was_stored(library, vector_of):
    add(library, "open", content=b"first word", origin=MESSAGE)
    add(library, "scoped", content=b"second word", channels=["7"])
    found = candidates(library, vector_of)
    trace = read(library, answered(library, found))
    assert (trace.question, trace.searched_as) == ("And the second?", "What is the second word?")
    assert (trace.reranker_asked, trace.reranker, trace.plan) == ("cross-encoder", "late-interaction", "exact")
    assert trace.fallbacks == (Fallback("rerank", "cross-encoder", "late-interaction", "no model"),)
    assert (trace.timings_ms["recall"], trace.cost_usd, trace.prompt_tokens, trace.completion_tokens) == (
        1.5,
        0.5,
        20,
        10,
    )
    assert [item.rank for item in trace.candidates] == [1, 2]
    assert [item.recall_rank for item in trace.candidates] == [2, 1]
    top = trace.candidates[0]
    assert (top.text, top.source, top.origin) == (found[1].text, found[1].source, found[1].origin)
    assert (top.citation, top.quote, top.reason, top.flags) == (1, "is", "fits", ("unscored", "conflict"))
    assert (trace.candidates[1].citation, trace.candidates[1].flags) == (None, ("unscored",))


def test_trace__hides_documents_from_viewers_without_the_channel(library, vector_of):
    scoped = add(library, "scoped", content=b"second word", channels=["7"], origin=MESSAGE)
    job = answered(library, candidates(library, vector_of))
    assert read(library, job, ["7"]).candidates[0].text == "second word"
    (hidden,) = read(library, job, ["8"]).candidates
    assert (hidden.text, hidden.source, hidden.origin, hidden.document_id) == ("", "", "", scoped)
    with library.database.tenant(library.workspace) as session:
        documents.delete_document(session, scoped)
    (gone,) = read(library, job).candidates
    assert (gone.text, gone.origin, gone.title) == ("", "", "")  # the deletion also removed the title


def test_trace__of_no_answer_or_of_another_workspace_is_none(library, vector_of):
    add(library)
    job = answered(library, candidates(library, vector_of))
    with library.database.tenant(library.workspace) as session:
        assert traces.read_trace(session, job + 1) is None
    with library.database.tenant(library.other) as session:
        assert traces.read_trace(session, job) is None


def test_answered_questions__have_votes_and_cited_live_documents(library, vector_of):
    add(library, "open", content=b"first word")
    add(library, "scoped", content=b"second word", channels=["7"])
    found = candidates(library, vector_of)
    job = answered(library, found)
    library.run(f"UPDATE jobs SET kind = 'ask', state = 'succeeded' WHERE id = {job}")
    with library.database.tenant(library.workspace) as session:
        feedback.store_vote(session, library.workspace, job, "42", 1)
        feedback.store_vote(session, library.workspace, job, "43", 1)
        feedback.store_vote(session, library.workspace, job, "44", -1)
    with library.database.tenant(library.workspace) as session:
        (one,) = feedback.list_answered_questions(session, library.workspace)
        assert (one.question, one.votes, one.cited) == ("What is the second word?", 1, (found[-1].document_id,))
        assert documents.list_channels(session, library.workspace) == ["7"]
        assert feedback.list_answered_questions(session, library.workspace, days=1) == [one]
    with library.database.tenant(library.other) as session:
        assert feedback.list_answered_questions(session, library.workspace) == []
        assert documents.list_channels(session, library.workspace) == []
    library.run("UPDATE queries SET created_at = now() - interval '2 days'")
    with library.database.tenant(library.workspace) as session:
        assert feedback.list_answered_questions(session, library.workspace, days=1) == []
        documents.delete_document(session, found[-1].document_id)
        assert feedback.list_answered_questions(session, library.workspace)[0].cited == ()
