"""Confine the process that reads untrusted files: it reads its libraries, writes one folder and has no network.

Linux only, and without privileges: Landlock (kernel 5.13) for files, and a network namespace, or Landlock (kernel 6.7)
for TCP where namespaces are not allowed; and seccomp for what reaches other processes. The process cannot undo it.
Source of the system calls: https://docs.kernel.org/userspace-api/landlock.html. As a program, it confines itself and
prints the result as JSON:

    python -m pipeline.backends.documents.confinement
"""

from __future__ import annotations

import ctypes
import dataclasses
import json
import os
import platform
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.backends.documents.system_calls import restrict_system_calls

Network = Literal["namespace", "no TCP", "open"]

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on all architectures
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_CLONE_NEWNET, _CLONE_NEWUSER = 0x40000000, 0x10000000
_PR_SET_NO_NEW_PRIVS = 38

# Rights of Landlock. Opening folders for listing stays allowed: it reveals names only.
_EXECUTE, _WRITE_FILE, _READ_FILE = 1 << 0, 1 << 1, 1 << 2
_REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14  # since versions 2 and 3 of Landlock
_BIND_TCP, _CONNECT_TCP = 1 << 0, 1 << 1
_NETWORK_VERSION = 4

# Capabilities that root keeps: reading its own libraries in the folder of another user.
_KEPT_CAPABILITIES = 1 << 1 | 1 << 2
_CAPABILITY_VERSION = 0x20080522

_SYSTEM_PATHS = (
    *("/usr", "/lib", "/lib64", "/opt", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/mime.types"),
    *("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/sys/devices/system", "/sys/fs/cgroup"),
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/sys"),
)
"""Files that libraries read: shared libraries, fonts, and the size of the machine."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What is in force for this process."""

    files: bool
    """Whether it can only read its libraries and write its folder."""
    network: Network
    processes: bool
    """Whether it cannot start processes, signal others, connect to Unix sockets or change permissions of files."""


def confine(writable: Path) -> Confinement:
    """Confine this process, which must not have started any thread; what the system does not support is left out.

    Args:
        writable: The only folder below which it may create, change and remove files.
    """
    if sys.platform != "linux":
        return Confinement(files=False, network="open", processes=False)
    libc = ctypes.CDLL(None, use_errno=True)
    has_namespace = _leave_network(libc)
    _drop_capabilities(libc)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return Confinement(files=False, network="namespace" if has_namespace else "open", processes=False)
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    limits_tcp = not has_namespace and version >= _NETWORK_VERSION
    if version >= 1:
        _restrict(libc, version, writable, limits_tcp=limits_tcp)
    return Confinement(
        files=version >= 1,
        network="namespace" if has_namespace else "no TCP" if limits_tcp else "open",
        processes=restrict_system_calls(libc),
    )


def _leave_network(libc: ctypes.CDLL) -> bool:
    """Move into a network namespace without interfaces; an ordinary user needs a user namespace for it."""
    if libc.unshare(_CLONE_NEWNET) == 0:
        return True
    return bool(os.geteuid() != 0 and libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    header = ctypes.create_string_buffer(struct.pack("Ii", _CAPABILITY_VERSION, 0))
    kept = _KEPT_CAPABILITIES if os.geteuid() == 0 else 0
    libc.capset(header, ctypes.create_string_buffer(struct.pack("6I", kept, kept, 0, 0, 0, 0)))


def _restrict(libc: ctypes.CDLL, version: int, writable: Path, *, limits_tcp: bool) -> None:
    changes = _WRITE_FILE | _REMOVE_AND_MAKE | (_REFER if version > 1 else 0) | (_TRUNCATE if version > 2 else 0)
    handled = _EXECUTE | _READ_FILE | changes
    tcp = _BIND_TCP | _CONNECT_TCP if limits_tcp else 0
    attributes = struct.pack("QQ", handled, tcp) if version >= _NETWORK_VERSION else struct.pack("Q", handled)
    ruleset = _check(libc.syscall(_CREATE_RULESET, ctypes.create_string_buffer(attributes), len(attributes), 0))
    try:
        for path in _readable_paths():
            _allow(libc, ruleset, path, _READ_FILE)
        _allow(libc, ruleset, Path(os.devnull), _WRITE_FILE)
        _allow(libc, ruleset, writable, _READ_FILE | changes)
        _check(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def _readable_paths() -> Iterable[Path]:
    yield from map(Path, _SYSTEM_PATHS)
    yield from {Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2]}
    # Editable installations and PYTHONPATH: folders of packages, but not the folder of the project with its `.env`.
    yield from (Path(entry) for entry in sys.path if entry.endswith(("site-packages", "dist-packages")))


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # for example a system without /etc/fonts
    try:
        if not path.is_dir():
            rights &= _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, handle))
        _check(libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0))
    finally:
        os.close(handle)


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock on {platform.release()}: {os.strerror(number)}")
    return result


if __name__ == "__main__":
    sys.stdout.write(json.dumps(dataclasses.asdict(confine(Path("/nonexistent")))))
