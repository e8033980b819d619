"""The check whether embedded servers are in use, without servers."""

from __future__ import annotations

import fcntl
import os
import threading
import time

import pytest

from embedded.home import START_LOCK, USERS_LOCK
from embedded.servers import _running, are_in_use


@pytest.fixture
def used_home(tmp_path):
    """A home folder whose servers ran once."""
    for name in (START_LOCK, USERS_LOCK):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def hold(path, kind):
    """Acquire a lock and return its descriptor."""
    handle = os.open(path, os.O_RDWR)
    fcntl.flock(handle, kind | fcntl.LOCK_NB)
    return handle


def test_in_use__unused_home(used_home):
    assert not are_in_use(used_home)
    assert not are_in_use(used_home / "missing")
    os.close(hold(used_home / USERS_LOCK, fcntl.LOCK_EX))  # the check has released its locks


@pytest.mark.parametrize(
    ("name", "kind"), [(USERS_LOCK, fcntl.LOCK_SH), (START_LOCK, fcntl.LOCK_EX)], ids=["user", "starts or stops"]
)
def test_in_use__another_process(used_home, name, kind):
    handle = hold(used_home / name, kind)
    try:
        assert are_in_use(used_home)
    finally:
        os.close(handle)


def test_in_use__folder_that_cannot_be_read(used_home):
    blocked = used_home / "file"
    blocked.touch()
    assert are_in_use(blocked)


def test_running__interrupted_while_the_thread_starts(monkeypatch):
    start = threading.Thread.start
    begun, ended = [], []

    def start_and_interrupt(thread):
        start(thread)
        raise KeyboardInterrupt

    def step():
        begun.append(1)
        time.sleep(0.1)
        ended.append(1)

    monkeypatch.setattr(threading.Thread, "start", start_and_interrupt)
    with pytest.raises(KeyboardInterrupt), _running(step):
        pass
    assert begun == ended, "no step continues after the block"
