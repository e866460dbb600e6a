"""What becomes of a request that is sound: which rule, which target group, which target.

`route` decides for one exchange and carries the decision out: it answers, refuses, or gives the request to a target.
"""

from typing import TYPE_CHECKING, Protocol

from actors.parts.load_balancer.answers import fixed_answer
from actors.parts.load_balancer.errors import mismatch, why_no_target
from actors.protocols.http1 import Response
from actors.protocols.listener_rules import FixedResponse

if TYPE_CHECKING:
    from actors.parts.load_balancer.exchange import Exchange
    from actors.parts.load_balancer.target_group import RunningGroup


class Stickiness(Protocol):
    """What makes a client come back to the same target, or group."""

    def cookies_for(self, response: Response) -> bytes:
        """`Set-Cookie` lines to add to the head of the target's response."""
        ...


def route(exchange: "Exchange") -> None:
    """Follow the listener's rules."""
    listener, recording = exchange.client.listener, exchange.journey is not None
    host = exchange.location.host.decode("latin-1")
    path = exchange.location.target.partition(b"?")[0].decode("latin-1")
    match = listener.rules.match(host, path, recording)
    exchange.rule = rule = match.rule
    if recording:
        exchange.node.context.record(
            "alb.rule",
            journey=exchange.journey,
            listener=listener.name,
            priority=rule.priority or "default",
            conditions=[str(condition) for condition in rule.conditions],
            action=rule.action.type,
            evaluated=match.evaluated,
        )
    if isinstance(rule.action, FixedResponse):
        exchange.answer(fixed_answer(rule.action), "fixed_response")
    else:
        _forward(exchange, listener.groups[rule.action.target_group])


def _forward(exchange: "Exchange", group: "RunningGroup") -> None:
    exchange.group = group
    recording = exchange.journey is not None
    cause = mismatch(exchange.request, group.protocol_version)
    if cause is not None:
        exchange.refuse(cause)
        return
    choice = group.engine.choose(recording)
    if choice is None:
        exchange.refuse(why_no_target(group.engine))
        return
    exchange.note_choice(group, choice.target)
    if recording:
        exchange.node.context.record(
            "alb.target",
            journey=exchange.journey,
            target_group=group.name,
            algorithm=group.engine.algorithm.name,
            candidates=choice.candidates,
            chosen=choice.target.text,
            why=choice.why,
        )
    request = exchange.request
    if b"expect" in request.fields and not request.complete and request.version != b"1.0":
        exchange.client.send_continue()
    group.give(choice.target, exchange)
