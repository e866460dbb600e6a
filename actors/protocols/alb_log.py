"""One line of an ALB's access log: 33 fields, as "Access logs for your Application Load Balancer" lists them."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from actors.protocols.log_text import quoted, unquoted

LINE = (
    '%s %s %s %s %s %s %s %s %s %s %d %d "%s" "%s" %s %s %s "%s" "%s" "%s" %s %s "%s" "%s" "%s" "%s" "%s" "%s" "%s" '
    '%s "%s" "%s" "%s"\n'
)


class Origin(NamedTuple):
    """What all requests of one client connection have in common, as the log spells it ("-" for what there is not)."""

    type: str
    elb: str
    client: str
    ssl_cipher: str
    ssl_protocol: str
    domain_name: str
    chosen_cert_arn: str
    conn_trace_id: str


class Entry(NamedTuple):
    """The facts of one request.

    Moments are in model time, None where the request did not get so far; `unix_offset_ns` makes them moments since
    1970. `received_ns` is when the request had come, `sent_ns` when it went to the target, `first_byte_ns` when the
    response's head came, `answered_ns` when it went on to the client. A `target_status` of 0 is none.
    """

    origin: Origin
    target: str
    unix_offset_ns: int
    received_ns: int
    sent_ns: int | None
    first_byte_ns: int | None
    answered_ns: int
    elb_status: int
    target_status: int
    received_bytes: int
    sent_bytes: int
    request: str
    user_agent: str
    target_group_arn: str
    trace_id: str
    matched_rule_priority: str
    actions: str
    redirect_url: str = "-"
    error_reason: str = "-"
    classification: str = "-"
    classification_reason: str = "-"
    transformed_host: str = "-"
    transformed_uri: str = "-"
    request_transform_status: str = "-"


FIELDS = (
    "type",
    "time",
    "elb",
    "client:port",
    "target:port",
    "request_processing_time",
    "target_processing_time",
    "response_processing_time",
    "elb_status_code",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
    "target_group_arn",
    "trace_id",
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
    "redirect_url",
    "error_reason",
    "target:port_list",
    "target_status_code_list",
    "classification",
    "classification_reason",
    "conn_trace_id",
    "transformed_host",
    "transformed_uri",
    "request_transform_status",
)
"""The names of a line's fields, in their order."""

_FIELD = re.compile(r'"([^"]*)"(?= |$)|([^ "]+)(?= |$)')


class BadLine(ValueError):
    """Not a line of an ALB's access log; says what is wrong."""


def parse(text: str) -> dict[str, str]:
    """A line's fields by name, as they stand there ("-" for none), strangers' texts with their escapes undone.

    Fields that AWS appends one day are left out. Raises `BadLine`."""
    fields, at = [], 0
    text = text.rstrip("\n")
    while at < len(text):
        found = _FIELD.match(text, at)
        if found is None:
            raise BadLine(f"column {at + 1}: {text[at : at + 20]!r} is no field")
        fields.append(found[2] if found[1] is None else unquoted(found[1]))
        at = found.end() + 1
    if len(fields) < len(FIELDS):
        raise BadLine(f"{len(fields)} fields, but a line has {len(FIELDS)}")
    return dict(zip(FIELDS, fields, strict=False))


@lru_cache(maxsize=8)
def _second(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def moment(unix_ns: int) -> str:
    """ISO 8601 with microseconds: `2018-07-02T22:23:00.186641Z`."""
    seconds, rest = divmod(unix_ns, 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1000:06d}Z"


def processing_times(entry: Entry) -> tuple[str, str, str]:
    """Fields 6 to 8, seconds with three decimals; -1 for what was not dispatched to a target, or got no answer."""
    if entry.sent_ns is None:
        return "-1", "-1", "-1"
    request = f"{(entry.sent_ns - entry.received_ns) / 1e9:.3f}"
    if entry.first_byte_ns is None:
        return request, "-1", "-1"
    target = f"{(entry.first_byte_ns - entry.sent_ns) / 1e9:.3f}"
    return request, target, f"{(entry.answered_ns - entry.first_byte_ns) / 1e9:.3f}"


def line(entry: Entry) -> str:
    """The whole line with its newline."""
    origin, target = entry.origin, entry.target
    target_status = entry.target_status or "-"
    return LINE % (
        origin.type,
        moment(entry.answered_ns + entry.unix_offset_ns),
        origin.elb,
        origin.client,
        target,
        *processing_times(entry),
        entry.elb_status,
        target_status,
        entry.received_bytes,
        entry.sent_bytes,
        quoted(entry.request),
        quoted(entry.user_agent),
        origin.ssl_cipher,
        origin.ssl_protocol,
        entry.target_group_arn,
        quoted(entry.trace_id),
        quoted(origin.domain_name),
        origin.chosen_cert_arn,
        entry.matched_rule_priority,
        moment(entry.received_ns + entry.unix_offset_ns),
        entry.actions,
        "-" if (url := entry.redirect_url) == "-" else quoted(url),
        entry.error_reason,
        target,
        target_status,
        entry.classification,
        entry.classification_reason,
        origin.conn_trace_id,
        "-" if (host := entry.transformed_host) == "-" else quoted(host),
        "-" if (uri := entry.transformed_uri) == "-" else quoted(uri),
        entry.request_transform_status,
    )
