"""What a request must pass before its rule's action: AWS WAF, if a web ACL is associated, and the rule's own gates.

Both ask others and take time; meanwhile the request waits, its client may go away, and its body is held back.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from actors.element import JOURNEY
from actors.parts.load_balancer.answers import Answer, error_answer, redirect_answer
from actors.parts.load_balancer.authentication import Admitted, Asked, without_identity
from actors.parts.load_balancer.waf import MAX_BODY, Blocked, Waf, WafFailed
from actors.protocols.alb_causes import Cause
from actors.protocols.authentication.faults import Denied, Reason
from actors.protocols.authentication.gates import Gate
from actors.protocols.authentication.oidc import Provider
from actors.wire.addresses import ip_text

if TYPE_CHECKING:
    from actors.parts.load_balancer.exchange import Exchange

Onward = Callable[["Exchange"], None]


# ---- AWS WAF -----------------------------------------------------------------------------------------------


async def ask_waf(exchange: "Exchange", waf: Waf, load_balancer: str, onward: Onward) -> None:
    """Have WAF judge the request; `onward` is what becomes of one that is let through."""
    JOURNEY.set(exchange.journey)
    body = await exchange.content(MAX_BODY)
    if exchange.over:
        return
    request = exchange.request
    headers = [_split(line) for line in request.lines] + list(request.fields.items())
    headers.append((b"user-agent", request.user_agent))
    try:
        blocked = await waf.judge(
            load_balancer,
            ip_text(exchange.client.source),
            request.method,
            exchange.location.target,
            headers,
            body,
        )
    except WafFailed as failed:
        _without_verdict(exchange, failed, onward)
        return
    if exchange.over:
        return
    exchange.executes("waf")
    if blocked is None:
        onward(exchange)
    else:
        _block(exchange, blocked)


def _without_verdict(exchange: "Exchange", failed: WafFailed, onward: Onward) -> None:
    if exchange.over:
        return
    exchange.executes("waf-failed")
    exchange.error_reason = failed.reason
    if exchange.node.attributes.waf_fail_open:
        onward(exchange)
    else:
        exchange.refuse(Cause.WAF_FAILED)


def _block(exchange: "Exchange", blocked: Blocked) -> None:
    exchange.cause = Cause.WAF_BLOCKED
    if blocked.body:
        answer = Answer(blocked.status, b"", blocked.content_type.encode(), blocked.body)
    elif blocked.status == Cause.WAF_BLOCKED.status:
        answer = error_answer(blocked.status)
    else:
        answer = Answer(blocked.status, b"", b"text/html", b"")
    exchange.answer(answer, "elb")


def _split(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name, value.strip()


# ---- a rule's gates ----------------------------------------------------------------------------------------


async def pass_gates(exchange: "Exchange", gates: Iterable[Gate], onward: Onward) -> None:
    """Validate the token, log the user in, or have the client do so; `onward` is what becomes of who is admitted."""
    JOURNEY.set(exchange.journey)
    gates = tuple(gates)
    if any(isinstance(gate, Provider) for gate in gates):
        exchange.executes("authenticate")
    if not exchange.request.fields.get(b"host"):
        _deny(exchange, Denied(401, Reason.MISSING_HOST, "the request has no Host header"))
        return
    try:
        passed = await exchange.node.gates().admit(gates, _asked(exchange))
    except Denied as denied:
        if not exchange.over:
            _deny(exchange, denied)
        return
    if exchange.over:
        return
    _tell(exchange, None)
    if isinstance(passed, Admitted):
        exchange.request.lines = [*without_identity(exchange.request.lines), *passed.lines]
        onward(exchange)
        return
    exchange.redirect_url = passed.location
    answer = redirect_answer(302, passed.location)
    cookies = tuple((b"Set-Cookie", cookie.encode()) for cookie in passed.cookies)
    exchange.answer(answer._replace(more=(*answer.more, *cookies)), "elb")


def _asked(exchange: "Exchange") -> Asked:
    location, listener = exchange.location, exchange.client.listener
    path, _, query = location.target.decode("latin-1").partition("?")
    host = location.host.decode("latin-1")
    if location.port and location.port != b"443":
        host += f":{location.port.decode('latin-1')}"
    url = f"{listener.scheme}://{host}{path}{'?' if query else ''}{query}"
    return Asked(host, path, query, url, exchange.request.lines)


def _deny(exchange: "Exchange", denied: Denied) -> None:
    exchange.error_reason = denied.reason
    _tell(exchange, denied)
    exchange.refuse(cause_of(denied))


def cause_of(denied: Denied) -> Cause:
    """The load balancer's word for it."""
    about_token = denied.reason.startswith(("JWT", "JWKS"))
    match denied.status:
        case 401:
            return Cause.TOKEN_REFUSED if about_token else Cause.NOT_AUTHENTICATED
        case 500 if about_token:
            return Cause.JWKS_UNUSABLE
        case 500 if denied.reason is Reason.USER_INFO_TOO_LARGE:
            return Cause.CLAIMS_TOO_LARGE
        case 500:
            return Cause.IDENTITY_PROVIDER_UNREACHABLE
        case 561:
            return Cause.IDENTITY_PROVIDER_ERROR
    return Cause.JWKS_INVALID


def _tell(exchange: "Exchange", denied: Denied | None) -> None:
    if exchange.journey is not None:
        exchange.node.context.record(
            "alb.authentication",
            journey=exchange.journey,
            admitted=denied is None,
            reason=None if denied is None else str(denied.reason),
            sentence=None if denied is None else denied.sentence,
        )
