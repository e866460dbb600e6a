"""One line of an ALB's access log: 33 fields, as "Access logs for your Application Load Balancer" lists them."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from actors.protocols.log_text import quoted

LINE = (
    '%s %s %s %s %s %s %s %s %s %s %d %d "%s" "%s" %s %s %s "%s" "%s" "%s" %s %s "%s" "-" "-" "%s" "%s" "-" "-" '
    '%s "-" "-" "-"\n'
)


class Entry(NamedTuple):
    """The facts of one request, all as the log spells them where they are texts ("-" for what there is not).

    Moments are ns since 1970, None where the request did not get so far. `received_ns` is when the request had come,
    `sent_ns` when it went to the target, `first_byte_ns` when the response's head came, `answered_ns` when it went
    on to the client.
    """

    type: str
    elb: str
    client: str
    target: str
    received_ns: int
    sent_ns: int | None
    first_byte_ns: int | None
    answered_ns: int
    elb_status: str
    target_status: str
    received_bytes: int
    sent_bytes: int
    request: str
    user_agent: str
    ssl_cipher: str
    ssl_protocol: str
    target_group_arn: str
    trace_id: str
    domain_name: str
    chosen_cert_arn: str
    matched_rule_priority: str
    actions: str
    conn_trace_id: str


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
    request_time, target_time, response_time = processing_times(entry)
    return LINE % (
        entry.type,
        moment(entry.answered_ns),
        entry.elb,
        entry.client,
        entry.target,
        request_time,
        target_time,
        response_time,
        entry.elb_status,
        entry.target_status,
        entry.received_bytes,
        entry.sent_bytes,
        quoted(entry.request),
        quoted(entry.user_agent),
        entry.ssl_cipher,
        entry.ssl_protocol,
        entry.target_group_arn,
        quoted(entry.trace_id),
        quoted(entry.domain_name),
        entry.chosen_cert_arn,
        entry.matched_rule_priority,
        moment(entry.received_ns),
        entry.actions,
        entry.target,
        entry.target_status,
        entry.conn_trace_id,
    )
