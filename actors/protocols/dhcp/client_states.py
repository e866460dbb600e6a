"""The states of a DHCP client (RFC 2131 figure 5), each with just what it needs, and what the client tells its host."""

from typing import NamedTuple

from actors.protocols.dhcp import Note, Send
from actors.protocols.dhcp.probing import Probing


class Lease(NamedTuple):
    """An address on loan, with what the server said about its network; times are model times."""

    address: bytes
    prefix_length: int
    server: bytes
    router: bytes | None
    dns_servers: tuple[bytes, ...]
    domain: str | None
    mtu: int | None
    lease_s: int
    began_ns: int
    renew_at_ns: int
    rebind_at_ns: int
    expires_at_ns: int


class Bound(NamedTuple):
    """The lease is in force; `why` is new, renewed, rebound or confirmed (by INIT-REBOOT)."""

    lease: Lease
    why: str


class Lost(NamedTuple):
    """The address must not be used any more."""

    address: bytes
    why: str


class Probe(NamedTuple):
    """Ask the link by an ARP probe whether somebody has this address, and report who does: `DhcpClient.conflict`."""

    address: bytes


Output = Send | Bound | Lost | Probe | Note


class Init(NamedTuple):
    """Nothing asked yet."""

    deadline_ns: None = None


class Exchange(NamedTuple):
    """One transaction: its id, when it began, how often it was sent, when it is sent again."""

    transaction_id: int
    began_ns: int
    attempt: int
    retry_at_ns: int


class Selecting(NamedTuple):
    exchange: Exchange

    @property
    def deadline_ns(self) -> int:
        return self.exchange.retry_at_ns


class Requesting(NamedTuple):
    exchange: Exchange
    address: bytes
    server: bytes

    @property
    def deadline_ns(self) -> int:
        return self.exchange.retry_at_ns


class Holding(NamedTuple):
    lease: Lease

    @property
    def deadline_ns(self) -> int:
        return self.lease.renew_at_ns


class Renewing(NamedTuple):
    """Asks the server that gave the lease."""

    exchange: Exchange
    lease: Lease

    @property
    def deadline_ns(self) -> int:
        return min(self.exchange.retry_at_ns, self.lease.rebind_at_ns)


class Rebinding(NamedTuple):
    """Asks any server."""

    exchange: Exchange
    lease: Lease

    @property
    def deadline_ns(self) -> int:
        return min(self.exchange.retry_at_ns, self.lease.expires_at_ns)


class Rebooting(NamedTuple):
    """The link was away: asks whether the lease still holds here (INIT-REBOOT), and uses it meanwhile."""

    exchange: Exchange
    lease: Lease

    @property
    def deadline_ns(self) -> int:
        return min(self.exchange.retry_at_ns, self.lease.expires_at_ns)


class Testing(NamedTuple):
    """The lease is granted, but somebody may use the address. RFC 2131 has no name for it; dhcpcd says probing."""

    lease: Lease
    probing: Probing

    @property
    def deadline_ns(self) -> int:
        return self.probing.due_ns


class Declined(NamedTuple):
    """Somebody does. To begin anew at once would only get the next address of the same trouble."""

    until_ns: int

    @property
    def deadline_ns(self) -> int:
        return self.until_ns


State = Init | Selecting | Requesting | Testing | Declined | Holding | Renewing | Rebinding | Rebooting

NAMES = {
    Init: "INIT",
    Selecting: "SELECTING",
    Requesting: "REQUESTING",
    Testing: "PROBING",
    Declined: "DECLINED",
    Holding: "BOUND",
    Renewing: "RENEWING",
    Rebinding: "REBINDING",
    Rebooting: "REBOOTING",
}
