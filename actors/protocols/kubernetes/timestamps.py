"""Times as the API writes them: RFC 3339, in UTC, to the second (Time) or the microsecond (MicroTime)."""

import re
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_rfc3339(text: str) -> bool:
    try:
        unix_s(text)
    except ValueError:
        return False
    return True


def unix_s(text: str) -> float:
    """Seconds since 1970. Raises ValueError for what is no RFC 3339 time."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no RFC 3339 time")
    zone = "+00:00" if match[4] in "Zz" else match[4]
    moment = datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}")
    return (moment - _EPOCH).total_seconds() + float(f"0{match[3]}" if match[3] else 0)


def rfc3339(unix_seconds: float) -> str:
    """A Time: `2026-01-01T00:00:00Z`."""
    moment = _EPOCH + timedelta(seconds=int(unix_seconds // 1))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(unix_seconds: float) -> str:
    """A MicroTime: `2026-01-01T00:00:00.000000Z`."""
    moment = _EPOCH + timedelta(microseconds=round(unix_seconds * 1_000_000))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def human_duration(seconds: float) -> str:
    """A duration as kubectl shows ages: `45s`, `2m30s`, `3h`, `2d3h` (k8s.io/apimachinery: pkg/util/duration)."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 365 * 8:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first}{unit}{second}{smaller}" if second else f"{first}{unit}"
