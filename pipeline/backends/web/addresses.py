"""Resolve hosts and reject private network addresses."""

from __future__ import annotations

import contextlib
import ipaddress
import queue
import socket
import threading
from collections.abc import Callable, Sequence

from pipeline.errors import LinkFailed, LinkNotAllowed

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, float | None], Sequence[str]]
"""Resolves a host name within a timeout in seconds (None: no limit); raises `OSError` or `TimeoutError`."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Addresses of these networks embed an IPv4 address in their last bits: NAT64, local NAT64, IPv4-compatible.
_NETWORKS_WITH_IPV4 = (_NAT64, ipaddress.IPv6Network("64:ff9b:1::/48"), ipaddress.IPv6Network("::/96"))
# Global addresses that clouds route internally: metadata servers of Azure and Oracle.
_CLOUD_INTERNALS = (ipaddress.IPv4Network("168.63.129.16/32"), ipaddress.IPv4Network("192.0.0.0/24"))

# Global according to older Python versions: 6to4 relays (withdrawn) and documentation addresses.
_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")
_EXAMPLES = ipaddress.IPv6Network("3fff::/20")


def resolve(host: str, timeout_s: float | None) -> Sequence[str]:
    """Resolve a host with the system's resolver in a thread, because it has no timeout; None waits without limit."""
    results: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            results.put(list(dict.fromkeys(str(entry[4][0]) for entry in entries)))
        except OSError as error:
            results.put(error)
        except UnicodeError as error:
            results.put(OSError(str(error)))

    threading.Thread(target=look_up, name="resolve", daemon=True).start()
    try:
        result = results.get(timeout=None if timeout_s is None else max(0.0, timeout_s))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(result, OSError):
        raise result
    return result


def resolve_public_addresses(host: str, resolver: Resolver, *, timeout_s: float, allow_private: bool) -> list[str]:
    """Resolve a host once and return its addresses; raise `LinkNotAllowed` if any of them is private."""
    literal = _parse_literal_address(host)
    if literal is not None:
        addresses = [literal]
    else:
        try:
            addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in resolver(host, timeout_s)]
        except TimeoutError:
            raise LinkFailed(f"The host name {host} could not be resolved in time. Try again later.") from None
        except OSError as error:
            raise LinkFailed(f"There is no host named {host}. Check the link.") from error
    if not addresses:
        raise LinkFailed(f"There is no host named {host}. Check the link.")
    if not allow_private and not all(map(is_public, addresses)):
        raise LinkNotAllowed(
            f"{host} resolves to a private address; only public addresses are fetched. "
            "Save the page and add the file instead."
        )
    return [str(address) for address in addresses]


def is_public(address: IpAddress) -> bool:
    """Return whether an address is on the public internet; an embedded IPv4 address must be public too."""
    if isinstance(address, ipaddress.IPv4Address):
        internal = any(address in network for network in (*_CLOUD_INTERNALS, _RELAYS))
        return address.is_global and not address.is_multicast and not address.is_reserved and not internal
    embedded = _embedded_ipv4(address)
    if embedded is not None and not is_public(embedded):
        return False
    # NAT64 is a reserved range, but IPv6-only hosts reach the internet through it. Python versions differ on 6to4, so
    # the embedded address decides.
    if address in _NAT64 or address.sixtofour is not None:
        return True
    if address in _EXAMPLES:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_site_local)


def _embedded_ipv4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if any(address in network for network in _NETWORKS_WITH_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def _parse_literal_address(host: str) -> IpAddress | None:
    """Parse a host that is an address, including the forms that C libraries accept: 2130706433, 0x7f.1, 0177.0.0.1."""
    bare = host.strip("[]").partition("%")[0].rstrip(".")
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(bare)
    if not bare or bare[-1] not in "0123456789abcdefABCDEFxX" or not bare[0].isdigit():
        return None
    with contextlib.suppress(OSError, UnicodeError):
        return ipaddress.IPv4Address(socket.inet_aton(bare))
    return None
