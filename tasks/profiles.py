"""Profiles in workers: have the models of profiles in memory before questions need them."""

from __future__ import annotations

import threading

import structlog

from db import profiles
from pipeline.errors import DatabaseUnavailable
from tasks.runtime import Runtime

log = structlog.get_logger(__name__)

POLL_INTERVAL_S = 2.0


class ProfileWatcher:
    """Loads the model of a profile that is being built, on a thread of a worker that answers questions.

    So the first question after a switch waits for no model. The worker's row says what is loaded; a switch waits for
    that. Retired profiles stay in memory until they are dropped: a roll-back is as quick.
    """

    def __init__(self, runtime: Runtime) -> None:
        """Bind; nothing runs before `start`."""
        self._runtime = runtime
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="profiles", daemon=True)

    def start(self) -> None:
        """Look now and every other second."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stop.set()

    def load_profiles(self) -> None:
        """Load what is kept, let go of what was dropped, and say what is there."""
        with self._runtime.database.system() as session:
            kept = profiles.list_filled(session)
        self._runtime.parts.retain([profile.id for profile in kept])
        for profile in kept:
            if self._stop.is_set():
                return
            try:
                self._runtime.parts.get(profile)
            except Exception as error:  # noqa: BLE001 - it is said where it is needed, the other profiles load all the same
                log.warning("embedding profile not loaded", profile=profile.name, error=str(error))
        with self._runtime.database.system() as session:
            profiles.record_loaded(session, self._runtime.worker, sorted(self._runtime.parts.loaded()))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.load_profiles()
            except DatabaseUnavailable as error:
                log.warning("profiles not looked at", error=str(error))
            except Exception:
                log.exception("profiles not looked at")
            self._stop.wait(POLL_INTERVAL_S)
