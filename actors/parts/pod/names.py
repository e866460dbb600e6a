"""How a pod's programs find addresses: `/etc/hosts` first, then the name servers of its `resolv.conf`."""

from collections.abc import Mapping, Sequence
from functools import partial

from actors.element import Context
from actors.parts.dns_asking import ask
from actors.parts.names import NameNotResolved, addresses
from actors.protocols.dns.cache import Cache
from actors.protocols.dns.stub import OPERATING_SYSTEM, StubResolver
from actors.stack import Stack
from actors.wire.addresses import ip_bytes

TIMEOUT_S = 5.0
"""How long one server is waited for (resolv.conf's `timeout`)."""
CACHE_SIZE = 1000
NOBODY = "there is no DNS in the cluster: a Service's address is in the environment, hostAliases and dnsConfig work"


class PodNames:
    """The resolver of one pod, with a cache like that of systemd-resolved."""

    def __init__(
        self, context: Context, stack: Stack, hosts: Mapping[str, str], servers: Sequence[str]
    ) -> None:
        self._hosts = {name.lower().rstrip("."): address for name, address in hosts.items()}
        self._servers = [ip_bytes(server) for server in servers]
        self._stub = StubResolver(
            OPERATING_SYSTEM,
            partial(ask, context, stack, TIMEOUT_S),
            cache=Cache(CACHE_SIZE),
            now_ns=context.now_ns,
            random=context.random,
            record=context.record,
            servers=self._servers,
        )

    async def addresses(self, host: str) -> list[str]:
        """The IPv4 addresses of a host, which may be an address already. Raises `NameNotResolved` or `Malformed`."""
        found = self._hosts.get(host.lower().rstrip("."))
        if found is not None:
            return [found]
        if not self._servers and not host.replace(".", "").isdigit():
            raise NameNotResolved(f"{host} cannot be resolved: {NOBODY}")
        return await addresses(self._stub.resolve, host)
