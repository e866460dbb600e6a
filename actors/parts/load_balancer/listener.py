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
from actors.protocols.listener_rules import Action, FixedResponse, Forward, Redirect
from actors.protocols.listener_rules.documents import rule_of


class Listener:
    """Accepts clients' connections on one port. `groups` are the node's target groups by ARN."""

    def __init__(self, node: Node, groups: dict[str, RunningGroup], document: Document) -> None:
        """Listens at once; raises OSError if there is no such certificate."""
        self.node = node
        self.groups = groups
        self.connections: dict[ClientSide, None] = {}  # a set in order of arrival
        self._server: Any = None
        self._tls: tuple[Any, ssl.SSLContext] | None = None
        self._arns: dict[str, str] = {}
        """Also of certificates that are no longer shown: handshakes that began before end with them."""
        self.apply(document)

    def apply(self, document: Document) -> None:
        """Be as this document says: rules from the next request on, certificates from the next connection on."""
        context = self._context(document)
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

    def refresh(self) -> None:
        """The load balancer's attributes may have changed: HTTP/2 is offered to new connections, or no longer."""
        self._server.set_tls(self._context(self.document))

    def _context(self, document: Document) -> ssl.SSLContext | None:
        """Made anew only when something in it is different: reading certificates takes its time."""
        if document.protocol != "HTTPS":
            return None
        assert document.ssl_policy is not None
        domains = tuple(each.domain for each in document.certificates)
        protocols = ("h2", "http/1.1") if self.node.attributes.http2 else ("http/1.1",)
        wanted = (document.ssl_policy, domains, protocols)
        if self._tls is None or self._tls[0] != wanted:
            certificates = self.node.context.directory / "certs"
            self._tls = wanted, server_context(document.ssl_policy, certificates, domains, protocols)
        return self._tls[1]

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

    def inspect(self) -> list[dict[str, Any]]:
        """Its rules as plain values, in the order in which they are tried."""
        names = {arn: group.name for arn, group in self.groups.items()}
        rules = sorted(map(rule_of, self.document.rules), key=lambda rule: rule.priority or DEFAULT_LAST)
        return [
            {
                "priority": rule.priority or "default",
                "conditions": [str(condition) for condition in rule.conditions],
                "action": _told(rule.action, names),
            }
            for rule in rules
        ]

    def certificate_arn(self, domain: str) -> str:
        """The certificate of this domain, as ACM calls it."""
        return self._arns.get(domain, "-")


DEFAULT_LAST = 1 << 20
"""After every priority that a rule can have."""


def _told(action: Action, names: dict[str, str]) -> str:
    """An action in words."""
    match action:
        case Forward():
            groups = [names.get(each.target_group, each.target_group) for each in action.groups]
            if len(groups) == 1:
                return f"forward to {groups[0]}"
            weights = zip(groups, action.groups, strict=True)
            return f"forward to {', '.join(f'{name} ({each.weight})' for name, each in weights)}"
        case FixedResponse():
            return f"fixed-response {action.status_code}"
        case Redirect():
            url = f"{action.protocol}://{action.host}:{action.port}{action.path}?{action.query}"
            return f"redirect {action.status_code} to {url}"
