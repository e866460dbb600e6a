"""A DHCP client: gets a lease, keeps it alive, and starts over when it is lost (RFC 2131 section 4.4).

How this works. `start` sends the first DISCOVER; from then on feed `handle` with every message that arrives at port 68
and call `on_deadline` when `deadline_ns` has come. What comes back is `Send` (to the server's port 67), `Bound` (use
this lease from now on, also after each renewal), `Lost` (stop using the address) and `Note`s. Each state holds just
what it needs; in all but BOUND that includes when to ask again.

    SELECTING -> REQUESTING -> BOUND -> RENEWING (half of the lease) -> REBINDING (7/8) -> expired, start over

Left out: the random wait of 1 to 10 s before the first DISCOVER (as clients of today do), INIT-REBOOT, and probing the
address by ARP before use.
"""

from random import Random
from typing import NamedTuple

from actors.protocols.dhcp import Note, Send
from actors.units import SECOND
from actors.wire import dhcp
from actors.wire.addresses import ANY_IP, BROADCAST_IP, ip_text, mac_text
from actors.wire.dhcp import CODES, Message, Options

WANTED = bytes(
    CODES[field]
    for field in (
        "subnet_mask",
        "routers",
        "dns_servers",
        "domain_name",
        "lease_time_s",
        "renewal_time_s",
        "rebinding_time_s",
    )
)
_FIRST_WAIT_S, _LONGEST_WAIT_S = 4, 64
_REQUEST_ATTEMPTS = 4
_SHORTEST_RENEWAL_WAIT_NS = 60 * SECOND


class Lease(NamedTuple):
    """An address on loan, with what the server said about its network; times are model times."""

    address: bytes
    prefix_length: int
    server: bytes
    router: bytes | None
    dns_servers: tuple[bytes, ...]
    domain: str | None
    lease_s: int
    began_ns: int
    renew_at_ns: int
    rebind_at_ns: int
    expires_at_ns: int


class Bound(NamedTuple):
    """The lease is in force; `why` is new, renewed or rebound."""

    lease: Lease
    why: str


class Lost(NamedTuple):
    """The address must not be used any more."""

    address: bytes
    why: str


Output = Send | Bound | Lost | Note


class _Init(NamedTuple):
    """Nothing asked yet."""

    deadline_ns: None = None


class _Exchange(NamedTuple):
    """One transaction: its id, when it began, how often it was sent, when it is sent again."""

    transaction_id: int
    began_ns: int
    attempt: int
    retry_at_ns: int


class _Selecting(NamedTuple):
    exchange: _Exchange

    @property
    def deadline_ns(self) -> int:
        return self.exchange.retry_at_ns


class _Requesting(NamedTuple):
    exchange: _Exchange
    address: bytes
    server: bytes

    @property
    def deadline_ns(self) -> int:
        return self.exchange.retry_at_ns


class _Holding(NamedTuple):
    lease: Lease

    @property
    def deadline_ns(self) -> int:
        return self.lease.renew_at_ns


class _Renewing(NamedTuple):
    """Asks the server that gave the lease."""

    exchange: _Exchange
    lease: Lease

    @property
    def deadline_ns(self) -> int:
        return min(self.exchange.retry_at_ns, self.lease.rebind_at_ns)


class _Rebinding(NamedTuple):
    """Asks any server."""

    exchange: _Exchange
    lease: Lease

    @property
    def deadline_ns(self) -> int:
        return min(self.exchange.retry_at_ns, self.lease.expires_at_ns)


_State = _Init | _Selecting | _Requesting | _Holding | _Renewing | _Rebinding

_NAMES = {
    _Init: "INIT",
    _Selecting: "SELECTING",
    _Requesting: "REQUESTING",
    _Holding: "BOUND",
    _Renewing: "RENEWING",
    _Rebinding: "REBINDING",
}


class DhcpClient:
    """The client of one interface; see the head of this file."""

    def __init__(self, mac: bytes, host_name: str, random: Random) -> None:
        self._mac = mac
        self._host_name = host_name
        self._random = random
        self._state: _State = _Init()

    @property
    def state(self) -> str:
        """The state as RFC 2131 calls it."""
        return _NAMES[type(self._state)]

    @property
    def lease(self) -> Lease | None:
        """The lease in force."""
        match self._state:
            case _Holding(lease) | _Renewing(lease=lease) | _Rebinding(lease=lease):
                return lease
        return None

    def deadline_ns(self) -> int | None:
        return self._state.deadline_ns

    def start(self, now_ns: int) -> list[Output]:
        """Begin; also to begin anew, as when the cable was pulled and plugged in again."""
        return self._discover(self._exchange(now_ns), now_ns)

    def handle(self, message: Message, now_ns: int) -> list[Output]:
        """A message has arrived at port 68. What is not for this client, or not for its state, is passed over."""
        if message.operation != dhcp.BOOT_REPLY or message.client_mac != self._mac:
            return []
        kind = message.options.message_type
        match self._state:
            case _Selecting(exchange) if (
                kind == dhcp.OFFER and message.transaction_id == exchange.transaction_id
            ):
                return self._take(message, exchange, now_ns)
            case _Requesting(exchange) if message.transaction_id == exchange.transaction_id:
                if kind == dhcp.ACK and message.your_ip == self._state.address:
                    return self._bind(message, exchange, "new", now_ns)
                if kind == dhcp.NAK:
                    return [_note_nak(message), *self.start(now_ns)]
            case _Renewing(exchange, lease) | _Rebinding(exchange, lease) if (
                message.transaction_id == exchange.transaction_id
            ):
                if kind == dhcp.ACK and message.your_ip == lease.address:
                    why = "renewed" if isinstance(self._state, _Renewing) else "rebound"
                    return self._bind(message, exchange, why, now_ns)
                if kind == dhcp.NAK:
                    lost = Lost(lease.address, "the server took it back")
                    return [_note_nak(message), lost, *self.start(now_ns)]
        return []

    def on_deadline(self, now_ns: int) -> list[Output]:
        """Do what is due: ask again, go on to the next state, or give the address up."""
        deadline_ns = self.deadline_ns()
        if deadline_ns is None or now_ns < deadline_ns:
            return []
        match self._state:
            case _Selecting(exchange):
                return self._discover(self._again(exchange, now_ns), now_ns)
            case _Requesting(exchange) if exchange.attempt >= _REQUEST_ATTEMPTS:
                return self.start(now_ns)
            case _Requesting(exchange, address, server):
                return self._request(self._again(exchange, now_ns), address, server, now_ns)
            case _Holding(lease):
                return self._renew(lease, self._exchange(now_ns), now_ns)
            case _Renewing(exchange, lease) if now_ns < lease.rebind_at_ns:
                return self._renew(lease, exchange, now_ns)
            case _Renewing(lease=lease):
                return self._rebind(lease, self._exchange(now_ns), now_ns)
            case _Rebinding(exchange, lease) if now_ns < lease.expires_at_ns:
                return self._rebind(lease, exchange, now_ns)
            case _Rebinding(lease=lease):
                return [Lost(lease.address, "it has expired"), *self.start(now_ns)]
        return []

    # ---- transactions ----------------------------------------------------------------------------------------

    def _exchange(self, now_ns: int) -> _Exchange:
        return _Exchange(self._random.getrandbits(32), now_ns, 1, now_ns + self._wait_ns(1))

    def _again(self, exchange: _Exchange, now_ns: int) -> _Exchange:
        attempt = exchange.attempt + 1
        return exchange._replace(attempt=attempt, retry_at_ns=now_ns + self._wait_ns(attempt))

    def _wait_ns(self, attempt: int) -> int:
        """4, 8, 16, 32, 64 s, each up to a second more or less (section 4.1)."""
        wait_s = min(_FIRST_WAIT_S << (attempt - 1), _LONGEST_WAIT_S)
        return round((wait_s + self._random.uniform(-1, 1)) * SECOND)

    def _message(
        self, exchange: _Exchange, options: Options, now_ns: int, client_ip: bytes = ANY_IP
    ) -> Message:
        return Message(
            operation=dhcp.BOOT_REQUEST,
            transaction_id=exchange.transaction_id,
            client_mac=self._mac,
            client_ip=client_ip,
            seconds=min((now_ns - exchange.began_ns) // SECOND, 0xFFFF),
            # we cannot take packets for an address that is not ours yet: the server is to broadcast
            broadcast=client_ip == ANY_IP,
            options=options._replace(parameter_request_list=WANTED, host_name=self._host_name),
        )

    # ---- the steps -------------------------------------------------------------------------------------------

    def _discover(self, exchange: _Exchange, now_ns: int) -> list[Output]:
        self._state = _Selecting(exchange)
        message = self._message(exchange, Options(dhcp.DISCOVER), now_ns)
        fields = {"xid": exchange.transaction_id, "attempt": exchange.attempt, "mac": mac_text(self._mac)}
        return [Note("dhcp.discover", fields), Send(message, BROADCAST_IP)]

    def _take(self, offer: Message, exchange: _Exchange, now_ns: int) -> list[Output]:
        """Take the first offer, as most clients do."""
        server = offer.options.server_identifier
        if server is None or offer.your_ip == ANY_IP:
            return []
        note = Note("dhcp.offer", {"address": ip_text(offer.your_ip), "server": ip_text(server)})
        again = exchange._replace(attempt=1, retry_at_ns=now_ns + self._wait_ns(1))
        return [note, *self._request(again, offer.your_ip, server, now_ns)]

    def _request(self, exchange: _Exchange, address: bytes, server: bytes, now_ns: int) -> list[Output]:
        self._state = _Requesting(exchange, address, server)
        options = Options(dhcp.REQUEST, requested_address=address, server_identifier=server)
        return [
            _note_request("SELECTING", address, server),
            Send(self._message(exchange, options, now_ns), BROADCAST_IP),
        ]

    def _renew(self, lease: Lease, exchange: _Exchange, now_ns: int) -> list[Output]:
        retry_at_ns = _halfway(now_ns, lease.rebind_at_ns)
        self._state = _Renewing(exchange._replace(retry_at_ns=retry_at_ns), lease)
        message = self._message(exchange, Options(dhcp.REQUEST), now_ns, lease.address)
        return [_note_request("RENEWING", lease.address, lease.server), Send(message, lease.server)]

    def _rebind(self, lease: Lease, exchange: _Exchange, now_ns: int) -> list[Output]:
        retry_at_ns = _halfway(now_ns, lease.expires_at_ns)
        self._state = _Rebinding(exchange._replace(retry_at_ns=retry_at_ns), lease)
        message = self._message(exchange, Options(dhcp.REQUEST), now_ns, lease.address)
        return [_note_request("REBINDING", lease.address, BROADCAST_IP), Send(message, BROADCAST_IP)]

    def _bind(self, ack: Message, exchange: _Exchange, why: str, now_ns: int) -> list[Output]:
        options = ack.options
        if options.lease_time_s is None or options.subnet_mask is None or options.server_identifier is None:
            return []
        lease = _lease_of(ack.your_ip, options, options.lease_time_s, exchange.began_ns)
        self._state = _Holding(lease)
        note = Note(
            "dhcp.ack",
            {
                "address": ip_text(lease.address),
                "server": ip_text(lease.server),
                "lease_s": lease.lease_s,
                "why": why,
            },
        )
        return [note, Bound(lease, why)]


def _lease_of(address: bytes, options: Options, lease_s: int, began_ns: int) -> Lease:
    """The times count from when the request was first sent (section 4.4.1)."""
    assert options.subnet_mask is not None
    assert options.server_identifier is not None
    renewal_s = options.renewal_time_s or lease_s // 2
    rebinding_s = options.rebinding_time_s or lease_s * 7 // 8
    return Lease(
        address=address,
        prefix_length=int.from_bytes(options.subnet_mask).bit_count(),
        server=options.server_identifier,
        router=options.routers[0] if options.routers else None,
        dns_servers=options.dns_servers,
        domain=options.domain_name,
        lease_s=lease_s,
        began_ns=began_ns,
        renew_at_ns=began_ns + min(renewal_s, rebinding_s, lease_s) * SECOND,
        rebind_at_ns=began_ns + min(rebinding_s, lease_s) * SECOND,
        expires_at_ns=began_ns + lease_s * SECOND,
    )


def _halfway(now_ns: int, end_ns: int) -> int:
    """When to ask again: after half of the time that is left, but not within a minute (section 4.4.5)."""
    return now_ns + max((end_ns - now_ns) // 2, _SHORTEST_RENEWAL_WAIT_NS)


def _note_request(state: str, address: bytes, server: bytes) -> Note:
    return Note("dhcp.request", {"address": ip_text(address), "server": ip_text(server), "state": state})


def _note_nak(message: Message) -> Note:
    server = message.options.server_identifier or ANY_IP
    return Note("dhcp.nak", {"server": ip_text(server), "why": message.options.message or ""})
