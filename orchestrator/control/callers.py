"""Who is at the other end of the control line over tcp: each caller's address, and the moment at which it hangs up."""

import contextlib
from collections.abc import Callable

import zmq
from zmq.utils.monitor import parse_monitor_message

from actors.links.zeromq import DrainedSocket


class Callers:
    """Watches the connections of one ROUTER socket. Make it before the socket is bound."""

    def __init__(self, socket: "zmq.Socket[bytes]") -> None:
        self.on_lost: Callable[[bytes], None] = lambda identity: None
        """Called with the routing id of a caller whose connection is closed: its process has ended, or soon will."""
        self._descriptors: dict[bytes, int] = {}
        self._addresses: dict[bytes, str] = {}
        self._router = socket
        monitor = socket.get_monitor_socket(zmq.Event.DISCONNECTED)
        self._monitor = DrainedSocket(monitor, self._on_event, multipart=True)

    def note(self, identity: bytes, frame: zmq.Frame) -> None:
        """A message has come; its frame knows on which connection."""
        if identity not in self._addresses:
            self._addresses[identity] = str(frame.get("Peer-Address"))
            self._descriptors[identity] = int(frame.get(zmq.SRCFD))

    def address(self, identity: bytes) -> str:
        """The IP address that a caller calls from."""
        return self._addresses[identity]

    def _on_event(self, parts: list[bytes]) -> None:
        closed = int(parse_monitor_message(parts)["value"])
        for identity in [each for each, descriptor in self._descriptors.items() if descriptor == closed]:
            del self._descriptors[identity], self._addresses[identity]
            self.on_lost(identity)

    def close(self) -> None:
        with contextlib.suppress(zmq.ZMQError):
            self._router.disable_monitor()
        self._monitor.close()
