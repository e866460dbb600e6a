import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.alb_causes import Cause
from actors.protocols.desync import BLOCKED, REASONS, Class, examine, worse
from actors.protocols.http1 import Request, RequestReader

HOST = b" HTTP/1.1\r\nHost: a\r\n"
GET = b"GET /" + HOST
POST = b"POST /" + HOST


def read(*pieces: bytes) -> list[Request]:
    reader = RequestReader()
    for piece in pieces:
        reader.feed(piece)
    return list(reader.requests)


@pytest.mark.parametrize(
    ("reason", "head"),
    [
        ("GetHeadZeroContentLength", GET + b"Content-Length: 0\r\n\r\n"),
        ("NonCompliantHeader", GET + b"X-A: \xe9\r\n\r\n"),
        ("NonCompliantHeader", GET + b"X-A: a\x01b\r\n\r\n"),
        ("NonCompliantHeader", GET + b"X(A): a\r\n\r\n"),
        ("NonCompliantVersion", b"GET / HTTP/1.7\r\nHost: a\r\n\r\n"),
        ("SpaceInUri", b"GET /a b" + HOST + b"\r\n"),
        ("AmbiguousUri", b"GET /a\x01b" + HOST + b"\r\n"),
        ("BothTeClPresent", POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("DuplicateContentLength", POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab"),
        ("EmptyHeader", GET + b": x\r\n\r\n"),
        ("SuspiciousHeader", GET + b"Transfer_Encoding: chunked\r\n\r\n"),
        ("SuspiciousHeader", GET + b"Content-Length : 0\r\n\r\n"),
        ("UndefinedContentLengthSemantics", GET + b"Content-Length: 2\r\n\r\nab"),
        ("UndefinedTransferEncodingSemantics", GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("MultipleContentLength", POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nab"),
        (
            "MultipleTransferEncodingChunked",
            POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
    ],
)
def test_odd_requests_that_can_be_understood(reason, head):
    """However the bytes are cut, and whatever has come before."""
    for pieces in ([head], [head[:9], head[9:]], [head[:-5], head[-5:]]):
        [request] = read(*pieces)
        assert (request.oddity, request.error, request.complete) == (reason, None, True)


@pytest.mark.parametrize(
    ("reason", "head"),
    [
        ("BadContentLength", POST + b"Content-Length: x\r\n\r\n"),
        ("BadContentLength", POST + b"Content-Length: 1\r\nContent-Length: -1\r\n\r\n"),
        ("BadHeader", GET + b"X-A: a\0b\r\n\r\n"),
        ("BadHeader", GET + b"nothing\r\n\r\n"),
        ("BadHeader", GET + b"X-A: b\r\n folded\r\n\r\n"),
        ("BadMethod", b"G[T /" + HOST + b"\r\n"),
        ("BadUri", b"GET \0" + HOST + b"\r\n"),
        ("BadVersion", b"GET / HTPT/1.1\r\n\r\n"),
    ],
)
def test_severe_ones_that_cannot(reason, head):
    [request] = read(head)
    assert (request.oddity, request.error) == (reason, Cause.MALFORMED_REQUEST)
    assert REASONS[reason] is Class.SEVERE


def test_how_they_are_repaired():
    [request] = read(b"GET /a b\xe9" + HOST + b"\r\n")
    assert request.target == b"/a%20b%E9"
    [request] = read(POST + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert (request.chunked, b"content-length" in request.fields, request.body) == (True, False, [b"abc"])
    [request] = read(POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n", b"ab")
    assert (request.fields[b"content-length"], request.body) == (b"2", [b"ab"])


def test_the_connection_goes_on_behind_a_repaired_request():
    requests = read(b"GET /a b" + HOST + b"\r\n" + GET + b"\r\n", GET + b"\r\n")
    assert [request.oddity for request in requests] == ["SpaceInUri", "", ""]


@pytest.mark.parametrize("head", [GET + b"X-A: 1\r\n\r\n", POST + b"Content-Length: 2\r\n\r\nab"])
def test_compliant_ones(head):
    [request] = read(head)
    assert request.oddity == ""


def test_http_0_9():
    [request] = read(b"GET /a\r\n")
    assert (request.version, request.method, request.target) == (b"0.9", b"GET", b"/a")
    assert request.complete and not request.keep_alive and request.error is None


def test_modes_are_ever_stricter():
    assert BLOCKED["monitor"] < BLOCKED["defensive"] < BLOCKED["strictest"]


def test_the_graver_reason_wins():
    assert worse("", "EmptyHeader") == "EmptyHeader"
    assert worse("SpaceInUri", "EmptyHeader") == "EmptyHeader"
    assert worse("BadUri", "EmptyHeader") == "BadUri"
    assert worse("BadUri", "") == "BadUri"


ODD = st.lists(
    st.sampled_from(
        [b"GET", b"/", b" ", b"HTTP/1.1", b"\r\n", b"\n", b"\r", b":", b"Content-Length", b"5", b"\0", b"a"]
    )
    | st.binary(max_size=3)
).map(b"".join)


@given(ODD)
def test_whatever_is_repaired_is_read_without_a_doubt(head):
    finding = examine(head)
    assert finding.reason in REASONS
    if finding.head is not None:
        assert finding.head.endswith(b"\r\n\r\n")
        requests = read(finding.head)
        assert all(request.error is not Cause.DESYNC_MITIGATION for request in requests)


@given(ODD, ODD)
def test_no_bytes_raise_and_every_request_has_its_end(start, rest):
    for request in read(start, rest, b"\r\n\r\n"):
        assert request.error is None or isinstance(request.error, Cause)
