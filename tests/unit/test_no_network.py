from __future__ import annotations

import socket

import pytest


def test_no_network__other_host_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"192\.0\.2\.1"), socket.socket() as outside:
        outside.connect(("192.0.2.1", 80))


def test_no_network__name_of_other_host_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"example\.org"):
        socket.create_connection(("example.org", 80))


def test_no_network__loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()
