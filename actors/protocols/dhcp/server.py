"""A DHCP server with one pool of addresses, the only one on its link (RFC 2131 section 4.3).

How a router uses it: bind UDP port 67, give every decoded message to `handle(message, now_ns)`, and carry out what
comes back: a `Send` goes to port 68 of its destination (255.255.255.255 for clients that have no address yet), a
`Note` goes into the journal. A lease that has run out is simply free again; `on_deadline` tells of it.

A client keeps its address as long as nobody else needs it. An offer holds its address for a minute. As the only
server ("authoritative", as dnsmasq says) it also takes a request for a free address of the pool from a client it does
not know: that is how leases come back after the router has lost its memory. Any other request gets a NAK.

Left out: relays (messages with giaddr are passed over), and probing an address before it is offered.
"""

from typing import Any, NamedTuple

from actors.protocols.dhcp import Note, Send
from actors.units import SECOND
from actors.wire import dhcp
from actors.wire.addresses import ANY_IP, BROADCAST_IP, ip_text, mac_text
from actors.wire.dhcp import Message, Options

OFFER_HOLD_NS = 60 * SECOND

Output = Send | Note


class Settings(NamedTuple):
    """What the server hands out: addresses `first` to `last`, all in the network of `address`."""

    address: bytes
    prefix_length: int
    first: bytes
    last: bytes
    lease_s: int
    routers: tuple[bytes, ...]
    dns_servers: tuple[bytes, ...]
    domain: str | None = None
    mtu: int | None = None
    """Interface MTU (option 26); None leaves it to the client."""


class Binding(NamedTuple):
    """An address that a client has or was offered, until `expires_ns`; it is remembered beyond that."""

    address: bytes
    client: bytes
    """The client identifier, or else the MAC address."""
    mac: bytes
    host_name: str
    expires_ns: int
    leased: bool
    """False for a mere offer."""


class DhcpServer:
    """The server; see the head of this file."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._first = int.from_bytes(settings.first)
        self._last = int.from_bytes(settings.last)
        self._untouched = self._first
        self._bindings: dict[bytes, Binding] = {}
        self._address_of: dict[bytes, bytes] = {}
        self._look_ns: int | None = None

    @property
    def size(self) -> int:
        """How many addresses the pool has."""
        return self._last - self._first + 1

    def handle(self, message: Message, now_ns: int) -> list[Output]:
        """A message has arrived at port 67."""
        if message.operation != dhcp.BOOT_REQUEST or message.relay_ip != ANY_IP:
            return []
        match message.options.message_type:
            case dhcp.DISCOVER:
                return self._discover(message, now_ns)
            case dhcp.REQUEST:
                return self._request(message, now_ns)
            case dhcp.RELEASE:
                return self._release(message, now_ns)
            case dhcp.DECLINE if message.options.requested_address is not None:
                return self._decline(message, message.options.requested_address, now_ns)
            case dhcp.INFORM:
                return [self._send(message, dhcp.ACK, ANY_IP)]
        return []

    def leases(self, now_ns: int) -> list[Binding]:
        """The leases in force, by address."""
        bindings = (self._bindings[address] for address in sorted(self._bindings))
        return [binding for binding in bindings if binding.leased and binding.expires_ns > now_ns]

    def free(self, now_ns: int) -> int:
        """How many addresses are neither leased nor held for an offer."""
        taken = sum(binding.expires_ns > now_ns for binding in self._bindings.values())
        return self.size - taken

    def declined(self, now_ns: int) -> list[bytes]:
        """The addresses that clients found in use by others, and that nobody gets for a while."""
        return [
            address
            for address in sorted(self._bindings)
            if not self._bindings[address].client and self._bindings[address].expires_ns > now_ns
        ]

    def deadline_ns(self) -> int | None:
        return self._look_ns

    def on_deadline(self, now_ns: int) -> list[Output]:
        """Tell of the leases that have run out without being renewed."""
        notes: list[Output] = []
        for lease in [each for each in self._bindings.values() if each.leased and each.expires_ns <= now_ns]:
            self._bindings[lease.address] = lease._replace(leased=False)
            fields = {
                "address": ip_text(lease.address),
                "mac": mac_text(lease.mac),
                "free": self.free(now_ns),
            }
            notes.append(Note("dhcp.expired", fields))
        self._look_ns = min(
            (each.expires_ns for each in self._bindings.values() if each.leased), default=None
        )
        return notes

    # ---- DISCOVER --------------------------------------------------------------------------------------------

    def _discover(self, message: Message, now_ns: int) -> list[Output]:
        client = _client(message)
        choice = self._choose(client, message.options.requested_address, now_ns)
        if choice is None:
            return [self._exhausted(message, now_ns)]
        address, why = choice
        current = self._bindings.get(address)
        if current is None or not (current.leased and current.expires_ns > now_ns):
            self._bind(message, address, now_ns + OFFER_HOLD_NS, leased=False)
        return [
            self._note_pool(message, address, why, now_ns),
            Note("dhcp.offer", {**self._fields(message, address), "server": ip_text(self._settings.address)}),
            self._send(message, dhcp.OFFER, address),
        ]

    def _exhausted(self, message: Message, now_ns: int) -> Note:
        """Nothing is sent (section 4.3.1), so the client cannot know why it gets no address: the journal has to say."""
        ends = [each.expires_ns for each in self._bindings.values() if each.expires_ns > now_ns]
        leased, declined = len(self.leases(now_ns)), len(self.declined(now_ns))
        fields = {
            "mac": mac_text(message.client_mac),
            "host_name": message.options.host_name or "",
            "pool": self.size,
            "leased": leased,
            "offered": len(ends) - leased - declined,
            "declined": declined,
            "next_free_s": (min(ends) - now_ns) / SECOND if ends else None,
        }
        return Note("dhcp.exhausted", fields)

    @staticmethod
    def _fields(message: Message, address: bytes) -> dict[str, Any]:
        return {"address": ip_text(address), "mac": mac_text(message.client_mac)}

    def _note_pool(self, message: Message, address: bytes, why: str, now_ns: int) -> Note:
        return Note("dhcp.pool", {**self._fields(message, address), "why": why, "free": self.free(now_ns)})

    def _choose(self, client: bytes, wanted: bytes | None, now_ns: int) -> tuple[bytes, str] | None:
        """An address for a client, in the order of section 4.3.1, and the rule that chose it."""
        previous = self._address_of.get(client)
        if previous is not None and self._available(previous, client, now_ns):
            return previous, "the client had it before"
        if wanted is not None and self._available(wanted, client, now_ns):
            return wanted, "the client asked for it"
        while self._untouched <= self._last:
            address = self._untouched.to_bytes(4)
            self._untouched += 1
            if address not in self._bindings and self._available(address, client, now_ns):
                return address, "next never used"
        oldest = min(self._bindings.values(), key=lambda binding: binding.expires_ns, default=None)
        if oldest is not None and oldest.expires_ns <= now_ns:
            return oldest.address, "unused for the longest time"
        return None

    def _available(self, address: bytes, client: bytes, now_ns: int) -> bool:
        if not self._first <= int.from_bytes(address) <= self._last or address == self._settings.address:
            return False
        binding = self._bindings.get(address)
        return binding is None or binding.client == client or binding.expires_ns <= now_ns

    # ---- REQUEST ---------------------------------------------------------------------------------------------

    def _request(self, message: Message, now_ns: int) -> list[Output]:
        """Three kinds of it, told apart as in section 4.3.2."""
        options = message.options
        if options.server_identifier is not None and options.server_identifier != self._settings.address:
            return self._give_back(
                message, self._address_of.get(_client(message)), "took another offer", now_ns
            )
        address = options.requested_address or message.client_ip
        if address == ANY_IP:
            return []
        client = _client(message)
        known = self._address_of.get(client)
        if known is not None and known != address and self._available(known, client, now_ns):
            return self._refuse(message, address, f"{ip_text(known)} is this client's address")
        if not self._available(address, client, now_ns):
            return self._refuse(message, address, "it is not free for this client")
        self._bind(message, address, now_ns + self._settings.lease_s * SECOND, leased=True)
        fields = {
            "address": ip_text(address),
            "server": ip_text(self._settings.address),
            "mac": mac_text(message.client_mac),
            "lease_s": self._settings.lease_s,
        }
        return [Note("dhcp.ack", fields), self._send(message, dhcp.ACK, address)]

    def _refuse(self, message: Message, address: bytes, why: str) -> list[Output]:
        reply = Message(
            operation=dhcp.BOOT_REPLY,
            transaction_id=message.transaction_id,
            client_mac=message.client_mac,
            broadcast=message.broadcast,
            options=Options(dhcp.NAK, server_identifier=self._settings.address, message=why),
        )
        return [Note("dhcp.nak", {**self._fields(message, address), "why": why}), Send(reply, BROADCAST_IP)]

    # ---- giving back -----------------------------------------------------------------------------------------

    def _give_back(self, message: Message, address: bytes | None, why: str, now_ns: int) -> list[Output]:
        binding = self._bindings.get(address) if address is not None else None
        if binding is None or binding.client != _client(message) or binding.expires_ns <= now_ns:
            return []
        self._bindings[binding.address] = binding._replace(expires_ns=now_ns, leased=False)
        return [self._note_pool(message, binding.address, why, now_ns)]

    def _release(self, message: Message, now_ns: int) -> list[Output]:
        notes = self._give_back(message, message.client_ip, "released", now_ns)
        return [Note("dhcp.release", self._fields(message, message.client_ip)), *notes] if notes else []

    def _decline(self, message: Message, address: bytes, now_ns: int) -> list[Output]:
        """Somebody else uses the address: nobody gets it for the time of a lease."""
        binding = self._bindings.get(address)
        if binding is None or binding.client != _client(message):
            return []
        self._address_of.pop(binding.client)
        expires_ns = now_ns + self._settings.lease_s * SECOND
        self._bindings[address] = binding._replace(client=b"", expires_ns=expires_ns, leased=False)
        return [
            Note("dhcp.decline", self._fields(message, address)),
            self._note_pool(message, address, "declined: somebody else uses it", now_ns),
        ]

    # ---- what both need --------------------------------------------------------------------------------------

    def _bind(self, message: Message, address: bytes, expires_ns: int, *, leased: bool) -> None:
        client = _client(message)
        if (old := self._bindings.get(address)) is not None:
            self._address_of.pop(old.client, None)
        if (other := self._address_of.get(client)) is not None and other != address:
            self._bindings[other] = self._bindings[other]._replace(client=b"", expires_ns=0)
        name = message.options.host_name or ""
        self._bindings[address] = Binding(address, client, message.client_mac, name, expires_ns, leased)
        self._address_of[client] = address
        if leased and (self._look_ns is None or expires_ns < self._look_ns):
            self._look_ns = expires_ns

    def _send(self, message: Message, kind: int, address: bytes) -> Send:
        """A client without an address is told by broadcast, as section 4.1 allows whatever its flag says."""
        destination = message.client_ip if message.client_ip != ANY_IP else BROADCAST_IP
        return Send(self._reply(message, kind, address), destination)

    def _reply(self, message: Message, kind: int, address: bytes) -> Message:
        settings = self._settings
        leasing = address != ANY_IP
        return Message(
            operation=dhcp.BOOT_REPLY,
            transaction_id=message.transaction_id,
            client_mac=message.client_mac,
            client_ip=message.client_ip if kind == dhcp.ACK else ANY_IP,
            your_ip=address,
            broadcast=message.broadcast,
            options=Options(
                kind,
                server_identifier=settings.address,
                subnet_mask=((0xFFFFFFFF << (32 - settings.prefix_length)) & 0xFFFFFFFF).to_bytes(4),
                routers=settings.routers,
                dns_servers=settings.dns_servers,
                domain_name=settings.domain,
                interface_mtu=settings.mtu,
                lease_time_s=settings.lease_s if leasing else None,
                renewal_time_s=settings.lease_s // 2 if leasing else None,
                rebinding_time_s=settings.lease_s * 7 // 8 if leasing else None,
            ),
        )


def _client(message: Message) -> bytes:
    return message.options.client_identifier or message.client_mac
