"""The embedded Redis: start, adopt and stop a server in a home folder, with a Unix socket."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from embedded.home import ServerHome, format_disk_full
from embedded.process import accepts_connections, find_servers, run_program, stop_servers
from embedded.programs import REDIS_PROGRAMS, find_redis_program
from pipeline.errors import DiskFull, SetupError

FOLDER = "redis"
SOCKET = "redis.sock"
START_TIMEOUT_S = 120.0
LAUNCH_S = 3.0
ADOPT_TIMEOUT_S = 3.0
"""Seconds that a running server may take to respond; one that still loads its data responds with an error."""

OPTIONS = {
    "port": "0",
    "unixsocket": SOCKET,
    "unixsocketperm": "700",
    "appendonly": "yes",
    "save": "",
    "maxmemory-policy": "noeviction",
}


class EmbeddedRedis:
    """Redis in a home folder; callers hold the home's start lock."""

    def __init__(self, home: ServerHome) -> None:
        """Bind to the home."""
        self._home = home
        self._folder = home.path / FOLDER

    @property
    def url(self) -> str:
        """URL of the server in the form that kombu expects."""
        return f"redis+socket://{self._home.make_short_path(FOLDER) / SOCKET}"

    def is_running(self) -> bool:
        """Return whether a server accepts connections here."""
        return accepts_connections(self._home.make_short_path(FOLDER) / SOCKET)

    def start(self) -> None:
        """Adopt the running server, or start one."""
        self._home.make_folder(FOLDER)
        if find_servers(self._folder, REDIS_PROGRAMS):
            if self._wait_ready(ADOPT_TIMEOUT_S):
                return
            self.stop()  # without a socket, or hanging: no client can use it
        program = find_redis_program(self._home)
        options = [
            part
            for name, value in (OPTIONS | {"appendfilename": program.data_file}).items()
            for part in (f"--{name}", value)
        ]
        handle, log = self._home.open_log("redis")
        try:
            begin = os.fstat(handle).st_size
            # A shell puts the server into the background, because `daemonize` would have to open the log by its path.
            shell: list[str | Path] = ["/bin/sh", "-c", 'exec "$@" </dev/null &', "sh", program.path, *options]
            run_program(shell, self._home.account, folder=self._folder, output=handle)
            if not self._wait_ready(START_TIMEOUT_S):
                text = os.pread(handle, 100_000, begin).decode("utf-8", "replace")
                if "No space left on device" in text:
                    raise DiskFull(format_disk_full(self._home.path))
                reason = (text.splitlines() or ["no reason given"])[-1].strip()
                raise SetupError(f"The embedded Redis in {self._folder} did not start: {reason} (log: {log}).")
        finally:
            os.close(handle)

    def stop(self) -> None:
        """Stop the server after it has written all data to disk."""
        running = find_servers(self._folder, REDIS_PROGRAMS)
        stop_servers(
            self._folder,
            REDIS_PROGRAMS,
            running,
            [(signal.SIGTERM, 30.0), (signal.SIGKILL, 10.0)],
        )

    def _wait_ready(self, timeout_s: float) -> bool:
        # A server that has not opened its socket yet does not respond. Waiting ends early when its process has ended,
        # except in the first seconds, in which the shell may not have started it yet.
        import redis

        started = last_response = time.monotonic()
        client = redis.Redis(unix_socket_path=str(self._home.make_short_path(FOLDER) / SOCKET), socket_timeout=3.0)
        try:
            while time.monotonic() < last_response + timeout_s:
                try:
                    client.ping()
                except redis.BusyLoadingError:
                    last_response = time.monotonic()
                except redis.RedisError:
                    if time.monotonic() > started + LAUNCH_S and not find_servers(self._folder, REDIS_PROGRAMS):
                        return False
                else:
                    return True
                time.sleep(0.02)
            return False
        finally:
            client.close()
