"""A trace: a file with the moments at which requests are due, and perhaps which requests.

A line is a number, the seconds from the beginning of the load, or a JSON object with that as `t` and the keys of a
request beside it: `{"t": 1.25, "path": "/products", "method": "POST", "body_bytes": 200}`. Empty lines, and those that
begin with `#`, are passed over.
"""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from actors.parts.load.mix import BadRequest, check
from actors.parts.load.plan import MAX_TRACE
from orchestrator.load.shapes import Traced

LONGEST_S = 86_400.0
REQUEST_KEYS = ("path", "method", "host", "headers", "body", "body_bytes", "expect")


class BadTrace(ValueError):
    """A file that is no trace; says in which line, and why."""


class TraceFile(NamedTuple):
    """What a file says."""

    due_us: tuple[int, ...]
    which: tuple[int, ...] | None
    """Of `requests`; None if no line says what it asks for."""
    requests: list[dict[str, Any]]

    def shape(self, options: dict[str, Any]) -> Traced:
        """As a load; `requests` among the options are for a trace that says nothing of its own."""
        if self.which is not None:
            options = {**options, "requests": self.requests}
        return Traced(self.due_us, self.which, (self.due_us[-1] + 1) / 1e6, options)


def read_trace(path: Path | str) -> TraceFile:
    """Read and check a file. Raises `BadTrace`."""
    try:
        with open(path, encoding="utf-8") as lines:
            return trace_of(lines, str(path))
    except OSError as error:
        raise BadTrace(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadTrace(f"{path}: this is not text") from None


def trace_of(lines: Iterable[str], name: str) -> TraceFile:
    """As `read_trace`, of what a file with this name could say."""
    due_us: list[int] = []
    which: list[int] = []
    requests: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        try:
            t_s, request = _line(text)
            if due_us and round(t_s * 1e6) < due_us[-1]:
                raise ValueError(f"{t_s:g} s comes after {due_us[-1] / 1e6:g} s: a trace does not go back")
        except ValueError as error:
            raise BadTrace(f"{name}:{number}: {error}") from None
        if len(due_us) == MAX_TRACE:
            raise BadTrace(f"{name}:{number}: a trace has at most {MAX_TRACE:,} requests")
        due_us.append(round(t_s * 1e6))
        which.append(requests.setdefault(json.dumps(request, sort_keys=True), len(requests)))
    if not due_us:
        raise BadTrace(f"{name}: there is no line that says when a request is due, such as 1.25")
    asked = [json.loads(text) for text in requests]
    if not any(asked):
        return TraceFile(tuple(due_us), None, [])
    return TraceFile(tuple(due_us), tuple(which), list(_named(asked)))


def _line(text: str) -> tuple[float, dict[str, Any]]:
    """When, and what. Raises ValueError."""
    if not text.startswith("{"):
        return _moment(text), {}
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"this is not JSON: {error.msg} at column {error.colno}") from None
    if "t" not in value:
        raise ValueError('a request is due at some "t", in seconds from the beginning')
    t_s = _moment(value.pop("t"))
    for key in value:
        if key not in REQUEST_KEYS:
            raise ValueError(f"unknown key {key!r}; a line has t, {', '.join(REQUEST_KEYS)}")
    try:
        check(value)
    except BadRequest as error:
        raise ValueError(f"{error.key}: {error}" if error.key else str(error)) from None
    return t_s, value


def _moment(value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise TypeError
        t_s = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a number of seconds such as 1.25") from None
    if not math.isfinite(t_s) or t_s < 0:
        raise ValueError(f"{value} is before the beginning: seconds count from there")
    if t_s > LONGEST_S:
        raise ValueError(
            f"{value} s is more than a day: seconds count from the beginning of the load, not from 1970"
        )
    return t_s


def _named(requests: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """With names that differ."""
    seen: dict[str, int] = {}
    for request in requests:
        name = f"{request.get('method', 'GET')} {request.get('path', '(the URL)')}"
        seen[name] = seen.get(name, 0) + 1
        yield {**request, "name": name if seen[name] == 1 else f"{name} ({seen[name]})"}
