"""What became of requests that went wrong: why nobody got them, and a ring of the last ones with all that is known.

Nothing is composed for requests that go well. Of one that fails, the exchange knows its rule, its target and what that
target was busy with when it was chosen; the candidates are those of the moment at which it failed.
"""

from collections import deque
from typing import TYPE_CHECKING, Any

from actors.element import Context, Counter
from actors.parts.load_balancer.telling import request_line, times
from actors.protocols.alb_causes import Cause
from actors.protocols.alb_log import moment
from actors.protocols.balancing import State, TargetGroup
from actors.protocols.http1 import Request

if TYPE_CHECKING:
    from actors.parts.load_balancer.exchange import Exchange

KEPT = 1000
"""How many failed requests a node remembers."""

TOLD_TARGETS = 20
"""How many of a group's targets are told of with a failed request."""


def mismatch(request: Request, protocol_version: str) -> Cause | None:
    """Why a request does not go with the protocol version of a target group: the three causes of a 464."""
    if request.version != b"2.0":
        if protocol_version == "HTTP1":
            return None
        return Cause.HTTP1_TO_GRPC_TARGETS if protocol_version == "GRPC" else Cause.HTTP1_TO_HTTP2_TARGETS
    if protocol_version == "HTTP1":
        return Cause.GRPC_TO_HTTP1_TARGETS if is_grpc(request) else None
    if protocol_version == "GRPC" and request.method != b"POST":
        return Cause.GRPC_NEEDS_POST
    return None


def is_grpc(request: Request) -> bool:
    """Whether an HTTP/2 request is a gRPC call."""
    return any(line.startswith(b"content-type: application/grpc") for line in request.lines)


def why_no_target(group: TargetGroup) -> Cause:
    """Why a group has nobody for a request."""
    in_use = [target for target in group.targets.values() if target.state is not State.DRAINING]
    return Cause.ALL_TARGETS_UNUSED if in_use else Cause.NO_TARGETS


class ErrorRing:
    """The last requests that a node answered with an error, or broke off."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ring: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._counters: dict[tuple[int, str], Counter] = {}

    def note(self, exchange: "Exchange", status: int, source: str, now_ns: int) -> None:
        """An exchange has ended badly: by `exchange.cause`, or with a target's own 5XX."""
        if exchange.cause is not None:
            self._count(status, str(exchange.cause))
        self._ring.append(self._composed(exchange, status, source, now_ns))

    def _count(self, status: int, cause: str) -> None:
        counter = self._counters.get((status, cause))
        if counter is None:
            counter = self._counters[status, cause] = self._context.metrics.counter(
                "journey_alb_errors_total", status=str(status), cause=cause
            )
        counter.value += 1

    def last(self, limit: int = 20) -> list[dict[str, Any]]:
        """The last ones, the newest first."""
        return list(self._ring)[: -max(limit, 0) - 1 : -1]

    def find(self, request_id: str) -> dict[str, Any] | None:
        """The newest one with this trace id (`1-67891233-abcdef012345678912345678`, with or without `Root=`)."""
        wanted = request_id.strip().removeprefix("Root=")
        return next((each for each in reversed(self._ring) if each["request_id"] == wanted), None)

    def _composed(self, exchange: "Exchange", status: int, source: str, now_ns: int) -> dict[str, Any]:
        cause, rule, target = exchange.cause, exchange.rule, exchange.target
        told: dict[str, Any] = {
            "request_id": _root(exchange.trace),
            "trace_id": exchange.trace.decode("latin-1"),
            "time": moment(self._context.unix_ns(now_ns)),
            "journey": exchange.journey,
            "status": status,
            "target_status": exchange.target_status or None,
            "source": source,
            "cause": None if cause is None else str(cause),
            "sentence": f"The target itself answered {status}." if cause is None else cause.sentence,
            "client": exchange.client.peer,
            "request": request_line(exchange),
            "listener": exchange.client.listener.name,
            "rule": None if rule is None else rule.priority or "default",
            "target_group": None if exchange.group is None else exchange.group.name,
            "broken_off": cause is not None and exchange.head_sent,
            **times(exchange, now_ns),
        }
        if exchange.request.oddity:
            told["classification_reason"] = exchange.request.oddity
        if exchange.group is not None:
            told.update(_decision(exchange, exchange.group.engine))
        if target is not None:
            told["target"] = target.text
        return told


def _decision(exchange: "Exchange", group: TargetGroup) -> dict[str, Any]:
    """Which target it was, how that was then, and how all are now."""
    target = exchange.target
    candidates = sorted(group.targets.values(), key=lambda each: each is not target)
    told: dict[str, Any] = {
        "algorithm": group.algorithm.name,
        "fail_open": group.fail_open,
        "targets_now": [
            {
                "target": each.text,
                "outstanding": each.outstanding,
                "state": str(each.state),
                "reason": str(each.reason),
            }
            for each in candidates[:TOLD_TARGETS]
        ],
        "targets_left_out": max(0, len(candidates) - TOLD_TARGETS),
    }
    if target is not None:
        outstanding, state, healthy = exchange.given
        told["chosen"] = {
            "target": target.text,
            "outstanding": outstanding,
            "state": str(state),
            "healthy_targets": healthy,
            "state_now": str(target.state),
        }
    return told


def _root(trace: bytes) -> str:
    """The id by which a request is asked for: the Root of its trace."""
    for part in trace.decode("latin-1").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "Root":
            return value
    return ""
