"""Why a request got the answer that it got: in one sentence, with the records behind it.

What is known comes from two places: the journal, for requests whose journey was recorded, and the load balancer's
nodes, each of which remembers the last requests that failed, recorded or not.
"""

import re
from typing import Any

from actors.element import CallFailed, load_kind
from orchestrator.control.api import USAGE, RequestFailed
from orchestrator.journal.sentences import tell
from orchestrator.journal.store import Record
from orchestrator.operations import WorldLike, kinds_of

ALB = "alb"
MOST_ERRORS = 1000
"""So many a node is asked for; it does not keep more."""
SHORTEST = 6
TOLD = (
    "http.request",
    "alb.rule",
    "alb.target",
    "alb.response",
    "nginx.accept",
    "nginx.answer",
    "app.request",
    "app.answer",
    "nginx.no_answer",
    "journey.failed",
    "app.no_answer",
)


async def explain_request(world: WorldLike, request_id: str) -> dict[str, Any]:
    """By the Root of its X-Amzn-Trace-Id, its journey's id, or the beginning of either.

    Returns `request_id`, `sentence`, `cause` (None unless it failed), `status`, `records` (with `element`, `kind`, and
    `told`, the record in words) and `failure`, what the node that failed it remembers. Raises `RequestFailed`."""
    wanted = digits_of(request_id)
    await world.settle()
    journeys = [each for each in world.journal.journeys() if each.startswith(wanted)]
    failures = await _failures(world, wanted)
    known = list(dict.fromkeys([*journeys, *map(_digits_of_failure, failures)]))
    if not known:
        raise RequestFailed(
            f"nothing is known of request {request_id}: known are those that were traced, and the last that failed "
            "at each node of a load balancer",
            USAGE,
        )
    if len(known) > 1:
        raise RequestFailed(f"{len(known)} requests begin with {request_id}: {', '.join(known[:5])}", USAGE)
    records = world.journal.journey(known[0])
    return _explained(known[0], records, failures[0] if failures else None)


async def last_errors(world: WorldLike, limit: int) -> list[dict[str, Any]]:
    """The last requests that failed, the newest first: as a node of a load balancer remembers them, with `node`."""
    errors = await _failures(world, "")
    errors.sort(key=lambda each: str(each["time"]), reverse=True)
    return errors[:limit]


def digits_of(request_id: str) -> str:
    """The hexadecimal digits by which journal and trace ids can be compared. Raises `RequestFailed`."""
    text = re.sub(r"^Root=", "", request_id.strip())
    digits = re.sub(r"^1-", "", text).replace("-", "").lower()
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST},32}}", digits):
        example = "1-67891233-abcdef012345678912345678"
        raise RequestFailed(
            f"{request_id!r} is not a request's id: {example}, or {SHORTEST} of its first digits or more",
            USAGE,
        )
    return digits


def _digits_of_failure(failure: dict[str, Any]) -> str:
    return re.sub(r"^1-", "", failure["request_id"]).replace("-", "")


async def _failures(world: WorldLike, wanted: str) -> list[dict[str, Any]]:
    """What the load balancer's nodes remember of failed requests that begin so."""
    found = []
    for name, kind in kinds_of(world).items():
        if kind != ALB or not hasattr(load_kind(kind)[1], "call_errors"):
            continue
        try:
            errors = await world.call(name, "errors", limit=MOST_ERRORS)
        except CallFailed:
            continue  # a node that is away cannot be asked
        found += [{**each, "node": name} for each in errors if _digits_of_failure(each).startswith(wanted)]
    return found


def _explained(identity: str, records: list[Record], failure: dict[str, Any] | None) -> dict[str, Any]:
    told = [each for each in records if each["kind"] in TOLD]
    by_kind = {each["kind"]: each for each in told}
    response = by_kind.get("alb.response", {})
    status = failure["status"] if failure else response.get("status")
    cause = failure["cause"] if failure else response.get("cause")
    return {
        "request_id": f"1-{identity[:8]}-{identity[8:]}",
        "status": status,
        "cause": cause,
        "sentence": _failed(failure) if failure else _chosen(by_kind, response) or _before(records),
        "records": [{**each, "told": " ".join(filter(None, _words(each)))} for each in told],
        "failure": failure,
    }


def _failed(failure: dict[str, Any]) -> str:
    chosen = failure.get("chosen")
    towards = "" if chosen is None else f" for target {chosen['target']}"
    return f"{failure['node']} answered {failure['status']}{towards}: {failure['sentence']}"


def _chosen(records: dict[str, Record], response: Record | dict[str, Any]) -> str:
    """Why this target, or why the load balancer answered by itself; nothing for what has not come so far."""
    target, rule = records.get("alb.target"), records.get("alb.rule")
    if response.get("source") == "elb" and response.get("sentence"):
        return f"{response['element']} answered {response['status']}: {response['sentence']}"
    if target is not None:
        many = len(target["candidates"])
        status = f"; the answer was {response['status']}" if response.get("status") else ""
        return (
            f"{target['element']} chose {target['chosen']} out of {many} by {target['algorithm']}: "
            f"{target['why']}{status}"
        )
    if rule is not None:
        return f"rule {rule['priority']} answered it without any target ({rule['action']})"
    return ""


def _before(records: list[Record]) -> str:
    """What became of a request that no load balancer has decided about."""
    kinds = {each["kind"]: each for each in records}
    failed, start, end = (kinds.get(f"journey.{what}", {}) for what in ("failed", "start", "end"))
    if failed:
        return f"{failed['element']} got no answer: {failed['error']}"
    if start.get("method") == "CONNECT":
        ended = f"; {end['body_bytes']:,} bytes came back" if end else ", which is still open"
        what = "a program in a shell connected" if start.get("via") == "shell" else "opened a tunnel"
        return f"{start['element']}: {what} to {start['url']}{ended}: what is in it, only its ends know"
    return "it has not come as far as a load balancer's rules"


def _words(record: Record) -> tuple[str, str]:
    told = tell(record)
    return told.what, f"({told.why})" if told.why else ""
