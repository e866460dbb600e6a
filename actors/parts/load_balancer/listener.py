"""A listener: the port, its certificates and its rules."""

from typing import Any
from uuid import NAMESPACE_DNS, uuid5

from actors.parts.load_balancer.client import ClientConnection
from actors.parts.load_balancer.client_side import Arrival, ClientSide
from actors.parts.load_balancer.config import ListenerSection
from actors.parts.load_balancer.node import Node
from actors.parts.load_balancer.target_group import RunningGroup
from actors.parts.load_balancer.tls import server_context
from actors.protocols.listener_rules import ListenerRules


class Listener:
    """Accepts clients' connections on one port. `groups` are the target groups by the name that rules use."""

    def __init__(self, node: Node, config: ListenerSection, groups: dict[str, RunningGroup]) -> None:
        self.node = node
        self.groups = groups
        self.port = config.port
        self.name = f"{config.protocol}:{config.port}"
        self.scheme = config.protocol.lower()
        self.rules = ListenerRules(
            [section.rule() for section in config.rules], config.default_action.action()
        )
        self.forwarded_lines = (
            f"X-Forwarded-Proto: {self.scheme}\r\nX-Forwarded-Port: {self.port}\r\n".encode()
        )
        self.default_certificate = config.certificates[0] if config.certificates else "-"
        self.connections: dict[ClientSide, None] = {}  # a set in order of arrival
        self._config = config
        self._server: Any = None

    async def start(self) -> None:
        """Listen from now on."""
        config, node = self._config, self.node
        context = None
        if config.certificates:
            certificates = node.context.directory / "certs"
            protocols = ("h2", "http/1.1") if node.attributes.http2 else ("http/1.1",)
            context = server_context(config.ssl_policy, certificates, config.certificates, protocols)
        self._server = await node.stack.create_server(self._accept, self.port, ssl=context)

    def _accept(self) -> Arrival | ClientConnection:
        if self.scheme == "https":
            return Arrival(self)
        return ClientConnection(self, self.node.context.now_ns())

    def stop(self) -> None:
        """Listen no longer, and cut the connections that there are."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.abort()

    def certificate_arn(self, domain: str) -> str:
        """What ACM would call the certificate of this domain."""
        return self.node.arn("acm", f"certificate/{uuid5(NAMESPACE_DNS, domain)}")
