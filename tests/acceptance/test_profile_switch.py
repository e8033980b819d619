"""Change the embedding model while questions are asked: no question fails or mixes vectors of two profiles."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from config.embedding import build_embedder
from config.setting_groups import ServerSettings
from config.settings import Settings
from db import jobs
from pipeline.backends.models.sentence_transformer import describe_model
from pipeline.text.passages import build_passage
from tasks.submit import Submitter
from tests.loopback_llm import LoopbackLlm, ScriptedReply

INTERVAL_S = 0.05
MAX_OPEN = 60
"""Maximum open questions, for machines that answer fewer than twenty per second."""
DIMENSIONS = 384
"""The same as the packaged model, so that mixed vectors would cause no error."""
OPEN_QUESTIONS = "SELECT count(*) FROM jobs WHERE kind = 'ask' AND state IN ('queued', 'running')"
PLANTS = ("basil", "cedar", "fern", "gorse", "hazel", "iris", "juniper", "larch", "maple", "nettle", "oak", "poppy")


def remote_vector(content: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    seed = int.from_bytes(hashlib.sha256(content.encode()).digest()[:8])
    vector = np.random.default_rng(seed).normal(size=DIMENSIONS)
    return vector / np.linalg.norm(vector)


def reply_with_embeddings(request: Mapping[str, Any]) -> ScriptedReply:
    """Return embeddings as an endpoint does whose latency grows with the number of texts."""
    time.sleep(0.03 * max(0, len(request["input"]) - 1))
    data = [{"index": n, "embedding": remote_vector(content).tolist()} for n, content in enumerate(request["input"])]
    return ScriptedReply(body=json.dumps({"data": data}))


@contextmanager
def ask_continuously(installation, redis_url: str) -> Iterator[list[int]]:
    """Ask a question every 50 ms while few are open; yield the growing list of job IDs."""
    asked: list[int] = []
    failures: list[Exception] = []
    stop = threading.Event()
    with installation.database.system() as session:
        workspace = int(session.scalar(text("SELECT id FROM workspaces WHERE key = 'local'")) or 0)
    submitter = Submitter(installation.database, redis_url, expires_s=600)

    def ask() -> None:
        try:
            for number in count():
                while installation.value(OPEN_QUESTIONS) >= MAX_OPEN and not stop.wait(INTERVAL_S):
                    pass
                payload = {
                    "question": f"Where does the {PLANTS[number % len(PLANTS)]} grow?",
                    "options": {"reranker": "none", "top_n": 10},
                    "channels": [],
                }
                asked.extend(submitter.submit([jobs.NewJob(workspace, "ask", payload)]))
                if stop.wait(INTERVAL_S):
                    return
        except Exception as error:  # noqa: BLE001 - asserted below
            failures.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join()
    assert failures == []


def count_by_profile(installation) -> dict[str, int]:
    with installation.database.owner() as session:
        statement = "SELECT p.name, count(*) AS number FROM queries q JOIN embedding_profiles p ON p.id = q.profile_id"
        rows = session.execute(text(f"{statement} GROUP BY 1"))
        return {row.name: row.number for row in rows}


def run(installation, *arguments: str, **environment: str) -> str:
    result = installation.refdesk("profiles", *arguments, **environment)
    assert result.returncode == 0, result.stderr.decode()
    out: bytes = result.stdout
    return out.decode()


def assert_no_question_mixes_vectors(installation) -> None:
    """Recompute the similarity of every dense candidate with the profile recorded in its trace."""
    with installation.database.owner() as session:
        rows = session.execute(
            text(
                "SELECT q.question, p.name AS profile, k.dense_score, c.headings, c.text FROM queries q"
                " JOIN embedding_profiles p ON p.id = q.profile_id JOIN query_candidates k ON k.query_id = q.id"
                " JOIN chunks c ON c.id = k.chunk_id WHERE k.dense_rank <= 3"
            )
        ).all()
    # The model that the workers saved, because an import of torch takes 9 s of processor time.
    settings = Settings(_env_file=None, servers=ServerSettings(home=Path(installation.environment["REFDESK_HOME"])))
    local = build_embedder(settings, describe_model("all-MiniLM-L6-v2", Path()))
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


def test_switch_and_rollback__while_questions_are_asked(installation, redis_url, tmp_path):
    for number in range(60):
        plant = PLANTS[number % len(PLANTS)]
        (tmp_path / f"{number}.txt").write_text(
            f"Bed {number}: the {plant} grows in row {number * 7 % 31} by the wall."
        )
    files = [str(tmp_path / f"{number}.txt") for number in range(60)]
    installation.start_workers("ingest", "query", REFDESK_EMBED_CLAIM_SIZE="8")
    assert installation.refdesk("ingest", *files[:50]).returncode == 0
    with LoopbackLlm(reply_with_embeddings) as endpoint:
        run(installation, "add", "remote", "--model", "hashes", "--base-url", endpoint.url)
        with ask_continuously(installation, redis_url) as asked:
            assert installation.refdesk("ingest", *files[50:], "--no-wait").returncode == 0
            run(installation, "build", "remote")
            before = len(asked)
            run(installation, "switch", "remote")
            switched = len(asked)
            installation.wait_until(
                lambda: count_by_profile(installation).get("remote", 0) >= 20, "answers from the new profile"
            )
            run(installation, "rollback")
            local = count_by_profile(installation)["all-MiniLM-L6-v2"]
            installation.wait_until(
                lambda: count_by_profile(installation)["all-MiniLM-L6-v2"] >= local + 20, "answers from the old profile"
            )
        while left := installation.value(OPEN_QUESTIONS):
            installation.wait_until(
                lambda left=left: installation.value(OPEN_QUESTIONS) < left, "more questions answered"
            )
    assert before > 20
    assert switched > before
    assert installation.value("SELECT count(*) FROM jobs WHERE kind = 'ask' AND state = 'succeeded'") == len(asked)
    assert installation.value("SELECT count(*) FROM queries WHERE fallbacks <> '[]' OR profile_id IS NULL") == 0
    assert installation.value("SELECT count(*) FROM embedding_queue") == 0
    assert installation.value("SELECT count(*) FROM documents WHERE live_version_id IS NOT NULL") == 60
    assert_no_question_mixes_vectors(installation)
    report = (
        f"{len(asked)} questions, {before} before the switch, answered by profile: {count_by_profile(installation)}"
    )
    (tmp_path / "report.txt").write_text(report)
    assert "dropped remote with 60 vectors" in run(installation, "drop", "remote")


def reply_with_4096_dimensions(request: Mapping[str, Any]) -> ScriptedReply:
    data = [{"index": n, "embedding": [0.5] * 4096} for n, _ in enumerate(request["input"])]
    return ScriptedReply(body=json.dumps({"data": data}))


def test_rejections__are_one_message_and_change_nothing(installation):
    with LoopbackLlm(reply_with_4096_dimensions) as endpoint:
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
        for command, message in commands.items():
            result = installation.refdesk("profiles", *command)
            stderr = " ".join(result.stderr.decode().split())
            assert (result.returncode, message in stderr, "Traceback" in stderr) == (1, True, False), stderr
            assert "hidden-word" not in stderr
    assert installation.value("SELECT count(*) FROM embedding_profiles") == 0
