"""What all connections of one ALB node share: its clock and stack, its names, its log and its numbers."""

from typing import Any, Protocol

from actors.element import CallFailed, Context, Counter
from actors.parts.access_log import AccessLog
from actors.parts.load_balancer.attributes import LoadBalancerAttributes
from actors.parts.load_balancer.authentication import Gates
from actors.parts.load_balancer.config import AlbConfig
from actors.parts.load_balancer.documents import LoadBalancer
from actors.parts.load_balancer.errors import ErrorRing
from actors.parts.load_balancer.tls_policies import DEFAULT
from actors.parts.load_balancer.waf import Waf
from actors.protocols.sticky_cookies import Seal
from actors.units import SECOND


class Sockets(Protocol):
    """What is asked of the host's stack."""

    tcp: Any

    async def create_connection(
        self,
        protocol_factory: Any,
        host: str,
        port: int,
        *,
        timeout_s: float,
        ssl: Any = None,
        server_hostname: str | None = None,
    ) -> tuple[Any, Any]: ...


class Node:
    """One ALB node, as its connections and exchanges know it. `serves` says which load balancer it is part of."""

    def __init__(self, config: AlbConfig, context: Context, stack: Sockets) -> None:
        self.context = context
        self.stack = stack
        self._aws_api = config.aws_api
        self.zone = config.availability_zone
        self.log = AccessLog(context.directory / "logs" / f"{context.name}.access.log", context)
        self.target_policy = DEFAULT
        """The security policy towards HTTPS targets, which follows from the listeners'."""
        self.waf = Waf(context, config.waf, config.aws_api) if config.waf else None
        self.serve(None)
        gauge, counter = context.metrics.gauge, context.metrics.counter
        self.client_connections = gauge("journey_alb_connections", side="client")
        self.target_connections = gauge("journey_alb_connections", side="target")
        self.new_connections = counter("journey_alb_new_connections_total")
        self._rejected = counter("journey_alb_rejected_connections_total")
        self.target_connection_errors = counter("journey_alb_target_connection_errors_total")
        self.processed_bytes = counter("journey_alb_processed_bytes_total")
        self.client_tls_errors = counter("journey_alb_client_tls_negotiation_errors_total")
        self.target_tls_errors = counter("journey_alb_target_tls_negotiation_errors_total")
        self.rule_evaluations = counter("journey_alb_rule_evaluations_total")
        self.non_sticky_requests = counter("journey_alb_non_sticky_requests_total")
        self.redirect_url_limit_exceeded = counter("journey_alb_redirect_url_limit_exceeded_total")
        self.errors = ErrorRing(context)
        self._invalid = {
            dropping: counter(
                "journey_alb_invalid_header_requests_total", header="dropped" if dropping else "forwarded"
            )
            for dropping in (True, False)
        }
        self._noncompliant = counter("journey_alb_noncompliant_requests_total")
        self._requests: dict[tuple[str, int, str], Counter] = {}
        self.processing = context.metrics.histogram("journey_hop_duration_seconds", kind="processing")
        """From a request's arrival to its departure towards a target."""
        context.metrics.on_collect(self._count_rejected)

    def serve(self, balancer: LoadBalancer | None) -> None:
        """Be part of this load balancer from now on, with these attributes; None is to be idle."""
        self.serves = balancer
        self.attributes = balancer.attributes if balancer else LoadBalancerAttributes()
        self.dns_name = balancer.dns_name.encode() if balancer else b""
        self.log_name = f"app/{balancer.name}/{balancer.id}" if balancer else "-"
        self.zones = balancer.availability_zones if balancer else ()
        self.idle_timeout_ns = self.attributes.idle_timeout_s * SECOND
        self.client_keep_alive_ns = self.attributes.client_keep_alive_s * SECOND
        self._gates: Gates | None = None
        self.seal = Seal(balancer.arn if balancer else "")
        self.context.metrics.remove("journey_alb_node_info")
        if balancer:
            labels = {"load_balancer": self.log_name, "availability_zone": self.zone}
            self.context.metrics.gauge("journey_alb_node_info", **labels).value = 1

    def gates(self) -> Gates:
        """What lets requests through that a rule wants to be authenticated."""
        if self._gates is None:
            arn = self.serves.arn if self.serves else ""
            self._gates = Gates(self.context, self.stack, self._resolve, arn)
        return self._gates

    async def _resolve(self, name: str) -> list[str]:
        """The addresses of a name, from AWS's own DNS: it knows the zones that are hosted here."""
        try:
            addresses: list[str] = await self.context.call(self._aws_api, "resolve", name=name)
        except CallFailed:
            return []
        return addresses

    def _count_rejected(self) -> None:
        """Connections that found the listener's queues full are all that a node turns away."""
        counter = self.context.metrics.counter
        full = ("journey_tcp_listen_overflows_total", "journey_tcp_listen_drops_total")
        self._rejected.value = sum(counter(name).value for name in full)

    def expect_requests(self, target_group: str) -> None:
        """Have the usual series of a target group at zero, so that rates have a start."""
        for hundreds in (2, 3, 4, 5):
            self._counter(target_group, hundreds, "target")
        for hundreds in (4, 5):
            self._counter(target_group, hundreds, "elb")

    def forget_group(self, target_group: str) -> None:
        """A target group is gone, and its metrics with it."""
        self.context.metrics.remove(target_group=target_group)
        for key in [key for key in self._requests if key[0] == target_group]:
            del self._requests[key]

    def count_request(self, target_group: str, status: int, source: str) -> None:
        """One more request answered; `source` is `elb`, `target`, `fixed_response` or `redirect`."""
        self._counter(target_group, status // 100, source).value += 1

    def _counter(self, target_group: str, hundreds: int, source: str) -> Counter:
        key = (target_group, hundreds, source)
        counter = self._requests.get(key)
        if counter is None:
            counter = self._requests[key] = self.context.metrics.counter(
                "journey_alb_requests_total",
                target_group=target_group,
                code_class=f"{hundreds}xx",
                source=source,
            )
        return counter

    def count_noncompliant(self) -> None:
        """One more request that does not follow RFC 7230 (`DesyncMitigationMode_NonCompliant_Request_Count`)."""
        self._noncompliant.value += 1

    def count_invalid(self, dropping: bool) -> None:
        """One more with header names of other characters (`DroppedInvalidHeaderRequestCount`, `Forwarded...`)."""
        self._invalid[dropping].value += 1

    def unix_s(self) -> int:
        """Seconds since 1970."""
        return self.context.unix_ns() // SECOND

    def fresh_trace(self) -> bytes:
        """`1-<8 hex: seconds since 1970>-<24 hex>`."""
        return b"1-%08x-%024x" % (self.unix_s(), self.context.random.getrandbits(96))
