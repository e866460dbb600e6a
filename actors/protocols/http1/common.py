"""What requests and responses have in common: limits, hop-by-hop fields, the chunked coding, dates."""

from email.utils import formatdate
from functools import lru_cache

MAX_REQUEST_LINE = 16 * 1024
MAX_HEADER = 16 * 1024
MAX_REQUEST_HEAD = 64 * 1024
MAX_RESPONSE_HEAD = 32 * 1024

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# Fields that are not passed on as they are: those of this connection, and those that a proxy reads or rewrites.
HOP_BY_HOP = frozenset(
    [b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"]
)
REQUEST_FIELDS = HOP_BY_HOP | frozenset(
    [
        b"content-length",
        b"expect",
        b"host",
        b"x-amzn-trace-id",
        b"x-forwarded-for",
        b"x-forwarded-port",
        b"x-forwarded-proto",
    ]
)
RESPONSE_FIELDS = HOP_BY_HOP | frozenset([b"content-length"])
PERSISTENT = frozenset([b"close", b"keep-alive", b"upgrade"])


class BadResponse(Exception):
    """What came is not an HTTP/1 response to the request; says what is wrong."""


class ResponseHeadTooLong(BadResponse):
    """The head of a response is longer than an ALB takes."""


@lru_cache(maxsize=8)
def http_date(unix_s: int) -> str:
    """A moment as IMF-fixdate (RFC 9110 section 5.6.7)."""
    return formatdate(unix_s, usegmt=True)


def chunk(piece: bytes) -> bytes:
    """A piece of content in the chunked coding (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


NOT_TRAILING = REQUEST_FIELDS | frozenset(
    [
        b"authorization", b"cache-control", b"content-encoding", b"content-range", b"content-type", b"cookie",
        b"max-forwards", b"range", b"set-cookie", b"www-authenticate",
    ]
)  # fmt: skip
"""What must not come behind the content: framing, routing, authentication, modifiers (RFC 9110 section 6.5.1)."""


def trailer(name: bytes, value: bytes) -> list[bytes]:
    """A trailer field as a line, or none if it may be none."""
    lower = name.lower()
    sound = lower.replace(b"-", b"").isalnum() and lower not in NOT_TRAILING
    return [b"%b: %b\r\n" % (name, value.rstrip())] if sound else []


def last_chunk(trailers: list[bytes]) -> bytes:
    """The end of the chunked coding, with trailer fields (RFC 9112 section 7.1.2)."""
    return b"0\r\n%b\r\n" % b"".join(trailers)


def valid_lines(lines: list[bytes]) -> list[bytes]:
    """Those of a head's lines whose names are of letters, digits and hyphens."""
    return [line for line in lines if line.partition(b":")[0].replace(b"-", b"").isalnum()]


def drop_named(lines: list[bytes], connection: bytes) -> None:
    """Take out the fields that `Connection` names as being only for this connection."""
    named = {token.strip() for token in connection.lower().split(b",")} - PERSISTENT
    if named:
        lines[:] = [line for line in lines if line.partition(b":")[0].lower() not in named]
