"""Decides which network addresses a link may lead to."""

from __future__ import annotations

import contextlib
import ipaddress
import queue
import socket
import threading
from collections.abc import Callable, Sequence

from pipeline.errors import LinkFailed, LinkNotAllowed

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, float], Sequence[str]]
"""Takes a host name and seconds, gives its addresses; raises `OSError` or `TimeoutError`."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Addresses in these networks carry an IPv4 address in their last bits: NAT64, its local form, IPv4-compatible.
_CARRIERS = (_NAT64, ipaddress.IPv6Network("64:ff9b:1::/48"), ipaddress.IPv6Network("::/96"))
# Public by their numbers, yet answered by the inside of a cloud: metadata servers of Azure and Oracle.
_CLOUD_INTERNALS = (ipaddress.IPv4Network("168.63.129.16/32"), ipaddress.IPv4Network("192.0.0.0/24"))

# Public by their numbers in older tables: relays of 6to4 (withdrawn), and addresses of examples.
_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")
_EXAMPLES = ipaddress.IPv6Network("3fff::/20")


def resolve(host: str, timeout_s: float) -> Sequence[str]:
    """Ask the system's resolver, which knows no time limit of its own."""
    answers: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except OSError as error:
            answers.put(error)
        except UnicodeError as error:
            answers.put(OSError(str(error)))

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=max(0.0, timeout_s))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def resolve_public_addresses(host: str, resolver: Resolver, *, timeout_s: float, allow_private: bool) -> list[str]:
    """Resolve a host once and give its addresses; raises `LinkNotAllowed` when any of them lies inside."""
    written = _written_address(host)
    if written is not None:
        found = [written]
    else:
        try:
            found = [ipaddress.ip_address(text.partition("%")[0]) for text in resolver(host, timeout_s)]
        except TimeoutError:
            raise LinkFailed(f"The name {host} could not be resolved in time; try again later.") from None
        except OSError as error:
            raise LinkFailed(f"There is no host named {host}; check the link.") from error
    if not found:
        raise LinkFailed(f"There is no host named {host}; check the link.")
    if not allow_private and not all(map(is_public, found)):
        raise LinkNotAllowed(
            f"{host} is an address of an inside network, which Refdesk does not fetch from; "
            "save the page and add the file instead."
        )
    return [str(address) for address in found]


def is_public(address: IpAddress) -> bool:
    """Whether an address belongs to the open internet; an IPv6 address that carries an IPv4 one is judged by both."""
    if isinstance(address, ipaddress.IPv4Address):
        inside = any(address in network for network in (*_CLOUD_INTERNALS, _RELAYS))
        return address.is_global and not address.is_multicast and not address.is_reserved and not inside
    carried = _carried(address)
    if carried is not None and not is_public(carried):
        return False
    # NAT64 is "reserved" by its number, and in practice the way out of IPv6-only hosts. Versions of Python differ on
    # 6to4, so what it carries decides.
    if address in _NAT64 or address.sixtofour is not None:
        return True
    if address in _EXAMPLES:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_site_local)


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if any(address in network for network in _CARRIERS):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def _written_address(host: str) -> IpAddress | None:
    """Read a host that is an address, also in the spellings that C libraries accept: 2130706433, 0x7f.1, 0177.0.0.1."""
    bare = host.strip("[]").partition("%")[0].rstrip(".")
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(bare)
    if not bare or bare[-1] not in "0123456789abcdefABCDEFxX" or not bare[0].isdigit():
        return None
    with contextlib.suppress(OSError, UnicodeError):
        return ipaddress.IPv4Address(socket.inet_aton(bare))
    return None
