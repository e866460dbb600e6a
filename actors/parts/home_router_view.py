"""What a home router shows of itself: leases, and the translation table as `conntrack -L` would list it."""

from typing import Any

from actors.protocols.dhcp.server import DhcpServer
from actors.protocols.nat import Nat, Session
from actors.units import SECOND
from actors.wire import ipv4
from actors.wire.addresses import ip_text, mac_text


def leases_of(server: DhcpServer, now_ns: int) -> list[dict[str, Any]]:
    """The leases in force, by address."""
    return [
        {
            "address": ip_text(lease.address),
            "mac": mac_text(lease.mac),
            "host_name": lease.host_name,
            "remaining_s": (lease.expires_ns - now_ns) / SECOND,
        }
        for lease in server.leases(now_ns)
    ]


def pool_of(server: DhcpServer, now_ns: int) -> dict[str, Any]:
    """The pool in figures, with the addresses that nobody gets because a client found them in use."""
    declined = [ip_text(address) for address in server.declined(now_ns)]
    return {"size": server.size, "free": server.free(now_ns), "declined": declined}


def sessions_of(nat: Nat, now_ns: int) -> list[dict[str, Any]]:
    """The table, the oldest session first."""
    return [_session(session, now_ns) for session in nat.sessions()]


def _session(session: Session, now_ns: int) -> dict[str, Any]:
    connection = session.connection
    return {
        **session.described(),
        "state": connection.state.value,
        "hairpin": session.hairpin,
        "idle_s": (now_ns - connection.seen_ns) / SECOND,
        "timeout_s": connection.timeout_ns / SECOND,
    }


def nat_of(nat: Nat) -> dict[str, Any]:
    """How it behaves, in RFC 4787's words, and how full it is."""
    settings = nat.settings
    used = {ipv4.NAMES[protocol]: nat.ports_used(protocol) for protocol in (ipv4.TCP, ipv4.UDP, ipv4.ICMP)}
    return {
        "outside": ip_text(settings.outside),
        "mapping": settings.mapping.value,
        "filtering": settings.filtering.value,
        "sessions": len(nat),
        "session_limit": settings.max_mappings,
        "ports": f"{settings.ports[0]}-{settings.ports[-1]}",
        "ports_used": used,
    }
