"""A router's LAN side: a switch over some ports, with the router itself as one more station on it."""

from collections.abc import Mapping, Sequence

from actors.element import Context, Port
from actors.protocols.switch import Switch, is_group
from actors.wire import ethernet


class Lan:
    """Switches frames between its ports; the router sends through it as through a port of its own."""

    name = link = "lan"

    def __init__(self, context: Context, ports: Sequence[str], mac: bytes) -> None:
        self.switch = Switch()
        self.mac = mac
        self.up = True
        self._now_ns = context.now_ns
        self._down: set[str] = set()
        # a port into which nothing is plugged does not exist in the world
        self._ports: Mapping[str, Port] = {
            name: context.ports[name] for name in ports if name in context.ports
        }
        self.mtu = min((port.mtu for port in self._ports.values()), default=1500)

    def send(self, frame: bytes, after_ns: int = 0) -> None:
        """A frame of the router itself."""
        self._pass_on(frame, None, after_ns)

    def on_frame(self, port: str, frame: bytes, now_ns: int) -> bool:
        """A frame has come in by this port. Whether it is meant for the router, alone or among others."""
        if len(frame) < ethernet.HEADER_BYTES:
            return True  # no switch passes such a thing on; the router will count it
        destination = frame[:6]
        self.switch.learn(frame[6:12], port, now_ns)
        if destination == self.mac:
            return True
        self._pass_on(frame, port, 0)
        return is_group(destination)

    def on_link(self, port: str, up: bool) -> bool:
        """The link at this port has gained or lost its carrier. Whether that makes a difference for the whole LAN."""
        if not up:
            self.switch.forget(port)
        self._down = self._down - {port} if up else self._down | {port}
        was_up, self.up = self.up, len(self._down) < len(self._ports)
        return self.up != was_up

    def _pass_on(self, frame: bytes, came_by: str | None, after_ns: int) -> None:
        leads_to = self.switch.port_of(frame[:6], self._now_ns())
        if leads_to is None:
            for name, port in self._ports.items():
                if name != came_by:
                    port.send(frame, after_ns)
        elif leads_to != came_by:
            self._ports[leads_to].send(frame, after_ns)
