"""Lines of container logs as container runtimes write them: `2026-01-01T00:00:00.000000000Z stdout F hello`."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from actors.units import SECOND


@lru_cache(maxsize=16)
def _seconds(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def stamp(unix_ns: int) -> str:
    """RFC 3339 with nanoseconds."""
    unix_s, rest_ns = divmod(unix_ns, SECOND)
    return f"{_seconds(unix_s)}.{rest_ns:09d}Z"


def line(unix_ns: int, stream: str, text: str) -> str:
    """A whole line (F; P would be a part of one), `stream` is stdout or stderr."""
    return f"{stamp(unix_ns)} {stream} F {text}\n"


class Entry(NamedTuple):
    """A line read back."""

    time: str
    text: str


def entries(content: str) -> list[Entry]:
    """The lines of a log file, oldest first; one that was cut off by a crash is left out."""
    found = []
    for raw in content.split("\n")[:-1]:
        time, _, rest = raw.partition(" ")
        parts = rest.split(" ", 2)
        if len(parts) == 3:
            found.append(Entry(time, parts[2]))
    return found


def selected(
    found: list[Entry],
    *,
    tail_lines: int | None,
    since: str | None,
    limit_bytes: int | None,
    timestamps: bool,
) -> str:
    """What `kubectl logs` shows: from `since` (RFC 3339, compares as text) on, the last lines, so many bytes."""
    if since is not None:
        found = [entry for entry in found if entry.time >= since]
    if tail_lines is not None:
        found = found[len(found) - tail_lines :] if tail_lines < len(found) else found
    text = "".join(f"{entry.time} {entry.text}\n" if timestamps else f"{entry.text}\n" for entry in found)
    return text if limit_bytes is None else text.encode()[:limit_bytes].decode(errors="ignore")
