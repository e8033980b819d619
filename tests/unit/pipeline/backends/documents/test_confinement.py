"""The process that reads untrusted files cannot read secrets, write elsewhere, run programs or use the network."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.backends.documents.kreuzberg_parser import KreuzbergParser
from pipeline.types import Source

ROOT = Path(__file__).parents[5]
ATTEMPTS = """
import ctypes, json, os, resource, socket, subprocess, sys
from pathlib import Path
from pipeline.backends.documents.confinement import confine

folder, secret, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
confinement = confine(folder)
libc = ctypes.CDLL(None, use_errno=True)

def attempt(action):
    try:
        action()
    except OSError:
        return False
    return True

def connect():
    socket.create_connection(("127.0.0.1", port), timeout=2).close()

def connect_unix(address):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(address)

def send_datagram():
    first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    first.sendto(b"x", str(folder.parent / "datagrams"))

def fork():
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)

def call(name, *arguments):
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)

def run_from_memory():
    handle = os.memfd_create("program")
    os.write(handle, Path(sys.executable).resolve().read_bytes())
    os.execve(handle, [sys.executable, "-c", "print('{}')"], {})

parent = os.getppid()
print(json.dumps({
    "files": confinement.files,
    "network": confinement.network,
    "processes": confinement.processes,
    "unix socket": attempt(lambda: connect_unix(str(folder.parent / "socket"))),
    "abstract socket": attempt(lambda: connect_unix("\\0" + str(folder))),
    "datagram socket": attempt(send_datagram),
    "signal parent": attempt(lambda: os.kill(parent, 0)),
    "signal thread of parent": attempt(lambda: call("tgkill", parent, parent, 0)),
    "signal process group": attempt(lambda: os.kill(0, 0)),
    "signal all": attempt(lambda: os.kill(-1, 0)),
    "limit parent": attempt(lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE)),
    "slow down parent": attempt(lambda: os.setpriority(os.PRIO_PROCESS, parent, 19)),
    "slow down process group": attempt(
        lambda: os.setpriority(os.PRIO_PGRP, 0, os.getpriority(os.PRIO_PGRP, 0))
    ),
    "read memory of a process": attempt(lambda: call("process_vm_readv", os.getpid(), None, 0, None, 0, 0)),
    "fork": attempt(fork),
    "new namespace": attempt(lambda: call("unshare", 0x10000000)),
    "shared memory": attempt(lambda: call("shmget", 0, 4096, 0o1600)),
    "run from memory": attempt(run_from_memory),
    "change permissions": attempt(lambda: secret.chmod(0o666)),
    "change owner": attempt(lambda: os.chown(secret, os.getuid(), os.getgid())),
    "write own folder": attempt(lambda: (folder / "x").write_text("x")),
    "read library": attempt(lambda: Path(json.__file__).read_text()),
    "read secret": attempt(secret.read_text),
    "read parent's environment": attempt(Path(f"/proc/{os.getppid()}/environ").read_bytes),
    "change secret": attempt(lambda: secret.write_text("x")),
    "truncate secret": attempt(lambda: os.truncate(secret, 0)),
    "write elsewhere": attempt(lambda: (folder.parent / "elsewhere").write_text("x")),
    "remove": attempt(secret.unlink),
    "link": attempt(lambda: os.link(secret, folder / "link")),
    "run a program": attempt(lambda: subprocess.run(["/bin/true"])),
    "connect": attempt(connect),
}))
"""


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_confinement__refuses_everything_but_reading_libraries_and_the_own_folder(tmp_path, server):
    folder, secret = tmp_path / "folder", tmp_path / ".env"
    folder.mkdir()
    secret.write_text("DISCORD_TOKEN=x")
    secret.chmod(0o600)
    with (
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as abstract,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
    ):
        datagrams.bind(str(tmp_path / "datagrams"))
        for listening, address in ((named, str(tmp_path / "socket")), (abstract, f"\0{folder}")):
            listening.bind(address)
            listening.listen()
        done = subprocess.run(
            [sys.executable, "-c", ATTEMPTS, str(folder), str(secret), str(server)],
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
            capture_output=True,
            check=True,
        )
    results = json.loads(done.stdout)
    if not results.pop("files"):
        pytest.skip("this system has no Landlock")
    if not results.pop("processes"):
        pytest.skip("this system has no seccomp")
    network = results.pop("network")
    if network == "open":
        results.pop("connect")
    assert results.pop("write own folder")
    assert results.pop("read library")
    assert not any(results.values()), results
    assert secret.read_text() == "DISCORD_TOKEN=x"
    assert secret.stat().st_mode & 0o777 == 0o600


def test_parser__confines_all_threads_of_its_child():
    command = [sys.executable, "-P", "-m", "pipeline.backends.documents.confinement"]
    supported = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=True)
    if not json.loads(supported.stdout)["files"]:
        pytest.skip("this system has no Landlock")
    parser = KreuzbergParser()
    try:
        parser.parse(Source("note.txt", b"A note.", "text/plain"))
        assert parser._child is not None
        tasks = Path(f"/proc/{parser._child.pid}/task")
        states = [(task / "status").read_text() for task in tasks.iterdir()]
        assert len(states) > 1
        assert all("NoNewPrivs:\t1" in state and "Seccomp:\t2" in state for state in states)
    finally:
        parser.close()


def test_parser__reads_no_file_that_the_child_puts_in_the_place_of_its_error_output(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    parser = KreuzbergParser()
    try:
        parser.parse(Source("note.txt", b"A note.", "text/plain"))
        (folder,) = tmp_path.glob("refdesk-parser-*")
        assert not (folder / "stderr").exists()
        child = parser._child
        assert child is not None
        child.kill()
        assert parser._find_cause() == (True, "")
    finally:
        parser.close()


def test_parser__ignores_libraries_that_others_put_into_the_shared_temporary_folder(tmp_path, monkeypatch):
    planted = tmp_path / "kreuzberg-pdfium"
    planted.mkdir()
    (planted / "libpdfium.so").write_bytes(b"not a library")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    parser = KreuzbergParser()
    try:
        parser.parse(Source("note.txt", b"A note.", "text/plain"))
        (folder,) = tmp_path.glob("refdesk-parser-*")
        assert folder.stat().st_mode & 0o777 == 0o700
        child = parser._child
        assert child is not None
        environment = Path(f"/proc/{child.pid}/environ")
        if environment.exists():
            assert f"TMPDIR={folder}".encode() in environment.read_bytes().split(b"\0")
    finally:
        parser.close()
    assert not folder.exists()
    assert (planted / "libpdfium.so").read_bytes() == b"not a library"
