"""A hub: what comes in at one port goes out at all others. Lets a test put many hosts on one wire."""

from actors.element import Element
from actors.runtime.virtual import VirtualNetwork


class Hub(Element):
    """Repeats frames; its ports are named after the elements plugged in."""

    def on_frame(self, port: str, frame: bytes) -> None:
        for name, other in self.context.ports.items():
            if name != port:
                other.send(frame)


def join(net: VirtualNetwork, *hosts: tuple[str, str], delay: str = "1ms") -> None:
    """Plug these (element, port) into one hub."""
    net.add_element("hub", lambda context: Hub(None, context))
    for element, port in hosts:
        net.link(f"hub-{element}", (element, port), ("hub", element), delay=delay)
