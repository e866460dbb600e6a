"""Recorded requests as OpenTelemetry traces: OTLP/JSON, as Jaeger and Tempo load it.

The root span is the request, from when it was due; below it are what the load balancer and the pod had of it, and each
stretch of the time between. A trace's id is the `Root` of the request's `X-Amzn-Trace-Id`, without `1-` and dashes.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from orchestrator.journal.journey import Journey
from orchestrator.journal.timing import Part
from orchestrator.reports.result import RunResult, VariantResult

SERVER, CLIENT, INTERNAL = 2, 3, 1
"""SPAN_KIND_ values of `opentelemetry.proto.trace.v1`."""
OK, ERROR = 1, 2

Plain = dict[str, Any]


def traces(result: RunResult) -> Plain:
    """All kept requests, as one `TracesData`: a resource for each element and variant."""
    found: dict[tuple[str, str], list[Plain]] = {}
    for variant in result.variants:
        for kept in variant.journeys:
            journey = Journey.unpack(kept.packed)
            for element, span in _spans(journey, variant.began_unix_ns - variant.began_ns):
                found.setdefault((variant.name, element), []).append(span)
        for failure in not_recorded(variant):
            for element, span in _failed(failure, variant.began_unix_ns):
                found.setdefault((variant.name, element), []).append(span)
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": attributes(_resource(result, variant, element))},
                "scopeSpans": [{"scope": {"name": "packet-journey"}, "spans": spans}],
            }
            for (variant, element), spans in found.items()
        ]
    }


def _resource(result: RunResult, variant: str, element: str) -> Plain:
    named = {"journey.variant": variant} if variant else {}
    return {
        "service.name": element,
        "service.namespace": result.scenario,
        "journey.seed": result.seed,
        "journey.clock": result.clock,
        **named,
    }


def _spans(journey: Journey, offset_ns: int) -> Iterator[tuple[str, Plain]]:
    """With the element that each is of; times are `offset_ns` from model time."""
    since_ns = journey.end_ns - round(journey.total_ms * 1e6)
    root = _id(journey, "root")

    def span(name: str, kind: int, begin_ns: int, end_ns: int, parent: str | None, **fields: Any) -> Plain:
        return {
            "traceId": journey.identity,
            "spanId": root if parent is None else _id(journey, f"{name} {begin_ns} {end_ns}"),
            **({"parentSpanId": parent} if parent else {}),
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(begin_ns + offset_ns),
            "endTimeUnixNano": str(end_ns + offset_ns),
            "attributes": attributes(fields),
        }

    whole = span("GET", CLIENT, since_ns, journey.end_ns, None, **_http(journey))
    whole["status"] = {"code": OK} if journey.succeeded else {"code": ERROR, "message": _why(journey)}
    whole["events"] = [_event(record, offset_ns) for record in journey.records if _decides(record)]
    yield journey.origin, whole
    for element, name, begin_ns, end_ns, fields in _servers(journey):
        yield element, span(name, SERVER, max(begin_ns, since_ns), end_ns, root, **fields)
    moment_ns = since_ns
    for part in journey.parts:
        fields = {"journey.what": part.what, "journey.where": part.where}
        yield (
            part.ends[0],
            span(_title(part), INTERNAL, moment_ns, moment_ns + part.ns, root, **fields),
        )
        moment_ns += part.ns


def not_recorded(variant: VariantResult) -> list[Plain]:
    """Failed requests of which only the load balancer can tell."""
    kept = set(trace_ids([variant]))
    return [each for each in variant.figures.get("failures", ()) if each["journey"] not in kept]


def _failed(failure: Plain, began_unix_ns: int) -> Iterator[tuple[str, Plain]]:
    """What the load balancer's node had of a request: all of it, and what it waited for its target."""
    begin_ns = began_unix_ns + round(failure["at_s"] * 1e9)
    end_ns = begin_ns + round(failure["total_ms"] * 1e6)
    digits = re.sub(r"^1-|-", "", failure["request_id"])
    own = hashlib.sha256(f"{failure['node']} {failure['at_s']} {failure['request_id']}".encode()).hexdigest()
    trace = digits if re.fullmatch(r"[0-9a-f]{32}", digits) else own[:32]

    def span(name: str, kind: int, since_ns: int, until_ns: int, parent: str, **fields: Any) -> Plain:
        return {
            "traceId": trace,
            "spanId": hashlib.sha256(f"{own} {name}".encode()).hexdigest()[:16],
            **({"parentSpanId": parent} if parent else {}),
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(since_ns),
            "endTimeUnixNano": str(until_ns),
            "attributes": attributes(fields),
        }

    fields = {
        "http.response.status_code": failure["status"],
        "aws.alb.cause": failure["cause"],
        "aws.alb.target": failure["target"],
        "client.address": failure["client"],
        "journey.recorded": False,
    }
    whole = span(failure["request"], SERVER, begin_ns, end_ns, "", **fields)
    whole["status"] = {"code": ERROR, "message": failure["sentence"]}
    yield failure["node"], whole
    if failure["target"] is not None and failure["request_ms"] is not None:
        sent_ns = begin_ns + round(failure["request_ms"] * 1e6)
        waited_ms = failure["target_ms"]
        until_ns = end_ns if waited_ms is None else min(sent_ns + round(waited_ms * 1e6), end_ns)
        target = {"aws.alb.target": failure["target"], "http.response.status_code": failure["target_status"]}
        yield failure["node"], span("target", CLIENT, sent_ns, until_ns, whole["spanId"], **target)


def _title(part: Part) -> str:
    return f"{part.what} {' > '.join(part.ends)}" if len(part.ends) > 1 else f"{part.what} in {part.where}"


def _servers(journey: Journey) -> Iterator[tuple[str, str, int, int, Plain]]:
    """What the load balancer's node and the pod say how long they had the request."""
    for record in journey.records:
        if record["kind"] == "alb.response":
            begin_ns = record["t_ns"] - round(record["total_ms"] * 1e6)
            fields = {"http.response.status_code": record["status"], "aws.alb.target": record.get("target")}
            yield record["element"], "load balancer", begin_ns, record["t_ns"], fields
        elif record["kind"] == "nginx.answer":
            took_ns = round((record["service_ms"] + record["queued_ms"]) * 1e6)
            fields = {"http.response.status_code": record["status"]}
            yield record["element"], "nginx", record["t_ns"] - took_ns, record["t_ns"], fields
        elif record["kind"] == "app.answer":
            fields = {"http.response.status_code": record["status"]}
            yield (
                record["element"],
                "app",
                record["t_ns"] - round(record["took_ms"] * 1e6),
                record["t_ns"],
                fields,
            )


def _http(journey: Journey) -> Plain:
    return {
        "url.full": journey.url,
        "http.request.method": "GET",
        "http.response.status_code": journey.status,
        "aws.trace_id": f"Root=1-{journey.identity[:8]}-{journey.identity[8:]}",
        "journey.hops": " > ".join(journey.hops),
    }


def _why(journey: Journey) -> str:
    return journey.error or f"HTTP {journey.status}"


DECISIONS = ("alb.", "nat.", "tcp.retransmit", "link.drop", "dns.")


def _decides(record: Plain) -> bool:
    return str(record["kind"]).startswith(DECISIONS)


def _event(record: Plain, offset_ns: int) -> Plain:
    from orchestrator.journal.sentences import tell

    told = tell(record)
    fields = {
        "journey.element": record["element"],
        "journey.told": told.what,
        "journey.why": told.why or None,
    }
    return {
        "timeUnixNano": str(record["t_ns"] + offset_ns),
        "name": record["kind"],
        "attributes": attributes(fields),
    }


def _id(journey: Journey, what: str) -> str:
    return hashlib.sha256(f"{journey.identity} {what}".encode()).hexdigest()[:16]


def attributes(fields: Plain) -> list[Plain]:
    """As OTLP/JSON has them; what is None is left out."""
    return [{"key": key, "value": _value(value)} for key, value in fields.items() if value is not None]


def _value(value: Any) -> Plain:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}  # 64 bits are strings in protobuf's JSON
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": str(value)}


def trace_ids(variants: Iterable[VariantResult]) -> list[str]:
    """Of all kept requests."""
    return [kept.packed["journey"] for variant in variants for kept in variant.journeys]
