"""What neighbours send to a process: the socket that they send to, and each frame when it is due.

How this works. A message is a batch of envelopes, each of which says when its frame is due. One that is due is given
to the element as of that moment; one that comes too early waits in a heap until then. An envelope that is not one is
counted, and the rest of its batch follows. What the element sends meanwhile leaves when the batch is done.
"""

import asyncio
import contextlib
import heapq
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import zmq

from actors.bounds import QUEUEING_S
from actors.links.curve import Keys, keys_for
from actors.links.gatekeeper import Gatekeeper
from actors.links.zeromq import DrainedSocket, ZeroMQCarrier
from actors.runtime.metrics import MetricStore
from actors.units import MILLISECOND, SECOND
from actors.wire.envelope import decode_batch
from actors.wire.malformed import Malformed

SLACK_NS = MILLISECOND
"""A frame due within this is handled now: asyncio cannot wait for less (its timers are a millisecond coarse), and
`now_ns()` tells the right time meanwhile."""

FARTHEST_NS = 3600 * SECOND
"""No link is so long that a frame is due later than this; such an envelope is junk."""

Held = tuple[int, int, str, str | None, bytes]


class Addressee(Protocol):
    """Whom the frames are for."""

    frame_ns: int
    """The moment as of which a frame is handled now, else 0."""

    def receiver(self) -> Callable[[str, bytes], None]:
        """What takes a port and a frame; it may raise."""

    def deliver_marked(self, port: str, journey: str, frame: bytes) -> None:
        """Take a frame of a journey that is written down."""

    def failed(self, port: str, frame: bytes, error: Exception) -> None:
        """The receiver raised."""

    def handled(self, latest_ns: int) -> None:
        """All frames of a batch have been taken, the last as of this moment (0: there was none)."""


class Inbox:
    """The one socket that all neighbours of an element send to, and what waits for its time."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        addressee: Addressee,
        carrier: ZeroMQCarrier,
        metrics: MetricStore,
    ) -> None:
        self._context, self._addressee, self._carrier, self._metrics = context, addressee, carrier, metrics
        self._loop = asyncio.get_running_loop()
        self._gate: Gatekeeper | None = None
        self._drained: DrainedSocket | None = None
        self._ports: dict[str, str] = {}
        self._held: list[Held] = []
        self._held_count = 0
        self._release: asyncio.TimerHandle | None = None
        self._release_ns = 0
        self.malformed = 0
        self._frames = self._batches = 0
        self._worst_lag_ns = 0
        self._dispatch_lag = metrics.histogram("journey_runtime_dispatch_lag_seconds", buckets=QUEUEING_S)
        self._mailbox_wait = metrics.histogram("journey_runtime_mailbox_wait_seconds", buckets=QUEUEING_S)
        metrics.on_collect(self._collect)

    # ---- the socket -----------------------------------------------------------------------------------------

    def bind(self, endpoint: str, keys: Keys | None) -> str:
        """Open the socket; where it is in the end. Nothing is handled before `listen`."""
        self._socket = self._context.socket(zmq.PULL)
        if (keys := keys_for(endpoint, keys)) is not None:
            self._gate = Gatekeeper(self._context, [keys.elements])
            keys.serve(self._socket)
        self._visitors = self._socket.get_monitor_socket(zmq.Event.HANDSHAKE_SUCCEEDED)
        self._socket.bind(endpoint)
        return self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def arrivals(self) -> int:
        """How many neighbours have opened their way here since the last call; until `forget_arrivals`."""
        count = 0
        with contextlib.suppress(zmq.Again):
            while True:
                self._visitors.recv_multipart(zmq.NOBLOCK)
                count += 1
        return count

    def forget_arrivals(self) -> None:
        """Whoever comes from now on is not waited for."""
        self._socket.disable_monitor()
        self._visitors.close(linger=0)

    def listen(self) -> None:
        """Begin to handle what neighbours send."""
        self._drained = DrainedSocket(self._socket, self._take)
        self._drained.after_drain = self._sent

    def plug(self, link: str, port: str) -> None:
        """What comes by a link is for this port."""
        self._ports[link] = port

    def unplug(self, link: str) -> None:
        """Nothing comes by this link any more; what is held of it is lost, and counted as no envelope of ours."""
        self._ports.pop(link, None)

    def close(self) -> None:
        if self._release is not None:
            self._release.cancel()
        if self._drained is not None:
            self._drained.close()
        if self._gate is not None:
            self._gate.close()

    # ---- batches --------------------------------------------------------------------------------------------

    def _take(self, message: bytes) -> None:
        self._carrier.draining = True
        try:
            batch = decode_batch(message)
        except Malformed:
            self.malformed += 1
        else:
            self._handle(batch)
            self._frames += len(batch)
            self._carrier.flush_full()

    def _sent(self) -> None:
        self._carrier.draining = False
        self._carrier.flush()

    def _handle(self, batch: Sequence[Any]) -> None:
        """Give the element every frame of a batch that is due. An envelope that is not one raises as it is taken
        apart; it is counted, and the rest follows."""
        horizon_ns = time.monotonic_ns() + SLACK_NS
        addressee, ports, latest_ns = self._addressee, self._ports, 0
        on_frame = addressee.receiver()
        self._note_wait(batch, horizon_ns - SLACK_NS)
        rest = iter(batch)
        while True:
            try:
                for link, due_ns, journey, frame in rest:
                    port = ports[link]
                    if type(frame) is not bytes or not 0 < due_ns <= horizon_ns:
                        self._hold(due_ns, horizon_ns, link, journey, frame)
                        continue
                    if due_ns > latest_ns:
                        latest_ns = due_ns
                    addressee.frame_ns = due_ns
                    if journey is not None:
                        if type(journey) is not str:
                            raise TypeError("a journey is text")
                        addressee.deliver_marked(port, journey, frame)
                        continue
                    try:
                        on_frame(port, frame)
                    except Exception as error:
                        addressee.failed(port, frame, error)
                break
            except (TypeError, ValueError, KeyError):
                self.malformed += 1
        addressee.handled(latest_ns)
        self._batches += 1
        if latest_ns:
            self._note_lag(horizon_ns - SLACK_NS - latest_ns)

    def _note_lag(self, lag_ns: int) -> None:
        if lag_ns > self._worst_lag_ns:
            self._worst_lag_ns = lag_ns
        self._dispatch_lag.observe(lag_ns / 1e9 if lag_ns > 0 else 0.0)

    def _note_wait(self, batch: Sequence[Any], now_ns: int) -> None:
        """How long the first frame of a batch has waited here since it was due; junk is left to whoever handles it."""
        first = batch[0] if batch else None
        if type(first) is tuple and len(first) == 4 and type(first[1]) is int and first[1] > 0:
            wait_ns = now_ns - first[1]
            self._mailbox_wait.observe(wait_ns / 1e9 if wait_ns > 0 else 0.0)

    # ---- what comes early -----------------------------------------------------------------------------------

    def _hold(self, due_ns: int, horizon_ns: int, link: str, journey: str | None, frame: bytes) -> None:
        if type(frame) is not bytes or not 0 < due_ns < horizon_ns + FARTHEST_NS:
            raise ValueError("not a frame, or no link is that long")
        self._held_count += 1
        heapq.heappush(self._held, (due_ns, self._held_count, link, journey, frame))
        if self._release is None or due_ns < self._release_ns:
            self._arm(due_ns)

    def _arm(self, due_ns: int) -> None:
        if self._release is not None:
            self._release.cancel()
        self._release_ns = due_ns
        self._release = self._loop.call_at((due_ns - SLACK_NS // 2) / 1e9, self._release_held)

    def _release_held(self) -> None:
        self._release = None
        self._carrier.draining = True
        held, horizon_ns, batch = self._held, time.monotonic_ns() + SLACK_NS, []
        while held and held[0][0] <= horizon_ns:
            due_ns, _, link, journey, frame = heapq.heappop(held)
            batch.append((link, due_ns, journey, frame))
        self._handle(batch)
        self._sent()
        if held:
            self._arm(held[0][0])

    def _collect(self) -> None:
        counter, gauge = self._metrics.counter, self._metrics.gauge
        counter("journey_runtime_messages_total").value = self._frames
        counter("journey_runtime_batches_total").value = self._batches
        counter("journey_runtime_malformed_messages_total").value = self.malformed
        gauge("journey_runtime_mailbox_items").value = len(self._held)
        gauge("journey_runtime_dispatch_lag_seconds_max").value = self._worst_lag_ns / 1e9
        self._worst_lag_ns = 0
        if self._gate is not None:
            counter("journey_runtime_refused_connections_total").value = self._gate.refused
