"""What all connections of one ALB node share: its clock and stack, its names, its log and its numbers."""

from typing import Any, Protocol

from actors.element import Context, Counter
from actors.parts.access_log import AccessLog
from actors.parts.load_balancer.config import AlbConfig
from actors.parts.load_balancer.errors import ErrorRing
from actors.units import SECOND

ACCOUNT = "123456789012"
"""The AWS account that stands in ARNs, as in AWS's own examples."""


class Sockets(Protocol):
    """What is asked of the host's stack."""

    async def create_connection(
        self, protocol_factory: Any, host: str, port: int, *, timeout_s: float
    ) -> tuple[Any, Any]: ...

    async def create_server(self, protocol_factory: Any, port: int, *, ssl: Any = None) -> Any: ...


class Node:
    """One ALB node, as its connections and exchanges know it."""

    def __init__(self, config: AlbConfig, context: Context, stack: Sockets) -> None:
        balancer = config.load_balancer
        self.context = context
        self.stack = stack
        self.attributes = balancer.attributes
        self.region = config.region
        self.dns_name = balancer.dns_name.encode()
        self.log_name = f"app/{balancer.name}/{balancer.id}"
        self.log = AccessLog(context.directory / "logs" / f"{context.name}.access.log", context)
        self.idle_timeout_ns = balancer.attributes.idle_timeout_s * SECOND
        self.client_keep_alive_ns = balancer.attributes.client_keep_alive_s * SECOND
        self.client_connections = context.metrics.gauge("journey_alb_connections", side="client")
        self.target_connections = context.metrics.gauge("journey_alb_connections", side="target")
        self.new_connections = context.metrics.counter("journey_alb_new_connections_total")
        self.target_connection_errors = context.metrics.counter("journey_alb_target_connection_errors_total")
        self.errors = ErrorRing(context)
        self._invalid = {
            dropping: context.metrics.counter(
                "journey_alb_invalid_header_requests_total", header="dropped" if dropping else "forwarded"
            )
            for dropping in (True, False)
        }
        self._noncompliant = context.metrics.counter("journey_alb_noncompliant_requests_total")
        self._requests: dict[tuple[str, int, str], Counter] = {}

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{ACCOUNT}:{rest}"

    def count_request(self, target_group: str, status: int, source: str) -> None:
        """One more request answered; `source` is `elb` or `target`."""
        key = (target_group, status // 100, source)
        counter = self._requests.get(key)
        if counter is None:
            counter = self._requests[key] = self.context.metrics.counter(
                "journey_alb_requests_total",
                target_group=target_group,
                code_class=f"{status // 100}xx",
                source=source,
            )
        counter.value += 1

    def count_noncompliant(self) -> None:
        """One more request that does not follow RFC 7230 (`DesyncMitigationMode_NonCompliant_Request_Count`)."""
        self._noncompliant.value += 1

    def count_invalid(self, dropping: bool) -> None:
        """One more with header names of other characters (`DroppedInvalidHeaderRequestCount`, `Forwarded...`)."""
        self._invalid[dropping].value += 1

    def fresh_trace(self) -> bytes:
        """`1-<8 hex: seconds since 1970>-<24 hex>`."""
        seconds = self.context.unix_ns() // SECOND
        return b"1-%08x-%024x" % (seconds, self.context.random.getrandbits(96))
