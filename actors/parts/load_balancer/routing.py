"""What becomes of a request that is sound: which rule, which target group, which target.

`route` decides for one exchange and carries the decision out: it answers, refuses, or gives the request to a target.
"""

from typing import TYPE_CHECKING

from actors.parts.load_balancer.answers import fixed_answer, redirect_answer
from actors.parts.load_balancer.errors import mismatch
from actors.parts.load_balancer.gatekeeping import ask_waf, pass_gates
from actors.parts.load_balancer.stickiness import Stickiness
from actors.protocols.alb_causes import Cause
from actors.protocols.authentication.oidc import CALLBACK
from actors.protocols.balancing import Choice
from actors.protocols.listener_rules import (
    Facts,
    FixedResponse,
    Forward,
    Match,
    Redirect,
    Transforms,
    WeightedGroup,
)
from actors.protocols.listener_rules.actions import MAX_REDIRECT_URL

if TYPE_CHECKING:
    from actors.parts.load_balancer.exchange import Exchange
    from actors.parts.load_balancer.target_group import RunningGroup

_CALLBACK = CALLBACK.encode()


def route(exchange: "Exchange") -> None:
    """Decide what becomes of a request; if others must be asked first, that takes time."""
    node = exchange.node
    if node.waf is not None and node.serves is not None and node.waf.judges(node.serves.arn):
        node.context.spawn(ask_waf(exchange, node.waf, node.serves.arn, _follow_rules), "ask AWS WAF")
    else:
        _follow_rules(exchange)


def _follow_rules(exchange: "Exchange") -> None:
    client, request = exchange.client, exchange.request
    path, _, query = exchange.location.target.partition(b"?")
    facts = Facts(exchange.location.host, path, query, request.method, client.source, request)
    match = client.listener.rules.match(facts, exchange.journey is not None)
    exchange.node.rule_evaluations.value += match.tried
    exchange.rule = match.rule
    if exchange.journey is not None:
        _tell_rule(exchange, match)
    gates, listener = match.rule.gates, client.listener
    if path == _CALLBACK and listener.rules.gates:
        returning = exchange.node.gates().begun(query, listener.rules.gates)
        gates = gates if returning is None else (returning,)
    if gates:
        exchange.node.context.spawn(pass_gates(exchange, gates, _carry_out), "pass gates")
    else:
        _carry_out(exchange)


def _carry_out(exchange: "Exchange") -> None:
    rule = exchange.rule
    assert rule is not None
    action = rule.action
    if rule.transforms is not None:
        exchange.executes("rewrite")
    exchange.executes(action.type)
    if rule.transforms is not None and not _transform(exchange, rule.transforms):
        exchange.refuse(Cause.TRANSFORM_FAILED)
    elif isinstance(action, Forward):
        _forward(exchange, action)
    elif isinstance(action, FixedResponse):
        exchange.answer(fixed_answer(action), "fixed_response")
    else:
        _redirect(exchange, action)


def _tell_rule(exchange: "Exchange", match: Match) -> None:
    rule = match.rule
    exchange.node.context.record(
        "alb.rule",
        journey=exchange.journey,
        listener=exchange.client.listener.name,
        priority=rule.priority or "default",
        conditions=[str(condition) for condition in rule.conditions],
        action=rule.action.type,
        evaluated=match.evaluated,
    )


# ---- rewriting and redirecting -------------------------------------------------------------------------------


def _transform(exchange: "Exchange", transforms: Transforms) -> bool:
    """Rewrite what the target is asked for. Whether that can still be asked for."""
    location = exchange.location
    if transforms.host is not None:
        host = transforms.host.applied(location.host.decode("latin-1"))
        if host is not None:
            location = location._replace(host=host.encode("utf-8"))
    if transforms.url is not None:
        url = transforms.url.applied(location.target.decode("latin-1"))
        if url is not None:
            location = location._replace(target=url.encode("utf-8"))
    exchange.outgoing = location
    asked = location.host + location.target
    return location.target.startswith(b"/") and all(0x20 < byte < 0x7F for byte in asked)


def _redirect(exchange: "Exchange", action: Redirect) -> None:
    location, listener = exchange.location, exchange.client.listener
    path, _, query = location.target.decode("latin-1").partition("?")
    host = location.host.decode("latin-1")
    url = action.url(listener.scheme, host, listener.port, path, query)
    if len(url) > MAX_REDIRECT_URL:
        exchange.node.redirect_url_limit_exceeded.value += 1
        exchange.refuse(Cause.REDIRECT_TOO_LONG)
        return
    exchange.redirect_url = url
    if exchange.journey is not None:
        exchange.node.context.record(
            "alb.redirect", journey=exchange.journey, status=action.status_code, url=url
        )
    exchange.answer(redirect_answer(action.status_code, url), "redirect")


# ---- forwarding ----------------------------------------------------------------------------------------------


def _forward(exchange: "Exchange", action: Forward) -> None:
    arn = action.groups[0].target_group
    if len(action.groups) > 1 or action.sticky_s is not None:
        arn = _chosen_group(exchange, action)
    group = exchange.client.listener.groups.get(arn)
    if group is None:
        exchange.refuse(Cause.NO_TARGETS)
        return
    exchange.group = group
    cause = mismatch(exchange.request, group.protocol_version)
    if cause is not None:
        exchange.refuse(cause)
        return
    choice = _choose(exchange, group)
    if choice is None:
        exchange.refuse(group.why_no_target())
        return
    exchange.note_choice(group, choice.target)
    if exchange.journey is not None:
        _tell_target(exchange, group, choice)
    request = exchange.request
    if b"expect" in request.fields and not request.complete and request.version != b"1.0":
        exchange.client.send_continue()
    group.give(choice.target, exchange)


def _chosen_group(exchange: "Exchange", action: Forward) -> str:
    """The group that the client has been with, or one by weight. Its health does not matter: that is AWS's way."""
    arns = [group.target_group for group in action.groups]
    sticky, arn = None, None
    if action.sticky_s is not None:
        sticky = exchange.stickiness = Stickiness(exchange.node, exchange.request)
        arn = sticky.group_of(arns, action.sticky_s)
        if arn is None and sticky.came_with_unreadable_group(arns):
            exchange.error_reason = "AWSALBTGCookieInvalid"
    why = "stickiness"
    if arn is None:
        arn, why = _by_weight(exchange, action.groups), "weight"
    if sticky is not None:
        sticky.keep_group(arn)
    if exchange.journey is not None:
        groups = exchange.client.listener.groups
        exchange.node.context.record(
            "alb.target_group",
            journey=exchange.journey,
            chosen=groups[arn].name if arn in groups else arn,
            weights={
                groups[each.target_group].name
                if each.target_group in groups
                else each.target_group: each.weight
                for each in action.groups
            },
            why=why,
        )
    return arn


def _by_weight(exchange: "Exchange", groups: tuple[WeightedGroup, ...]) -> str:
    """No group, by an ARN that none has, if all weights are 0."""
    total = sum(group.weight for group in groups)
    mark = exchange.node.context.random.randrange(total) if total else 0
    for group in groups:
        if mark < group.weight:
            return group.target_group
        mark -= group.weight
    return "-"


def _choose(exchange: "Exchange", group: "RunningGroup") -> Choice | None:
    """The target that the client has been with, or the algorithm's choice."""
    recording, engine, now_ns = exchange.journey is not None, group.engine, exchange.node.context.now_ns()
    if not group.attributes.sticky:
        choice = engine.choose(recording, now_ns=now_ns)
    else:
        sticky = exchange.stickiness or Stickiness(exchange.node, exchange.request)
        exchange.stickiness = sticky
        target = sticky.target_of(group.arn, group.attributes)
        choice = None if target is None else engine.choose_again(target, recording, now_ns=now_ns)
        if choice is None:
            exchange.node.non_sticky_requests.value += 1
            choice = engine.choose(recording, now_ns=now_ns)
        if choice is not None:
            sticky.keep_target(group.arn, choice.target.id, group.attributes)
    return choice


def _tell_target(exchange: "Exchange", group: "RunningGroup", choice: Choice) -> None:
    exchange.node.context.record(
        "alb.target",
        journey=exchange.journey,
        target_group=group.name,
        algorithm=group.engine.algorithm.name,
        candidates=choice.candidates,
        left_out=choice.left_out,
        chosen=choice.target.text,
        why=choice.why,
    )
