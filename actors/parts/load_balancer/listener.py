"""A listener: the port, its certificates and its rules, which may change while it runs."""

import ssl
from typing import Any

from actors.parts.load_balancer.client import ClientConnection
from actors.parts.load_balancer.client_side import Arrival, ClientSide
from actors.parts.load_balancer.documents import Listener as Document
from actors.parts.load_balancer.header_modification import HeaderModification
from actors.parts.load_balancer.node import Node
from actors.parts.load_balancer.target_group import RunningGroup
from actors.parts.load_balancer.tls import server_context


class Listener:
    """Accepts clients' connections on one port. `groups` are the node's target groups by ARN."""

    def __init__(self, node: Node, groups: dict[str, RunningGroup], document: Document) -> None:
        """Listens at once; raises OSError if there is no such certificate."""
        self.node = node
        self.groups = groups
        self.connections: dict[ClientSide, None] = {}  # a set in order of arrival
        self._server: Any = None
        self._arns: dict[str, str] = {}
        """Also of certificates that are no longer shown: handshakes that began before end with them."""
        self.apply(document)

    def apply(self, document: Document) -> None:
        """Be as this document says: rules from the next request on, certificates from the next connection on."""
        self.http2 = self.node.attributes.http2
        context = self._tls(document)
        self.document = document
        self.rules = document.compiled()
        self.port = document.port
        self.scheme = document.protocol.lower()
        self.name = f"{document.protocol}:{document.port}"
        self.forwarded_lines = (
            f"X-Forwarded-Proto: {self.scheme}\r\nX-Forwarded-Port: {self.port}\r\n".encode()
        )
        certificates = document.certificates if document.protocol == "HTTPS" else ()
        self.default_certificate = certificates[0].domain if certificates else "-"
        self.headers = HeaderModification(document.attributes)
        self._arns.update((each.domain, each.arn) for each in certificates)
        if self._server is not None and self._server.port == self.port:
            self._server.set_tls(context)
            return
        if self._server is not None:
            self._server.close()
        self._server = self.node.stack.tcp.create_server(self._accept, self.port, ssl=context)

    def _tls(self, document: Document) -> ssl.SSLContext | None:
        if document.protocol != "HTTPS":
            return None
        domains = [each.domain for each in document.certificates]
        assert document.ssl_policy is not None
        protocols = ("h2", "http/1.1") if self.http2 else ("http/1.1",)
        certificates = self.node.context.directory / "certs"
        return server_context(document.ssl_policy, certificates, domains, protocols)

    def _accept(self) -> Arrival | ClientConnection:
        if self.scheme == "https":
            return Arrival(self)
        return ClientConnection(self, self.node.context.now_ns())

    def close(self) -> None:
        """Listen no longer; connections end with the answer that is under way, idle ones now.

        What AWS does with them is not in its documents; nothing that is under way is lost this way."""
        self._server.close()
        for connection in list(self.connections):
            connection.retire()

    def stop(self) -> None:
        """Listen no longer, and cut the connections that there are."""
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Cut the connections that there are: the address that they are with is gone."""
        for connection in list(self.connections):
            connection.abort()

    def certificate_arn(self, domain: str) -> str:
        """The certificate of this domain, as ACM calls it."""
        return self._arns.get(domain, "-")
