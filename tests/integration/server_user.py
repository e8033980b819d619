"""A process that uses the embedded servers until it is asked to stop, for tests that kill and interrupt it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).parents[2]
STOP_TIMEOUT_S = 120

SCRIPT = """
import json, sys
from pathlib import Path
from embedded.servers import EmbeddedServers
from pipeline.errors import RefdeskError
try:
    with EmbeddedServers(Path(sys.argv[1])) as urls:
        try:
            print(json.dumps([urls.database_url, urls.redis_url]), flush=True)
            sys.stdin.readline()
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            sys.stdin.readline()
except RefdeskError as error:
    print(json.dumps({"error": error.name, "text": str(error)}), flush=True)
"""


class ServerUser:
    """One such process, in a separate process group."""

    def __init__(
        self,
        home: Path,
        *,
        python: str = sys.executable,
        first_on_path: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        """Start the process without waiting for its servers."""
        path = os.pathsep.join(map(str, (*first_on_path, REPOSITORY)))
        self.process = subprocess.Popen(
            [python, "-c", SCRIPT, str(home)],
            cwd="/",
            env={**os.environ, **(environment or {}), "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            process_group=0,
            **options,
        )

    def wait_ready(self) -> Any:
        """Return the two URLs once the servers run, or the error as a dict."""
        return json.loads(self.read_line())

    def read_line(self) -> str:
        """Return the next line of output."""
        assert self.process.stdout
        return str(self.process.stdout.readline())

    def stop(self) -> int:
        """Let the process release the servers and end; return its exit code."""
        self.process.communicate("\n", timeout=STOP_TIMEOUT_S)
        return self.process.returncode

    def interrupt(self) -> None:
        """Send what Ctrl-C in a terminal sends."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill the process and close its pipes."""
        self.process.kill()
        self.process.communicate()

    def close(self) -> None:
        """Stop a process that a failed test left running, so that neither it nor its servers disturb the next test."""
        if self.process.returncode is not None:
            return
        try:
            self.stop()
        except (OSError, subprocess.TimeoutExpired):
            self.kill()


def is_running(process: psutil.Process) -> bool:
    """Return whether a process runs; one that ends during the call does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def read_of_running(processes: Sequence[psutil.Process], attribute: str, *arguments: Any) -> list[Any]:
    """Read an attribute of each process that still runs: PostgreSQL's helper processes come and go."""
    values = []
    for process in processes:
        try:
            values.append(getattr(process, attribute)(*arguments))
        except psutil.NoSuchProcess:
            continue
    return values


def kill_processes(processes: Sequence[psutil.Process]) -> None:
    """Kill processes and wait until the last one has ended; the children of a killed one may end by themselves."""
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while any(is_running(process) for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.02)
