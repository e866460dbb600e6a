"""What all services of aws_api share: the store, the topics, the clock, names; and what every request goes through."""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from typing import Any, Protocol

from actors.element import Context
from actors.parts.aws_api.config import DEFAULT, LATENCY, ControlPlane, Delays
from actors.parts.aws_api.names import Names
from actors.parts.aws_api.store import Store
from actors.parts.aws_api.topics import Topics
from actors.protocols.aws.errors import AwsError
from actors.protocols.aws.throttling import Buckets
from actors.units import SECOND, parse_duration

Parameters = dict[str, Any]
Output = dict[str, Any]
Handler = Callable[[Parameters], Output | Awaitable[Output]]

CALLER: ContextVar[str] = ContextVar("caller", default="unknown")
"""Who has sent the request that is being handled."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Service(Protocol):
    """One of AWS's services.

    `operations` are named as botocore does; each takes parameters in botocore's shape, raises `AwsError`, and carries
    out in one piece: what it has written is undone if it raises. (One that awaits something is on its own.)
    `start` is called once, when all services are there, before any request: it fills the topics from the store and
    takes up what was under way. It must not wait for anything.
    Further methods `call_<verb>` answer management calls to the element."""

    name: str
    operations: Mapping[str, Handler]

    def start(self) -> None: ...


class Plane:
    """What a service is given. `services` has the others by name, once `start` is called."""

    def __init__(
        self,
        context: Context,
        region: str,
        account: str,
        control_plane: ControlPlane,
        load_balancer_nodes: Mapping[Any, str],
        certificates: tuple[str, ...],
        hosted_zones: tuple[str, ...] = (),
        name_servers: tuple[str, ...] = (),
    ) -> None:
        self.context = context
        self.region = region
        self.account = account
        self.load_balancer_nodes: dict[str, str] = dict(load_balancer_nodes)
        """Elements of kind `alb` that Elastic Load Balancing has in stock, and their availability zones."""
        self.certificates = certificates
        """Domains for which ACM has issued certificates."""
        self.hosted_zones = hosted_zones
        """Zone files that Route 53 begins with."""
        self.name_servers = name_servers
        """The names of Route 53's name servers."""
        directory = context.directory
        self.store = Store(directory / f"{context.name}.db" if directory.is_dir() else None)
        self.topics = Topics(f"{context.unix_ns():x}")
        self.delays: Delays = control_plane.delays
        self.dns = Names(self.store.table("dns/addresses"), self.topics.topic("zones"), name_servers)
        self.services: dict[str, Service] = {}
        self._latency = control_plane.latency
        self._buckets = Buckets() if control_plane.throttling else None

    def start(self, services: Mapping[str, Service]) -> None:
        self.services.update(services)
        self.dns.start()
        for service in services.values():
            with self.store.transaction():
                service.start()

    def arn(self, service: str, rest: str, region: str | None = None) -> str:
        """`arn:aws:SERVICE:REGION:ACCOUNT:REST`; services without regions give an empty one."""
        return f"arn:aws:{service}:{self.region if region is None else region}:{self.account}:{rest}"

    def timestamp(self, after_ns: int = 0) -> str:
        """The time as AWS writes it: `2026-01-01T00:00:00.000Z`."""
        return timestamp(self.context.unix_ns() + after_ns)

    def latency_ns(self, service: str, operation: str) -> int:
        """How long this operation takes: as configured, else as its service's `default`, else as we know AWS."""
        for table in (self._latency, LATENCY):
            known = table.get(service, {})
            if (duration := known.get(operation, known.get(DEFAULT))) is not None:
                return parse_duration(duration) if isinstance(duration, str) else duration
        return 0

    async def request(self, service: str, operation: str, parameters: Parameters, caller: str) -> Output:
        """Carry out an operation, in the time that it takes. Raises `AwsError`."""
        context, began_ns, code = self.context, self.context.now_ns(), ""
        try:
            handler = self._handler(service, operation)
            if self._buckets is not None:
                self._buckets.take(service, operation, began_ns)
            await context.sleep(self.latency_ns(service, operation) / SECOND)
            CALLER.set(caller)
            return await self._carry_out(handler, parameters)
        except AwsError as error:
            code = error.code
            raise
        finally:
            duration_ms = (context.now_ns() - began_ns) / 1e6
            failure = {"error": code} if code else {}
            context.event(
                "aws.request",
                service=service,
                operation=operation,
                caller=caller,
                duration_ms=duration_ms,
                **failure,
            )
            context.metrics.counter(
                "journey_aws_requests_total", service=service, operation=operation, code=code or "OK"
            ).value += 1

    def _handler(self, service: str, operation: str) -> Handler:
        found = self.services.get(service)
        if found is None:
            known = ", ".join(sorted(self.services))
            raise AwsError("InvalidAction", f"There is no service {service} here; there are {known}.", 404)
        handler = found.operations.get(operation)
        if handler is None:
            raise not_there(service, operation)
        return handler

    async def _carry_out(self, handler: Handler, parameters: Parameters) -> Output:
        with self.store.transaction():
            output = handler(parameters)
        return await output if isawaitable(output) else output


def not_there(service: str, operation: str) -> AwsError:
    """An operation that is AWS's and that is not carried out here."""
    if service == "ec2":
        return AwsError("UnsupportedOperation", f"The operation {operation} is not supported.")
    if service == "acm":
        return AwsError("UnknownOperationException", f"The operation {operation} is not supported.")
    return AwsError("InvalidAction", f"Could not find operation {operation}", 400)


def timestamp(unix_ns: int) -> str:
    """A time as AWS writes it."""
    moment = EPOCH + timedelta(microseconds=unix_ns // 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
