"""Restrict the system calls of the process that reads untrusted files, with seccomp.

Landlock limits which files a process opens. It does not limit connections to Unix sockets, such as the one of the
embedded PostgreSQL, signals to other processes of the same user, changes of permissions, and new processes. The rules
list what is refused: the libraries need many other calls, and new versions of them need new ones. Source of the
interface: https://docs.kernel.org/userspace-api/seccomp_filter.html.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16
_CLONE_THREAD = 0x10000
_SOCKET_TYPE = 0xF
"""Mask of the type of a socket; the other bits are flags."""
_X32_CALLS = 0x40000000
"""First number of the calls with 32-bit pointers on x86-64, which are the same calls with other numbers."""

# Calls with the same numbers on both architectures.
_NEW_CALLS = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "clone3": 435,
    "pidfd_getfd": 438,
    "fchmodat2": 452,
    "setxattrat": 463,
}


@dataclass(frozen=True, slots=True)
class _Architecture:
    audit_number: int
    refused: Mapping[str, int]
    own_process: Mapping[str, int]
    """Calls whose first argument may only name this process."""
    clone: int
    socketpair: int


_ARCHITECTURES = {
    "x86_64": _Architecture(
        0xC000003E,
        refused={
            "shmget": 29,
            "shmat": 30,
            "socket": 41,
            "fork": 57,
            "vfork": 58,
            "execve": 59,
            "semget": 64,
            "msgget": 68,
            "chmod": 90,
            "fchmod": 91,
            "chown": 92,
            "fchown": 93,
            "lchown": 94,
            "ptrace": 101,
            "rt_sigqueueinfo": 129,
            "setpriority": 141,
            "setxattr": 188,
            "lsetxattr": 189,
            "fsetxattr": 190,
            "tkill": 200,
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "fchownat": 260,
            "fchmodat": 268,
            "unshare": 272,
            "rt_tgsigqueueinfo": 297,
            "perf_event_open": 298,
            "setns": 308,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "bpf": 321,
            "execveat": 322,
            "userfaultfd": 323,
        },
        own_process={"kill": 62, "tgkill": 234, "prlimit64": 302},
        clone=56,
        socketpair=53,
    ),
    "aarch64": _Architecture(
        0xC00000B7,
        refused={
            "setxattr": 5,
            "lsetxattr": 6,
            "fsetxattr": 7,
            "fchmod": 52,
            "fchmodat": 53,
            "fchownat": 54,
            "fchown": 55,
            "unshare": 97,
            "ptrace": 117,
            "tkill": 130,
            "rt_sigqueueinfo": 138,
            "setpriority": 140,
            "msgget": 186,
            "semget": 190,
            "shmget": 194,
            "shmat": 196,
            "socket": 198,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "execve": 221,
            "rt_tgsigqueueinfo": 240,
            "perf_event_open": 241,
            "setns": 268,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "bpf": 280,
            "execveat": 281,
            "userfaultfd": 282,
        },
        own_process={"kill": 129, "tgkill": 131, "prlimit64": 261},
        clone=220,
        socketpair=199,
    ),
}


def restrict_system_calls(libc: ctypes.CDLL) -> bool:
    """Refuse system calls that reach other processes, and return whether the system supports it.

    The process must have set `no_new_privs`. Threads that it starts later inherit the restriction.
    """
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture is None or struct.calcsize("P") != 8:
        return False
    instructions = list(_build_filter(architecture, os.getpid()))
    program = ctypes.create_string_buffer(b"".join(instructions))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(program)))
    return bool(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(header), 0, 0) == 0)


def _build_filter(architecture: _Architecture, pid: int) -> Iterator[bytes]:
    refuse = _step(_RETURN, _REFUSE | errno.EPERM)
    yield _step(_LOAD, _ARCHITECTURE_OFFSET)
    yield _step(_EQUAL, architecture.audit_number, 1, 0)
    yield refuse
    yield _step(_LOAD, _NUMBER_OFFSET)
    yield _step(_AT_LEAST, _X32_CALLS, 0, 1)
    yield refuse
    # The C library uses `clone`, whose flags a filter can read, where `clone3` does not exist.
    yield _step(_EQUAL, _NEW_CALLS["clone3"], 0, 1)
    yield _step(_RETURN, _REFUSE | errno.ENOSYS)
    new_calls = [number for name, number in _NEW_CALLS.items() if name != "clone3"]
    for number in [*architecture.refused.values(), *new_calls]:
        yield _step(_EQUAL, number, 0, 1)
        yield refuse
    yield _step(_EQUAL, architecture.clone, 0, 4)
    yield _step(_LOAD, _ARGUMENTS_OFFSET)
    yield _step(_ANY_BIT, _CLONE_THREAD, 0, 1)
    yield _step(_RETURN, _ALLOW)
    yield refuse
    # A datagram socket of a pair can send to every other one, such as that of the system log; a stream socket cannot.
    yield _step(_EQUAL, architecture.socketpair, 0, 5)
    yield _step(_LOAD, _ARGUMENTS_OFFSET + 8)
    yield _step(_AND, _SOCKET_TYPE)
    yield _step(_EQUAL, socket.SOCK_STREAM, 0, 1)
    yield _step(_RETURN, _ALLOW)
    yield refuse
    for name, number in architecture.own_process.items():
        yield _step(_EQUAL, number, 0, 5)
        yield _step(_LOAD, _ARGUMENTS_OFFSET)
        yield _step(_EQUAL, pid, 1, 0)
        # Zero is the calling process, but the whole process group for `kill`.
        yield _step(_EQUAL, pid if name == "kill" else 0, 0, 1)
        yield _step(_RETURN, _ALLOW)
        yield refuse
    yield _step(_RETURN, _ALLOW)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    """Encode an instruction; the jumps count the instructions that are skipped."""
    return struct.pack("HBBI", code, if_true, if_false, value)
