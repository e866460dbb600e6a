"""The Internet of the default world: its six autonomous systems, a customer at one end and a server at the other."""

from typing import Any

from actors.element import Context
from actors.runtime.virtual import VirtualNetwork
from actors.wire.addresses import ip_bytes
from orchestrator.config import default_world, load_world
from tests.stack.hosts import Host, stack

ROUTERS = ("isp", "isp-2", "transit-1", "transit-2", "transit-3", "aws-edge")
SITE = "198.51.100.10"


def _server(context: Context) -> Host:
    host = Host(context, "169.254.255.1/31", "169.254.255.0")
    host.stack.ip.local[ip_bytes("10.0.0.10")] = host.stack.ip.interfaces["eth0"]
    return host


class Internet:
    """Routers and links as the default world has them."""

    def __init__(self, seed: int = 1) -> None:
        world = load_world(default_world())
        self.net = VirtualNetwork(seed=seed)
        for name in ROUTERS:
            config = world.elements[name].config.model_dump(mode="json", exclude_unset=True)
            if name == "aws-edge":
                config |= {"aws_api": None, "elastic_ips": {SITE: "10.0.0.10"}}
            self.net.add(name, world.elements[name].kind, type(world.elements[name].config)(**config))
        self.net.add_element("customer", lambda context: Host(context, "203.0.113.10/26", "203.0.113.1"))
        self.net.add_element("server", _server)
        for name in ("resolver", "root", "tld", "route53"):
            self.net.add_element(name, lambda context: Host(context, None, None))
        for name, link in world.links.items():
            one, other = (tuple(end.split(".")) for end in link.between)
            if one[0] in self.net.hosts and other[0] in self.net.hosts:
                self.net.join(name, one, other, link)  # type: ignore[arg-type]
        self.net.link("access", ("customer", "eth0"), ("isp", "customers"), delay="1ms")
        self.net.link("vpc", ("server", "eth0"), ("aws-edge", "vpc"), delay="1ms")

    def router(self, name: str) -> Any:
        return self.net.element(name)

    async def sleep(self, seconds: float) -> None:
        await self.net.host("customer").sleep(seconds)

    async def ping(self, timeout_s: float = 0.2) -> float | None:
        """Seconds to the site and back; None when nothing came."""
        try:
            return await stack(self.net, "customer").ping(SITE, timeout_s=timeout_s)
        except OSError:
            return None

    def suffer(self, link: str, fields: dict[str, Any] | None) -> None:
        """A fault on a link, told to both ends as `journey fault` does; None ends it."""
        for host in self.net.hosts.values():
            if any(port.link == link for port in host.ports.values()):
                host.suffer(link, "fault-1", fields)

    def lose_carrier(self, link: str, up: bool = False) -> None:
        for host in self.net.hosts.values():
            for name, port in host.ports.items():
                if port.link == link:
                    host.set_carrier(name, up)

    def way(self) -> str:
        """The neighbour by which the isp sends to the site."""
        route = self.router("isp").stack.routes.lookup(ip_bytes(SITE))
        return "" if route is None else str(route.port)

    def events(self, kind: str, element: str | None = None) -> list[dict[str, Any]]:
        return [
            record
            for record in self.net.journal
            if record["kind"] == kind and element in (None, record["element"])
        ]
