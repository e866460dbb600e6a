"""Name servers on one wire, with a zone whose answers are too long for UDP, and a host that asks them."""

from pathlib import Path

from actors.element import Context
from actors.parts.dns_asking import ask
from actors.parts.tools import Tools
from actors.runtime.virtual import VirtualNetwork
from actors.wire import dns
from actors.wire.addresses import ip_bytes
from tests.elements.hub import join
from tests.stack.hosts import Host as Plain

ROOT, SITE, SECOND_SITE, RESOLVER, HOST = (f"192.0.2.{each}" for each in (2, 10, 11, 66, 100))
ROOT_ZONE = f"""$ORIGIN .
$TTL 1000
@ IN SOA a.root. host. 1 1 1 1 60
@ IN NS a.root.
a.root. IN A {ROOT}
site IN NS ns1.site.
site IN NS ns2.site.
ns1.site. IN A {SITE}
ns2.site. IN A {SECOND_SITE}
"""
SITE_ZONE = f"""$ORIGIN site.
$TTL 300
@ IN SOA ns1 host 1 1 1 1 60
@ IN NS ns1
@ IN NS ns2
ns1 IN A {SITE}
ns2 IN A {SECOND_SITE}
@ 60 IN A 198.51.100.10
@ 60 IN A 198.51.100.20
www IN CNAME site.
""" + "".join(f'long IN TXT "{number:02}{"x" * 90}"\n' for number in range(40))
LONG = 40


class Host(Tools, Plain):
    """A host with a shell."""

    async def dig(
        self, name: str, server: str = RESOLVER, rdtype: str = "A", *, edns: bool = True
    ) -> dns.Message:
        query = dns.query(dns.name(name), dns.Type[rdtype], 7, recursion_desired=True, edns=edns)
        return await ask(self.context, self.stack, 11, ip_bytes(server), query)


def internet(folder: Path, **link: str) -> VirtualNetwork:
    """resolver, root, site-1, site-2 and host on a hub, a millisecond from it each."""
    net = VirtualNetwork(seed=1)
    for name, address, zone in (
        ("root", ROOT, ROOT_ZONE),
        ("site-1", SITE, SITE_ZONE),
        ("site-2", SECOND_SITE, SITE_ZONE),
    ):
        file = folder / f"{name}.zone"
        file.write_text(zone)
        role = {"authoritative": {"zones": [str(file)]}}
        net.add(name, "dns_server", {"interface": _interface(address), **role})
    recursive = {"root_hints": {"a.root.": ROOT}, "allow": ["192.0.2.0/24"]}
    net.add("resolver", "dns_server", {"interface": _interface(RESOLVER), "recursive": recursive})
    net.add_element("host", lambda context: Host(context, f"{HOST}/24", None))
    join(net, *((name, "eth0") for name in ("root", "site-1", "site-2", "resolver", "host")))
    return net


def _interface(address: str) -> dict[str, str]:
    return {"address": f"{address}/24", "gateway": "192.0.2.1"}


def received(context: Context, resolver: str, transport: str) -> float:
    """How many messages a server got by this transport."""
    counter = context.metrics.counter
    return counter("journey_dns_received_queries_total", resolver=resolver, transport=transport).value
