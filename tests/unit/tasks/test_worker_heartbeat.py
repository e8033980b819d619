"""Values that the parent of a worker shares with its children."""

from __future__ import annotations

import os
import signal
import threading
import time

from tasks.worker_heartbeat import count_received, note_task


def test_count_received__after_children_were_killed_while_they_counted():
    for _ in range(20):
        child = os.fork()
        if child == 0:
            while True:
                note_task()
        time.sleep(0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        reader = threading.Thread(target=count_received, daemon=True)
        reader.start()
        reader.join(5)
        assert not reader.is_alive(), "the killed child still has a lock"
