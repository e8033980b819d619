"""The task functions on a real database with fakes for the ports: their inputs to the flow and their results."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from config.profile_parts import ProfilePartsCache
from config.settings import Settings
from db import blobs, documents, jobs, traces
from pipeline.answer_parts import AnswerParts
from pipeline.errors import Cancelled
from pipeline.rerank.recall_order import RecallOrderReranker
from tasks import ingest, ingest_sources, query
from tasks.lease import lease_job
from tasks.lease_batch import lease_jobs
from tasks.runtime import Runtime
from tests.answer_fakes import FakeChat
from tests.erasure_samples import find_text
from tests.integration.conftest import fake_vector

ORIGIN = "https://discord.com/channels/1/2/3"


class FakeEmbedder:
    def __init__(self, profile):
        self.profile = profile

    def encode(self, texts):
        return np.array([fake_vector(text) for text in texts], dtype=np.float32)


@pytest.fixture
def work(library):
    """Return a function that runs a job as a worker does, with a fake chat model."""

    def run(number, said=None):
        chat = None if said is None else FakeChat(said)
        embedder = FakeEmbedder(library.profile)

        def answer_with(recall):
            return AnswerParts(recall, embedder, {"none": RecallOrderReranker()}, chat, abstain_below=-1.0)

        loaded: Any = SimpleNamespace(
            ingest=SimpleNamespace(profile=library.profile, parser=None, fetcher=None), answer_with=answer_with
        )
        parts = ProfilePartsCache(lambda _profile: loaded, lambda: None)
        runtime = Runtime("w", Settings(_env_file=None), library.database, parts)
        if library.job(number).kind == "ingest":
            with lease_jobs(library.database, worker="w", stage="start", lease_s=60) as batch:
                ingest._ingest(runtime, batch, batch.jobs)
            return library.job(number), chat
        with lease_job(library.database, "query", worker="w", stage="start", lease_s=60) as leased:
            assert leased is not None
            query._answer(runtime, leased)
        return library.job(number), chat

    return run


def ask(library, question, **payload):
    payload = {"question": question, "options": {"reranker": "none"}, "channels": []} | payload
    with library.database.tenant(library.workspace) as session:
        return jobs.submit(session, jobs.NewJob(library.workspace, "ask", payload, requester="42"))


def add(library, text, source="castle.txt", **payload):
    with library.database.tenant(library.workspace) as session:
        sha256 = blobs.store(session, library.workspace, text.encode())
    return library.submit({"source": source, "name": source, "sha256": sha256, "channels": None} | payload)


def test_ask__a_follow_up_in_another_language(library, work):
    library.store(
        library.claim(add(library, "The castle is thirty metres high.", origin=ORIGIN)), ["The castle is high."]
    )
    library.embed()
    earlier = [{"question": "Who built the castle?", "answer": "A duke [1]."}]
    options = {"reranker": "none", "language": "zh"}
    said = iter(['{"question": "How high is the castle?"}', "The castle is high [1]."])
    number = ask(library, "How high is it?", conversation=earlier, options=options)
    job, chat = work(number, lambda _: next(said))
    assert (job.state, job.result["searched_as"]) == ("succeeded", "How high is the castle?")
    assert [(c["source"], c["origin"]) for c in job.result["citations"]] == [("castle.txt", ORIGIN)]
    assert "A duke." in chat.requests[0][1].content
    assert "中文" in chat.requests[1][0].content
    with library.database.tenant(library.workspace) as session:
        trace = traces.read_trace(session, number)
    assert trace is not None
    assert (trace.question, trace.searched_as, trace.calls) == ("How high is it?", "How high is the castle?", 2)
    assert "rewrite" in trace.timings_ms


def test_ask__without_a_conversation(library, work):
    library.store(library.claim(add(library, "The castle is high.")), ["The castle is high."])
    library.embed()
    job, _ = work(ask(library, "How high is the castle?"))
    assert (job.state, job.result["searched_as"], job.result["citations"][0]["origin"]) == ("succeeded", "", "")


def test_ask__a_language_that_is_none_fails_with_a_sentence(library, work):
    job, _ = work(ask(library, "How high?", options={"reranker": "none", "language": "fr"}))
    assert (job.state, job.error_class) == ("failed", "UnknownName")
    assert "choose one of en, zh" in job.error


def test_ingest__the_same_bytes_from_a_newer_message_keep_their_link(library, work):
    library.store(library.claim(add(library, "one", origin=ORIGIN)), ["one"])
    library.embed()
    job, _ = work(add(library, "one", origin=ORIGIN + "9"))
    assert (job.state, job.result["unchanged"]) == ("succeeded", True)
    with library.database.tenant(library.workspace) as session:
        assert documents.read_document(session, job.result["document"])[0].origin == ORIGIN
    work(add(library, "one"))
    with library.database.tenant(library.workspace) as session:
        assert documents.read_document(session, job.result["document"])[0].origin == ORIGIN


def test_ask__is_repeated_if_a_document_is_deleted_meanwhile(library, work):
    library.add("castle.txt", ["The zebrafinch castle is thirty metres high."])

    def delete_and_answer(_messages):
        with library.database.tenant(library.workspace) as session:
            documents.delete_document(session, 1)
        return "The zebrafinch castle is thirty metres high [1]."

    done, _ = work(ask(library, "How high is the castle?"), delete_and_answer)
    assert (done.state, done.error_class) == ("queued", "DocumentDeleted")
    assert find_text(library.database, "zebrafinch") == {}


def test_ingest__of_unchanged_bytes_writes_nothing_after_the_document_was_deleted(library):
    library.add("zebrafinch.txt", ["one"])
    job = library.submit_bytes("zebrafinch.txt", b"one")
    lease = library.claim(job)
    with library.database.tenant(library.workspace) as session:
        same = documents.find_same_bytes(session, library.workspace, [(lease, lease.payload["sha256"])])[job]
        documents.delete_document(session, 1)
    runtime: Any = SimpleNamespace(database=library.database)
    with pytest.raises(Cancelled):
        ingest_sources._end_unchanged(runtime, lease, same)
    assert find_text(library.database, "zebrafinch") == {}
