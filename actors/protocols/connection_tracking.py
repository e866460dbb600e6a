"""Connection tracking: which packets belong to a conversation that was let through before.

How this works. A connection is known by two flow keys (see `flows`): that of the packets that opened it, and that of
its replies; where addresses are translated the second is not the first turned round. Its state decides how long it may
stay silent. Whoever caches a connection's packets past the tracker sets `seen_ns` on each; the tracker looks when
the silence should be over, and again later if it was not. Looking at least once a minute keeps the heap free of
long-closed connections whose timeout was five days.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Hashable
from enum import Enum
from typing import Any, NamedTuple

from actors.protocols.flows import turned
from actors.units import SECOND
from actors.wire import ipv4, tcp


class State(Enum):
    """What has been seen of a connection."""

    NEW = "new"
    """Packets in one direction only."""
    REPLIED = "replied"
    """UDP and others: one request with its reply."""
    ESTABLISHED = "established"
    """TCP: both sides have spoken. UDP: a second request after a reply (AWS and Linux call it a stream)."""
    CLOSING = "closing"
    """TCP: a FIN or RST has passed."""


class Timeouts(NamedTuple):
    """How long a connection may stay silent, in nanoseconds. The defaults are Linux's (nf_conntrack sysctls)."""

    tcp_opening_ns: int = 120 * SECOND
    tcp_established_ns: int = 432_000 * SECOND
    tcp_closing_ns: int = 120 * SECOND
    udp_ns: int = 30 * SECOND
    udp_stream_ns: int = 120 * SECOND
    icmp_ns: int = 30 * SECOND
    other_ns: int = 600 * SECOND


class Connection:
    """One tracked conversation. `seen_ns` is when its last packet passed; `note` is its owner's to use."""

    __slots__ = ("key", "note", "owner", "reply_key", "seen_ns", "state", "timeout_ns")

    def __init__(self, owner: Hashable, key: bytes, reply_key: bytes, now_ns: int) -> None:
        self.owner = owner
        self.key = key
        self.reply_key = reply_key
        self.state = State.NEW
        self.seen_ns = now_ns
        self.timeout_ns = 0
        self.note: Any = None

    @property
    def settled(self) -> bool:
        """Whether packets other than FIN, SYN and RST no longer change anything: they may be cached."""
        return self.state is State.ESTABLISHED


class Full(Exception):
    """The owner has as many connections as it may."""


_LONGEST_LOOK_NS = 60 * SECOND
_LOOKS_EACH, _FEW_LOOKS = 4, 1000
"""A connection has one look ahead of it, two or three when its timeout has shrunk."""


class ConnectionTracker:
    """Connections of any number of owners (an ENI, a node), each with room for `limit`.

    Time is an argument; `deadline_ns` says when `on_deadline` next has something to do. `on_close(connection)` is
    called for each connection that ends, however it does."""

    def __init__(
        self, limit: int, timeouts: Timeouts, on_close: Callable[[Connection], None] | None = None
    ) -> None:
        self.limit = limit
        self.timeouts = timeouts
        self._on_close = on_close
        self._connections: dict[tuple[Hashable, bytes], Connection] = {}
        self._owned: Counter[Hashable] = Counter()
        self._looks: list[tuple[int, int, Connection]] = []
        self._opened = self._count = 0

    def __len__(self) -> int:
        return self._count

    def owned(self, owner: Hashable) -> int:
        """How many connections this owner has."""
        return self._owned[owner]

    def connections(self) -> list[Connection]:
        """All connections, in the order in which they were opened."""
        return [connection for (_, key), connection in self._connections.items() if key == connection.key]

    def find(self, owner: Hashable, key: bytes) -> Connection | None:
        """The connection that packets with this key belong to, in either direction."""
        return self._connections.get((owner, key))

    def open(self, owner: Hashable, key: bytes, now_ns: int, reply_key: bytes | None = None) -> Connection:
        """Track a new connection; raises `Full`."""
        if self._owned[owner] >= self.limit:
            raise Full(f"{self.limit} connections are tracked already")
        connection = Connection(owner, key, turned(key) if reply_key is None else reply_key, now_ns)
        assert (owner, key) not in self._connections, "a connection is opened once"
        self._connections[owner, key] = connection
        self._connections.setdefault((owner, connection.reply_key), connection)
        self._owned[owner] += 1
        self._count += 1
        self._enter(connection, State.NEW, now_ns)
        return connection

    def saw(self, connection: Connection, key: bytes, tcp_flags: int, now_ns: int) -> None:
        """A packet of the connection has passed."""
        connection.seen_ns = now_ns
        is_reply = key == connection.reply_key
        match connection.state:
            case State.NEW | State.REPLIED | State.ESTABLISHED if tcp_flags & (tcp.FIN | tcp.RST):
                self._enter(connection, State.CLOSING, now_ns)
            case State.NEW if is_reply:
                tcp_reply = key[12] == ipv4.TCP
                self._enter(connection, State.ESTABLISHED if tcp_reply else State.REPLIED, now_ns)
            case State.REPLIED if not is_reply and key[12] == ipv4.UDP:
                self._enter(connection, State.ESTABLISHED, now_ns)

    def close(self, connection: Connection) -> None:
        """Forget a connection."""
        owner = connection.owner
        if self._connections.pop((owner, connection.key), None) is None:
            return
        if self._connections.get((owner, connection.reply_key)) is connection:
            del self._connections[owner, connection.reply_key]
        self._owned[owner] -= 1
        if not self._owned[owner]:
            del self._owned[owner]
        self._count -= 1
        if self._on_close is not None:
            self._on_close(connection)

    def close_all(self, owner: Hashable) -> list[Connection]:
        """Forget all connections of an owner; returns them."""
        closed = [connection for connection in self.connections() if connection.owner == owner]
        for connection in closed:
            self.close(connection)
        return closed

    def deadline_ns(self) -> int | None:
        return self._looks[0][0] if self._looks else None

    def on_deadline(self, now_ns: int) -> list[Connection]:
        """Forget the connections that have been silent for too long; returns them."""
        silent = []
        while self._looks and self._looks[0][0] <= now_ns:
            connection = heapq.heappop(self._looks)[2]
            if self._connections.get((connection.owner, connection.key)) is not connection:
                continue
            if connection.seen_ns + connection.timeout_ns <= now_ns:
                self.close(connection)
                silent.append(connection)
            else:
                self._look_later(connection, now_ns)
        return silent

    def _enter(self, connection: Connection, state: State, now_ns: int) -> None:
        connection.state = state
        before_ns, connection.timeout_ns = connection.timeout_ns, self._timeout_ns(connection)
        if before_ns == 0 or connection.timeout_ns < before_ns:
            self._look_later(connection, now_ns)

    def _look_later(self, connection: Connection, now_ns: int) -> None:
        if len(self._looks) > _LOOKS_EACH * self._count + _FEW_LOOKS:
            self._forget_looks()
        self._opened += 1
        look_ns = min(connection.seen_ns + connection.timeout_ns, now_ns + _LONGEST_LOOK_NS)
        heapq.heappush(self._looks, (look_ns, self._opened, connection))

    def _forget_looks(self) -> None:
        """Those at connections that are closed: who opens and closes quickly would leave any number of them."""
        self._looks = [
            look for look in self._looks if self._connections.get((look[2].owner, look[2].key)) is look[2]
        ]
        heapq.heapify(self._looks)

    def _timeout_ns(self, connection: Connection) -> int:
        timeouts = self.timeouts
        match connection.key[12], connection.state:
            case ipv4.TCP, State.ESTABLISHED:
                return timeouts.tcp_established_ns
            case ipv4.TCP, State.CLOSING:
                return timeouts.tcp_closing_ns
            case ipv4.TCP, _:
                return timeouts.tcp_opening_ns
            case ipv4.UDP, State.ESTABLISHED:
                return timeouts.udp_stream_ns
            case ipv4.UDP, _:
                return timeouts.udp_ns
            case ipv4.ICMP, _:
                return timeouts.icmp_ns
            case _:
                return timeouts.other_ns
