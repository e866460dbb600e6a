"""Health checks of one target: probes on fresh connections, as the engine wants them."""

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

from actors.element import JOURNEY
from actors.parts.http_probe import HttpProbe
from actors.parts.load_balancer.documents import HealthCheck as Document
from actors.parts.load_balancer.node import Node
from actors.parts.load_balancer.tls import target_context
from actors.protocols.balancing import State, Target
from actors.protocols.health_check import (
    Answered,
    Failed,
    HealthCheck,
    Matcher,
    Probe,
    Result,
    TimedOut,
    Verdict,
)
from actors.protocols.http1 import BadResponse
from actors.units import SECOND
from actors.wire.addresses import ip_text

if TYPE_CHECKING:
    from actors.parts.load_balancer.target_group import RunningGroup

_REQUEST = (
    "GET {path} HTTP/1.1\r\n"
    "Host: {host}\r\n"
    "Connection: close\r\n"
    "User-Agent: ELB-HealthChecker/2.0\r\n"
    "Accept-Encoding: gzip, compressed\r\n\r\n"
)
_RESULTS: dict[type, str] = {Answered: "mismatch", TimedOut: "timeout", Failed: "failed"}


class Prober:
    """Probes one target while it is registered, and tells its group what the results amount to."""

    def __init__(self, node: Node, group: "RunningGroup", target: Target, document: Document) -> None:
        self._node = node
        self._group = group
        self._target = target
        self._host = ip_text(target.id.address)
        self.last_status: int | None = None
        """The code of the last answer, for those who ask why a target is unhealthy."""
        self._check: HealthCheck | None = None
        self._timer: Any = None
        self._apply(document)

    def _apply(self, document: Document) -> None:
        self._settings = document.settings()
        self._version = self._group.protocol_version
        codes, grpc = document.Matcher, self._version == "GRPC"
        self._matcher = Matcher(codes.GrpcCode if grpc else codes.HttpCode, grpc)
        self._secure = document.HealthCheckProtocol == "HTTPS"
        own = document.HealthCheckPort
        self.port = self._target.id.port if own == "traffic-port" else own
        default_port = 443 if self._secure else 80
        self._path = document.HealthCheckPath
        self._named = host = self._host if self.port == default_port else f"{self._host}:{self.port}"
        self._request = _REQUEST.format(path=document.HealthCheckPath, host=host).encode()

    def apply(self, document: Document) -> None:
        """The checks' settings have changed: the target is probed anew from now on, and stays what it is meanwhile."""
        self._apply(document)
        if self._check is not None:
            now_ns = self._node.context.now_ns()
            state = self._target.state
            if state in (State.HEALTHY, State.UNHEALTHY):
                self._check = HealthCheck.resumed(self._settings, self._matcher, now_ns, state)
            else:
                self._check = HealthCheck(self._settings, self._matcher, now_ns)
            self._await_deadline()

    def start(self) -> None:
        """The target has been registered."""
        self._check = HealthCheck(self._settings, self._matcher, self._node.context.now_ns())
        self._await_deadline()

    def stop(self) -> None:
        """The target is not to be checked any more."""
        self._check = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _await_deadline(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        assert self._check is not None
        self._timer = self._node.context.call_at(self._check.deadline_ns(), self._on_deadline)

    def _on_deadline(self) -> None:
        check = self._check
        assert check is not None
        for output in check.on_deadline(self._node.context.now_ns()):
            match output:
                case Verdict(state, reason):
                    self._group.set_health(self._target, state, reason)
                case Probe() as probe:
                    self._node.context.spawn(
                        self._probe(check, probe), f"health check of {self._target.text}"
                    )
        self._await_deadline()

    async def _probe(self, check: HealthCheck, probe: Probe) -> None:
        JOURNEY.set(None)
        result = await self._ask()
        if check is not self._check:
            return  # deregistered meanwhile
        if isinstance(result, Answered):
            self.last_status = result.status
        verdicts = check.handle(probe, result, self._node.context.now_ns())
        passed = isinstance(result, Answered) and result.status in self._matcher.codes
        self._node.context.metrics.counter(
            "journey_alb_health_checks_total",
            target_group=self._group.name,
            result="passed" if passed else _RESULTS[type(result)],
        ).value += 1
        for state, reason in verdicts:
            self._group.set_health(self._target, state, reason)
        self._await_deadline()

    def _new_probe(self) -> Any:
        if self._version == "HTTP1":
            return HttpProbe(self._request)
        from actors.parts.load_balancer.h2_probe import H2Probe

        return H2Probe(self._path, self._named, self._secure, self._version == "GRPC")

    def _tls(self) -> ssl.SSLContext | None:
        if not self._secure:
            return None
        context = target_context(self._node.target_policy)
        if self._version != "HTTP1":
            context.set_alpn_protocols(["h2"])
        return context

    async def _ask(self) -> Result:
        transport: Any = None
        timeout_s = self._settings.timeout_ns / SECOND
        try:
            async with asyncio.timeout(timeout_s):
                transport, probe = await self._node.stack.create_connection(
                    self._new_probe, self._host, self.port, timeout_s=timeout_s, ssl=self._tls()
                )
                return Answered(await probe.status)
        except TimeoutError:
            return TimedOut()
        except (OSError, EOFError, BadResponse):
            return Failed()
        finally:
            if transport is not None:
                transport.close()
