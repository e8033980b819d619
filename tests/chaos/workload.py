"""Questions and documents that arrive continuously, from Discord and from the command line."""

from __future__ import annotations

import hashlib
import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

from db import blobs, jobs, workspaces
from pipeline.errors import SetupError
from tasks.submit import Submitter
from tests.chaos.cluster import Cluster
from tests.fake_discord import DriverError, Person
from tests.fake_discord.model import Channel

INTERVAL_S = 0.15
MAX_OPEN = 40
SOURCES = 12
"""Documents that are added again and again with other contents."""
EMPTY = "<div><b></b></div>"
SLOW_ELEMENTS = 15_000
"""Empty elements of a page, which take about half a second to parse and become no chunks."""
WORDS = ("copper", "lantern", "meadow", "orbit", "pencil", "quartz", "river", "saddle", "timber", "velvet", "walnut")


class Workload:
    """Submits jobs on a thread while it is not paused. Submitting is repeated until it succeeds, as a user would."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)
        self._submitter = Submitter(cluster.installation.database, cluster.urls.redis_url, expires_s=600)
        self._running = threading.Event()
        self._closing = threading.Event()
        self._idle = threading.Event()
        self._thread = threading.Thread(target=self._run, name="workload")
        self.person: Person = cluster.discord.add_user("anna")
        guild = cluster.discord.add_guild("Club", members=[self.person])
        self.channel: Channel = cluster.discord.add_channel(guild, "hall")
        self.workspace_key = f"guild:{guild.id}"
        self.added: dict[str, str] = {}
        """The hash of the content that was requested last, by source."""

    @contextmanager
    def run(self) -> Iterator[None]:
        """Run the thread during the `with` block; it is paused once it has added a first version of each document."""
        self._thread.start()
        try:
            yield
        finally:
            self._closing.set()
            self._running.set()
            self._thread.join()

    def resume(self) -> None:
        """Continue to submit jobs."""
        self._idle.clear()
        self._running.set()

    def pause(self) -> None:
        """Stop to submit jobs, and wait until the last one is submitted."""
        self._running.clear()
        self._idle.wait(60)

    def _run(self) -> None:
        for number in range(SOURCES):  # so that questions find something
            self._add(number, number)
        for number in count(SOURCES):
            if not self._running.is_set():
                self._idle.set()
                self._running.wait()
            if self._closing.is_set():
                return
            with suppress(DriverError):
                self._submit(number)
            time.sleep(INTERVAL_S)

    def _submit(self, number: int) -> None:
        kind = self._random.choices(("slash", "mention", "ask", "ingest"), (2, 2, 4, 4))[0]
        question = f"Where does the {self._random.choice(WORDS)} of {number} hang?"
        if kind == "slash":
            self.person.slash("ask", question=question, channel=self.channel)
        elif kind == "mention":
            self.person.say(self.channel, question, mentions_bot=True)
        elif kind == "ask":
            options: dict[str, Any] = {"reranker": "none", "top_n": 10}
            self._repeat("ask", {"question": question, "options": options, "channels": []})
        else:
            self._add(self._random.randrange(SOURCES), number)

    def _add(self, document: int, number: int) -> None:
        """Add a new version of a document. Every third one takes long to parse, so that its lease is held for long."""
        source = f"document-{document}.{'html' if document % 3 == 0 else 'md'}"
        content = self._build_page(number) if source.endswith("html") else self._build_text(number)
        payload = {"source": source, "name": source, "sha256": hashlib.sha256(content).hexdigest(), "channels": None}
        if self._repeat("ingest", payload, content):
            self.added[source] = str(payload["sha256"])

    def _build_page(self, number: int) -> bytes:
        paragraphs = "".join(f"<p>{' '.join(self._random.choices(WORDS, k=120))}</p>" for _ in range(3))
        return f"<html><body><h1>Number {number}</h1>{paragraphs}{EMPTY * SLOW_ELEMENTS}</body></html>".encode()

    def _build_text(self, number: int) -> bytes:
        chapters = [
            f"# Chapter {n}\n\n" + " ".join(self._random.choices(WORDS, k=120))
            for n in range(self._random.randint(1, 12))
        ]
        return "\n\n".join([f"Number {number}.", *chapters]).encode()

    def _repeat(self, kind: jobs.Kind, payload: dict[str, Any], content: bytes | None = None) -> bool:
        """Submit a job until it is stored; return False if the run ends before."""
        key = uuid.UUID(int=self._random.getrandbits(128)).hex
        while not self._closing.is_set():
            try:
                with self._cluster.installation.database.system() as session:
                    workspace = workspaces.ensure_workspace(session, self.workspace_key)
                if content is not None:
                    with self._cluster.installation.database.tenant(workspace) as session:
                        blobs.store(session, workspace, content)
                self._submitter.submit([jobs.NewJob(workspace, kind, payload, request_key=key, max_attempts=100)])
            except SetupError:
                time.sleep(0.1)
            else:
                return True
        return False
