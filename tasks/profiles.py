"""Load the models of embedding profiles before questions need them."""

from __future__ import annotations

import threading

import structlog

from db import profiles
from pipeline.errors import DatabaseUnavailable
from tasks.runtime import Runtime

log = structlog.get_logger(__name__)

POLL_INTERVAL_S = 2.0


class ProfileWatcher:
    """Loads the models of all filled profiles, on a thread of a query worker.

    The first question after a switch then does not wait for a model: the worker's row lists the loaded profiles, and a
    switch waits until the new one is among them. Retired profiles stay loaded until they are dropped, so that switching
    back is as fast.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Prepare the thread; nothing runs before `start`."""
        self._runtime = runtime
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="profiles", daemon=True)

    def start(self) -> None:
        """Load profiles now, and check for new ones every 2 seconds."""
        self._thread.start()

    def stop(self) -> None:
        """Stop before the next model."""
        self._stop.set()

    def load_profiles(self) -> None:
        """Load filled profiles, unload dropped ones, and record in the worker's row which are loaded."""
        with self._runtime.database.system() as session:
            filled = profiles.list_filled(session)
        self._runtime.parts.retain([profile.id for profile in filled])
        for profile in filled:
            if self._stop.is_set():
                return
            try:
                self._runtime.parts.get(profile)
            except Exception as error:  # noqa: BLE001 - tasks that need this profile report the error; the others still load
                log.warning("embedding profile could not be loaded", profile=profile.name, error=str(error))
        with self._runtime.database.system() as session:
            profiles.record_loaded(session, self._runtime.worker, sorted(self._runtime.parts.loaded()))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.load_profiles()
            except DatabaseUnavailable as error:
                log.warning("profiles not checked: the database is unavailable", error=str(error))
            except Exception:
                log.exception("checking profiles failed")
            self._stop.wait(POLL_INTERVAL_S)
