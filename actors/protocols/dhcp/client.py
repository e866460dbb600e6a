"""A DHCP client: gets a lease, keeps it alive, and starts over when it is lost (RFC 2131 section 4.4).

How this works. `start` sends the first DISCOVER; from then on feed `handle` with every message that arrives at port 68
and call `on_deadline` when `deadline_ns` has come. What comes back is `Send` (to the server's port 67), `Bound` (use
this lease from now on, also after each renewal), `Lost` (stop using the address) and `Note`s. Each state holds just
what it needs; in all but BOUND that includes when to ask again.

    SELECTING -> REQUESTING -> PROBING -> BOUND -> RENEWING (half of the lease) -> REBINDING (7/8) -> expired
                                  |        ^
                               DECLINED    REBOOTING, when the link was away (`reconnect`)

All begins anew when the lease has expired or was refused, and 10 s after it was declined.

A `Probe` asks the link whether somebody has the new address; who hears of one calls `conflict`. `release` gives the
address back.

Left out: the random wait of 1 to 10 s before the first DISCOVER (as clients of today do), and leases on a disk: a
client that was killed starts with a DISCOVER, and gets its old address because the server remembers.
"""

from random import Random

from actors.protocols.dhcp import Note, Send
from actors.protocols.dhcp.client_states import (
    NAMES,
    Bound,
    Declined,
    Exchange,
    Holding,
    Init,
    Lease,
    Lost,
    Output,
    Probe,
    Rebinding,
    Rebooting,
    Renewing,
    Requesting,
    Selecting,
    State,
    Testing,
)
from actors.protocols.dhcp.probing import Probing, after_a_probe, begin
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
        "interface_mtu",
    )
)
_FIRST_WAIT_S, _LONGEST_WAIT_S = 4, 64
_REQUEST_ATTEMPTS = 4
_SHORTEST_RENEWAL_WAIT_NS = 60 * SECOND
_AFTER_DECLINE_NS = 10 * SECOND
_SMALLEST_MTU = 68

__all__ = ["Bound", "DhcpClient", "Lease", "Lost", "Output", "Probe"]


class DhcpClient:
    """The client of one interface; see the head of this file."""

    def __init__(self, mac: bytes, host_name: str, random: Random, probe_ns: int = 0) -> None:
        """`probe_ns` is how long at most an address is probed before it is used; 0 uses it at once."""
        self._mac = mac
        self._host_name = host_name
        self._random = random
        self._probe_ns = probe_ns
        self._state: State = Init()

    @property
    def state(self) -> str:
        """The state as RFC 2131 calls it."""
        return NAMES[type(self._state)]

    @property
    def probing(self) -> bool:
        """Whether somebody who shows that he has the new address is a `conflict`."""
        return isinstance(self._state, Testing)

    @property
    def lease(self) -> Lease | None:
        """The lease in force."""
        match self._state:
            case Holding(lease) | Renewing(lease=lease) | Rebinding(lease=lease) | Rebooting(lease=lease):
                return lease
        return None

    def deadline_ns(self) -> int | None:
        return self._state.deadline_ns

    def start(self, now_ns: int) -> list[Output]:
        """Begin; also to begin anew, as when the cable was pulled and plugged in again."""
        return self._discover(self._exchange(now_ns), now_ns)

    def reconnect(self, now_ns: int) -> list[Output]:
        """The link is back, perhaps to another network: ask whether the lease still holds, else look for one."""
        lease = self.lease
        return self.start(now_ns) if lease is None else self._reboot(lease, self._exchange(now_ns), now_ns)

    def release(self, now_ns: int) -> list[Output]:
        """Give the address back, if there is one (section 4.4.6), and ask for none until `start`."""
        lease = self.lease
        self._state = Init()
        if lease is None:
            return []
        options = Options(dhcp.RELEASE, server_identifier=lease.server)
        fields = {"address": ip_text(lease.address), "server": ip_text(lease.server)}
        message = self._farewell(options, lease.address)
        return [Note("dhcp.release", fields), Send(message, lease.server), Lost(lease.address, "released")]

    def conflict(self, address: bytes, mac: bytes, now_ns: int) -> list[Output]:
        """Somebody else has shown that he uses this address. Once it is ours, ARP defends it."""
        if not isinstance(self._state, Testing) or self._state.lease.address != address:
            return []
        lease = self._state.lease
        self._state = Declined(now_ns + _AFTER_DECLINE_NS)
        options = Options(
            dhcp.DECLINE,
            requested_address=address,
            server_identifier=lease.server,
            message=f"{mac_text(mac)} uses it",
        )
        fields = {"address": ip_text(address), "server": ip_text(lease.server), "used_by": mac_text(mac)}
        return [Note("dhcp.decline", fields), Send(self._farewell(options), BROADCAST_IP)]

    def handle(self, message: Message, now_ns: int) -> list[Output]:
        """A message has arrived at port 68. What is not for this client, or not for its state, is passed over."""
        if message.operation != dhcp.BOOT_REPLY or message.client_mac != self._mac:
            return []
        kind = message.options.message_type
        match self._state:
            case Selecting(exchange) if (
                kind == dhcp.OFFER and message.transaction_id == exchange.transaction_id
            ):
                return self._take(message, exchange, now_ns)
            case Requesting(exchange) if message.transaction_id == exchange.transaction_id:
                if kind == dhcp.ACK and message.your_ip == self._state.address:
                    return self._take_lease(message, exchange, now_ns)
                if kind == dhcp.NAK:
                    return [_note_nak(message), *self.start(now_ns)]
            case Renewing(exchange, lease) | Rebinding(exchange, lease) | Rebooting(exchange, lease) if (
                message.transaction_id == exchange.transaction_id
            ):
                if kind == dhcp.ACK and message.your_ip == lease.address:
                    return self._bind(message, exchange, _WHY[type(self._state)])
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
            case Selecting(exchange):
                return self._discover(self._again(exchange, now_ns), now_ns)
            case Requesting(exchange) if exchange.attempt >= _REQUEST_ATTEMPTS:
                return self.start(now_ns)
            case Requesting(exchange, address, server):
                return self._request(self._again(exchange, now_ns), address, server, now_ns)
            case Testing(lease, probing_now):
                return self._probe(lease, probing_now, now_ns)
            case Declined():
                return self.start(now_ns)
            case Rebooting(exchange, lease) if now_ns < lease.expires_at_ns:
                return self._reboot_again(exchange, lease, now_ns)
            case Holding(lease) if now_ns < lease.expires_at_ns:
                return self._renew(lease, self._exchange(now_ns), now_ns)
            case Renewing(exchange, lease) if now_ns < lease.rebind_at_ns:
                return self._renew(lease, exchange, now_ns)
            case Renewing(lease=lease):
                return self._rebind(lease, self._exchange(now_ns), now_ns)
            case Rebinding(exchange, lease) if now_ns < lease.expires_at_ns:
                return self._rebind(lease, exchange, now_ns)
            case Rebinding(lease=lease) | Rebooting(lease=lease) | Holding(lease):
                return [Lost(lease.address, "it has expired"), *self.start(now_ns)]
        return []

    # ---- transactions ----------------------------------------------------------------------------------------

    def _exchange(self, now_ns: int) -> Exchange:
        return Exchange(self._random.getrandbits(32), now_ns, 1, now_ns + self._wait_ns(1))

    def _again(self, exchange: Exchange, now_ns: int) -> Exchange:
        attempt = exchange.attempt + 1
        return exchange._replace(attempt=attempt, retry_at_ns=now_ns + self._wait_ns(attempt))

    def _wait_ns(self, attempt: int) -> int:
        """4, 8, 16, 32, 64 s, each up to a second more or less (section 4.1)."""
        wait_s = min(_FIRST_WAIT_S << (attempt - 1), _LONGEST_WAIT_S)
        return round((wait_s + self._random.uniform(-1, 1)) * SECOND)

    def _message(
        self, exchange: Exchange, options: Options, now_ns: int, client_ip: bytes = ANY_IP
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

    def _farewell(self, options: Options, client_ip: bytes = ANY_IP) -> Message:
        """DECLINE and RELEASE ask for nothing: no parameters, no answer (RFC 2131 table 5)."""
        return Message(
            operation=dhcp.BOOT_REQUEST,
            transaction_id=self._random.getrandbits(32),
            client_mac=self._mac,
            client_ip=client_ip,
            options=options,
        )

    # ---- the steps -------------------------------------------------------------------------------------------

    def _discover(self, exchange: Exchange, now_ns: int) -> list[Output]:
        self._state = Selecting(exchange)
        message = self._message(exchange, Options(dhcp.DISCOVER), now_ns)
        fields = {"xid": exchange.transaction_id, "attempt": exchange.attempt, "mac": mac_text(self._mac)}
        return [Note("dhcp.discover", fields), Send(message, BROADCAST_IP)]

    def _take(self, offer: Message, exchange: Exchange, now_ns: int) -> list[Output]:
        """Take the first offer, as most clients do."""
        server = offer.options.server_identifier
        if server is None or offer.your_ip == ANY_IP:
            return []
        note = Note("dhcp.offer", {"address": ip_text(offer.your_ip), "server": ip_text(server)})
        again = exchange._replace(attempt=1, retry_at_ns=now_ns + self._wait_ns(1))
        return [note, *self._request(again, offer.your_ip, server, now_ns)]

    def _request(self, exchange: Exchange, address: bytes, server: bytes, now_ns: int) -> list[Output]:
        self._state = Requesting(exchange, address, server)
        options = Options(dhcp.REQUEST, requested_address=address, server_identifier=server)
        return [
            _note_request("SELECTING", address, server),
            Send(self._message(exchange, options, now_ns), BROADCAST_IP),
        ]

    def _renew(self, lease: Lease, exchange: Exchange, now_ns: int) -> list[Output]:
        retry_at_ns = _halfway(now_ns, lease.rebind_at_ns)
        self._state = Renewing(exchange._replace(retry_at_ns=retry_at_ns), lease)
        message = self._message(exchange, Options(dhcp.REQUEST), now_ns, lease.address)
        return [_note_request("RENEWING", lease.address, lease.server), Send(message, lease.server)]

    def _rebind(self, lease: Lease, exchange: Exchange, now_ns: int) -> list[Output]:
        retry_at_ns = _halfway(now_ns, lease.expires_at_ns)
        self._state = Rebinding(exchange._replace(retry_at_ns=retry_at_ns), lease)
        message = self._message(exchange, Options(dhcp.REQUEST), now_ns, lease.address)
        return [_note_request("REBINDING", lease.address, BROADCAST_IP), Send(message, BROADCAST_IP)]

    def _reboot(self, lease: Lease, exchange: Exchange, now_ns: int) -> list[Output]:
        self._state = Rebooting(exchange, lease)
        message = self._message(exchange, Options(dhcp.REQUEST, requested_address=lease.address), now_ns)
        return [_note_request("INIT-REBOOT", lease.address, BROADCAST_IP), Send(message, BROADCAST_IP)]

    def _reboot_again(self, exchange: Exchange, lease: Lease, now_ns: int) -> list[Output]:
        """Without an answer the lease may be used as long as it lasts (section 3.2)."""
        if exchange.attempt < _REQUEST_ATTEMPTS:
            return self._reboot(lease, self._again(exchange, now_ns), now_ns)
        self._state = Holding(lease)
        return []

    def _take_lease(self, ack: Message, exchange: Exchange, now_ns: int) -> list[Output]:
        """A new lease: use it now, or see first whether the address is free."""
        outputs = self._bind(ack, exchange, "new")
        match self._state:
            case Holding(lease) if self._probe_ns:
                self._state = Testing(lease, begin(self._probe_ns, now_ns, self._random))
                return [output for output in outputs if not isinstance(output, Bound)]
        return outputs

    def _probe(self, lease: Lease, so_far: Probing, now_ns: int) -> list[Output]:
        if so_far.over:
            self._state = Holding(lease)
            return [Bound(lease, "new")]
        after = after_a_probe(so_far, self._probe_ns, now_ns, self._random)
        self._state = Testing(lease, after)
        return [Probe(lease.address)]

    def _bind(self, ack: Message, exchange: Exchange, why: str) -> list[Output]:
        lease = _lease_of(ack, exchange.began_ns)
        if lease is None:
            return []
        self._state = Holding(lease)
        address, server = ip_text(lease.address), ip_text(lease.server)
        fields = {"address": address, "server": server, "lease_s": lease.lease_s, "why": why}
        return [Note("dhcp.ack", fields), Bound(lease, why)]


_WHY: dict[type[State], str] = {Renewing: "renewed", Rebinding: "rebound", Rebooting: "confirmed"}


def _lease_of(ack: Message, began_ns: int) -> Lease | None:
    """The times count from when the request was first sent (section 4.4.1). None when what it takes is missing."""
    options, lease_s = ack.options, ack.options.lease_time_s
    if lease_s is None or options.subnet_mask is None or options.server_identifier is None:
        return None
    renewal_s = options.renewal_time_s or lease_s // 2
    rebinding_s = options.rebinding_time_s or lease_s * 7 // 8
    mtu = options.interface_mtu
    return Lease(
        address=ack.your_ip,
        prefix_length=int.from_bytes(options.subnet_mask).bit_count(),
        server=options.server_identifier,
        router=options.routers[0] if options.routers else None,
        dns_servers=options.dns_servers,
        domain=options.domain_name,
        mtu=mtu if mtu is not None and mtu >= _SMALLEST_MTU else None,
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
