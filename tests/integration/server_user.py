"""A process that uses the embedded servers until it is told to leave; the tests kill and interrupt it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]

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
    """One such process, in a process group of its own."""

    def __init__(
        self,
        home: Path,
        *,
        python: str = sys.executable,
        first_on_path: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        """Start it; `entered` waits for it."""
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

    def entered(self) -> Any:
        """Return the two addresses, or the error as a dict."""
        return json.loads(self.read_line())

    def read_line(self) -> str:
        """Return the next line it says."""
        assert self.process.stdout
        return str(self.process.stdout.readline())

    def leave(self) -> int:
        """Let it leave the servers and end."""
        self.process.communicate("\n")
        return self.process.returncode

    def interrupt(self) -> None:
        """Do what Ctrl-C in its terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill it without notice."""
        self.process.kill()
        self.process.communicate()
