"""The embedding model changes while questions go on: built, switched, rolled back; none fails, none mixes vectors."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
from sqlalchemy import text

from db import jobs
from pipeline.text.passages import build_passage
from tasks.submit import Submitter
from tests.loopback_llm import LoopbackLlm, ScriptedReply

EVERY_S = 0.05
MOST_OPEN = 60
"""Questions that may wait: on a machine that answers fewer than twenty in a second, they would only pile up."""
DIMENSIONS = 384
"""As many as the packaged model has: vectors of the two could be mixed without anybody noticing."""
OPEN_QUESTIONS = "SELECT count(*) FROM jobs WHERE kind = 'ask' AND state IN ('queued', 'running')"
PLANTS = ("basil", "cedar", "fern", "gorse", "hazel", "iris", "juniper", "larch", "maple", "nettle", "oak", "poppy")


def remote_vector(content: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    seed = int.from_bytes(hashlib.sha256(content.encode()).digest()[:8])
    vector = np.random.default_rng(seed).normal(size=DIMENSIONS)
    return vector / np.linalg.norm(vector)


def embeddings(request: Mapping[str, Any]) -> ScriptedReply:
    """Embed as an endpoint does that takes its time for many texts."""
    time.sleep(0.03 * max(0, len(request["input"]) - 1))
    data = [{"index": n, "embedding": remote_vector(content).tolist()} for n, content in enumerate(request["input"])]
    return ScriptedReply(body=json.dumps({"data": data}))


@contextmanager
def questions(desk, redis_url: str) -> Iterator[list[int]]:
    """Ask a question every 50 ms while not too many wait; gives the numbers of the jobs, which grow."""
    asked: list[int] = []
    failures: list[Exception] = []
    stop = threading.Event()
    with desk.database.system() as session:
        workspace = int(session.scalar(text("SELECT id FROM workspaces WHERE key = 'local'")) or 0)
    submitter = Submitter(desk.database, redis_url, expires_s=600)

    def ask() -> None:
        try:
            for number in count():
                while desk.value(OPEN_QUESTIONS) >= MOST_OPEN and not stop.wait(EVERY_S):
                    pass
                payload = {
                    "question": f"Where does the {PLANTS[number % len(PLANTS)]} grow?",
                    "options": {"reranker": "none", "top_n": 10},
                    "channels": [],
                }
                asked.extend(submitter.submit([jobs.NewJob(workspace, "ask", payload)]))
                if stop.wait(EVERY_S):
                    return
        except Exception as error:  # noqa: BLE001 - looked at below
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join()
    assert failures == []


def by_profile(desk) -> dict[str, int]:
    with desk.database.owner() as session:
        statement = "SELECT p.name, count(*) AS number FROM queries q JOIN embedding_profiles p ON p.id = q.profile_id"
        rows = session.execute(text(f"{statement} GROUP BY 1"))
        return {row.name: row.number for row in rows}


def run(desk, *arguments: str, **environment: str) -> str:
    ended = desk.refdesk("profiles", *arguments, **environment)
    assert ended.returncode == 0, ended.stderr.decode()
    out: bytes = ended.stdout
    return out.decode()


def assert_no_question_mixes_vectors(desk) -> None:
    """Compute the similarity of every dense candidate anew, from the vectors of the profile that the trace names."""
    from pipeline.backends.models.sentence_transformer import SentenceTransformerEmbedder, describe_model

    with desk.database.owner() as session:
        rows = session.execute(
            text(
                "SELECT q.question, p.name AS profile, k.dense_score, c.headings, c.text FROM queries q"
                " JOIN embedding_profiles p ON p.id = q.profile_id JOIN query_candidates k ON k.query_id = q.id"
                " JOIN chunks c ON c.id = k.chunk_id WHERE k.dense_rank <= 3"
            )
        ).all()
    local = SentenceTransformerEmbedder(describe_model("all-MiniLM-L6-v2"))
    contents = sorted({build_passage(row.headings, row.text) for row in rows} | {row.question for row in rows})
    vectors: dict[str, dict[str, Sequence[float]]] = {
        "all-MiniLM-L6-v2": dict(zip(contents, local.encode(contents), strict=True)),
        "remote": {content: remote_vector(content).tolist() for content in contents},
    }
    assert {row.profile for row in rows} == set(vectors)
    for row in rows:
        of = vectors[row.profile]
        expected = float(np.dot(of[row.question], of[build_passage(row.headings, row.text)]))
        assert abs(row.dense_score - expected) < 0.005, (row.profile, row.question, row.dense_score, expected)


def test_switch_and_rollback__while_questions_go_on(desk, redis_url, tmp_path):
    for number in range(60):
        plant = PLANTS[number % len(PLANTS)]
        (tmp_path / f"{number}.txt").write_text(
            f"Bed {number}: the {plant} grows in row {number * 7 % 31} by the wall."
        )
    files = [str(tmp_path / f"{number}.txt") for number in range(60)]
    desk.start_worker("ingest", REFDESK_EMBED_CLAIM_SIZE="8")
    desk.start_worker("query")
    assert desk.refdesk("ingest", *files[:50]).returncode == 0
    with LoopbackLlm(embeddings) as endpoint:
        run(desk, "add", "remote", "--model", "hashes", "--base-url", endpoint.url)
        with questions(desk, redis_url) as asked:
            assert desk.refdesk("ingest", *files[50:], "--no-wait").returncode == 0
            run(desk, "build", "remote")
            before = len(asked)
            run(desk, "switch", "remote")
            switched = len(asked)
            desk.wait_until(lambda: by_profile(desk).get("remote", 0) >= 20, "answers from the new profile")
            run(desk, "rollback")
            local = by_profile(desk)["all-MiniLM-L6-v2"]
            desk.wait_until(lambda: by_profile(desk)["all-MiniLM-L6-v2"] >= local + 20, "answers from the old profile")
        while left := desk.value(OPEN_QUESTIONS):
            desk.wait_until(lambda left=left: desk.value(OPEN_QUESTIONS) < left, "more questions answered")
    assert before > 20
    assert switched > before
    assert desk.value("SELECT count(*) FROM jobs WHERE kind = 'ask' AND state = 'succeeded'") == len(asked)
    assert desk.value("SELECT count(*) FROM queries WHERE fallbacks <> '[]' OR profile_id IS NULL") == 0
    assert desk.value("SELECT count(*) FROM embedding_queue") == 0
    assert desk.value("SELECT count(*) FROM documents WHERE live_version_id IS NOT NULL") == 60
    assert_no_question_mixes_vectors(desk)
    report = f"{len(asked)} questions, {before} until the build's end, answered by profile: {by_profile(desk)}"
    (tmp_path / "report.txt").write_text(report)
    assert "dropped remote with 60 vectors" in run(desk, "drop", "remote")


def too_wide(request: Mapping[str, Any]) -> ScriptedReply:
    data = [{"index": n, "embedding": [0.5] * 4096} for n, _ in enumerate(request["input"])]
    return ScriptedReply(body=json.dumps({"data": data}))


def test_refusals__are_one_sentence_and_change_nothing(desk):
    with LoopbackLlm(too_wide) as endpoint:
        wide = ("add", "wide", "--model", "m", "--base-url", endpoint.url)
        commands = {
            ("switch", "nope"): "There is no embedding profile 'nope'. Known profiles: none yet.",
            ("rollback",): "no profile to roll back to",
            ("add", "far", "--model", "nobody/such-model"): "nobody/such-model is neither a folder nor cached",
            ("add", "away", "--model", "m", "--base-url", "http://127.0.0.1:9/v1"): "cannot be reached",
            wide: "4,096 dimensions; an index supports at most 4,000",
            (*wide, "--dimensions", "100"): "returns vectors of 4096 dimensions",
            (
                "add",
                "secret",
                "--model",
                "m",
                "--base-url",
                "http://me:hidden-word@127.0.0.1/v1",
            ): "is stored and shown",
            (*wide, "--pooling", "mean"): "An endpoint does its own pooling",
        }
        for command, sentence in commands.items():
            ended = desk.refdesk("profiles", *command)
            said = " ".join(ended.stderr.decode().split())
            assert (ended.returncode, sentence in said, "Traceback" in said) == (1, True, False), said
            assert "hidden-word" not in said
    assert desk.value("SELECT count(*) FROM embedding_profiles") == 0
