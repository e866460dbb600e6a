"""Files that nginx serves: those of an image's `locations`, and `/bytes/SIZE` of any size.

Nothing of a file is kept: what it holds follows from the place in it, and is made as the socket takes it. The content
repeats after a prime number of bytes, so that a part which came twice, or not at all, or elsewhere, changes checksums.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from actors.parts.nginx_pages import MODIFIED, MODIFIED_S, SERVER
from actors.protocols.http1 import http_date
from actors.units import parse_size

PREFIX = "/bytes/"
MOST_BYTES = 10**10
PERIOD = 65_521
_RANGE = re.compile(r"bytes\s*=\s*(\d*)-(\d*)")
_REASONS = {200: "OK", 206: "Partial Content", 304: "Not Modified", 416: "Requested Range Not Satisfiable"}


class Span(NamedTuple):
    """Bytes of a file, from `start` until before `end`."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


class Asked(NamedTuple):
    """The fields of a request that matter to a file, as they came."""

    if_none_match: str | None = None
    if_modified_since: str | None = None
    range: str | None = None
    if_range: str | None = None


class NginxFile(NamedTuple):
    """One file, all of whose properties follow from its size."""

    size: int

    @property
    def etag(self) -> str:
        """As nginx makes it of the time of modification and the size."""
        return f'"{MODIFIED_S:x}-{self.size:x}"'

    def status(self, asked: Asked) -> tuple[int, Span]:
        """The status for a GET or HEAD, and which bytes are its content (RFC 9110, sections 13.2.2 and 14.2).

        A request for several ranges gets the whole file, as section 14.2 allows."""
        whole = Span(0, self.size)
        if asked.if_none_match is not None:
            tags = [tag.strip().removeprefix("W/") for tag in asked.if_none_match.split(",")]
            if self.etag in tags or tags == ["*"]:
                return 304, Span(0, 0)
        elif asked.if_modified_since == MODIFIED:
            return 304, Span(0, 0)
        if asked.range is None or (
            asked.if_range is not None and asked.if_range not in (self.etag, MODIFIED)
        ):
            return 200, whole
        return self._part(asked.range)

    def _part(self, text: str) -> tuple[int, Span]:
        match = _RANGE.fullmatch(text.strip())
        first, last = match.groups() if match else ("", "")
        if not first and not last:
            return 200, Span(0, self.size)  # no range that is understood
        if first:
            span = Span(int(first), min(int(last) + 1, self.size) if last else self.size)
            if last and int(last) < int(first):
                return 416, Span(0, 0)
        else:
            span = Span(max(self.size - int(last), 0), self.size)
        return (206, span) if span.start < span.end else (416, Span(0, 0))

    def head(
        self, status: int, span: Span, *, length: int, keep_alive: bool, unix_s: int, name: str
    ) -> bytes:
        """Status line and fields, in nginx's order; `length` of content follows."""
        fields = [f"HTTP/1.1 {status} {_REASONS[status]}", f"Server: {SERVER}", f"Date: {http_date(unix_s)}"]
        if status != 304:
            kind = "text/html" if status == 416 else "application/octet-stream"
            fields += [f"Content-Type: {kind}", f"Content-Length: {length}"]
        if status != 416:
            fields.append(f"Last-Modified: {MODIFIED}")
        fields.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
        if status != 416:
            fields.append(f"ETag: {self.etag}")
        if status == 200:
            fields.append("Accept-Ranges: bytes")
        elif status == 206:
            fields.append(f"Content-Range: bytes {span.start}-{span.end - 1}/{self.size}")
        elif status == 416:
            fields.append(f"Content-Range: bytes */{self.size}")
        return "\r\n".join([*fields, f"X-Served-By: {name}", "", ""]).encode()


def content(start: int, length: int) -> bytes:
    """What every file holds from there on."""
    block, at = _block(), start % PERIOD
    taken = block[at : at + length]
    while len(taken) < length:
        taken += block[: length - len(taken)]
    return taken


@cache
def _block() -> bytes:
    """Lines of sixteen bytes that tell their own place."""
    return b"".join(b"%014x\r\n" % place for place in range(0, PERIOD + 16, 16))[:PERIOD]


def find(path: str, locations: Mapping[str, int]) -> NginxFile | None:
    """The file at a path, or None: there is no such file. Raises ValueError for a `/bytes/` without a size."""
    if (size := locations.get(path)) is not None:
        return NginxFile(size)
    return NginxFile(size_in(path)) if path.startswith(PREFIX) else None


def size_in(path: str) -> int:
    """How many bytes `/bytes/64k` asks for. Raises ValueError, which says how sizes are written."""
    size = parse_size(path.removeprefix(PREFIX))
    if size > MOST_BYTES:
        raise ValueError(f"{path.removeprefix(PREFIX)!r} is more than 10GB")
    return size
