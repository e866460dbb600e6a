import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.alb_causes import Cause
from actors.protocols.http1 import BadResponse, RequestReader, ResponseReader, chunk, last_chunk

GET = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"


def read(*pieces: bytes) -> RequestReader:
    reader = RequestReader()
    for piece in pieces:
        reader.feed(piece)
    return reader


def answer(*pieces: bytes, method: bytes = b"GET") -> ResponseReader:
    reader = ResponseReader()
    reader.expect(method)
    for piece in pieces:
        reader.feed(piece)
    return reader


# ---- requests ----------------------------------------------------------------------------------------------


def test_a_request_is_there_as_soon_as_its_head_is():
    reader = read(b"POST /x?y HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nab")
    [request] = reader.requests
    assert (request.method, request.target, request.version) == (b"POST", b"/x?y", b"1.1")
    assert request.lines == [b"X-A: 1\r\n"]
    assert request.fields == {b"host": b"h", b"content-length": b"5"}
    assert (request.body, request.complete) == ([b"ab"], False)
    reader.feed(b"cde")
    assert (request.body, request.complete) == ([b"ab", b"cde"], True)


def test_pipelined_requests_queue_up():
    reader = read(GET * 3)
    assert [request.complete for request in reader.requests] == [True] * 3


@given(st.lists(st.integers(1, 200), min_size=1, max_size=6))
def test_it_does_not_matter_how_the_bytes_are_cut(cuts):
    stream = (
        GET
        + b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n"
        + GET
    )
    pieces, rest = [], stream
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    reader = read(*pieces, rest)
    assert [request.method for request in reader.requests] == [b"GET", b"POST", b"GET"]
    assert b"".join(reader.requests[1].body) == b"abc"
    assert reader.requests[1].chunked
    assert all(request.complete and not request.error for request in reader.requests)


@given(
    st.from_regex(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}", fullmatch=True).filter(lambda each: each not in ODD),
    st.lists(st.integers(1, 40), max_size=4),
)
def test_any_token_is_a_method(method, cuts):
    stream = method + b" /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"
    pieces = [stream[at : at + 3] for at in range(0, len(stream), 3)] if cuts else [stream]
    reader = read(*pieces, GET)
    assert [(each.method, each.complete, each.error, each.oddity) for each in reader.requests] == [
        (method, True, None, reader.requests[0].oddity),
        (b"GET", True, None, ""),
    ]
    assert b"".join(reader.requests[0].body) == b"ab"


ODD = (b"PRI", b"CONNECT")
"""The preface of HTTP/2, and what asks for a tunnel."""


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_comes_behind_the_content_is_kept_apart(size):
    stream = b"\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 5\r\nHost: b\r\nx_y: c\r\n\r\n"
    request, response = b"BREW / HTTP/1.1\r\nHost: a" + stream, b"HTTP/1.1 200 OK" + stream
    [asked] = read(*(request[at : at + size] for at in range(0, len(request), size))).requests
    told = answer(*(response[at : at + size] for at in range(0, len(response), size))).response
    assert (asked.method, asked.error, asked.lines, asked.trailers) == (b"BREW", None, [], [b"X-Sum: 5\r\n"])
    assert asked.complete and told.complete and told.trailer_lines == [b"X-Sum: 5\r\n"]
    assert last_chunk(asked.trailers) == b"0\r\nX-Sum: 5\r\n\r\n"


def test_hop_by_hop_fields_end_here():
    reader = read(
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: X-Mine, keep-alive\r\nKeep-Alive: 5\r\n"
        b"X-Mine: 1\r\nX-Yours: 2\r\n\r\n"
    )
    assert reader.requests[0].lines == [b"X-Yours: 2\r\n"]


@pytest.mark.parametrize(
    ("version", "connection", "expected"),
    [("1.1", "", True), ("1.1", "close", False), ("1.0", "", False), ("1.0", "keep-alive", True)],
)
def test_keep_alive(version, connection, expected):
    field = f"Connection: {connection}\r\n" if connection else ""
    reader = read(f"GET / HTTP/{version}\r\nHost: h\r\n{field}\r\n".encode())
    assert reader.requests[0].keep_alive is expected


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n folded\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS on a port without
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / HTTP/3.7\r\n\r\n", 505),
        (b"GET /" + b"a" * 16_400 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * 16_400 + b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-A: aaaaaaaaaaa\r\n" * 5_000 + b"\r\n", 413),
        (b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n", 400),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 9\r\n\r\nGET / XXX",
            400,
        ),
    ],
)
def test_requests_to_refuse(head, status):
    [request] = read(head).requests
    assert request.error is not None and request.error.status == status


def test_a_head_without_end_is_given_up():
    reader = read(b"GET / HTTP/1.1\r\n")
    for _ in range(20):
        reader.feed(b"X-A: " + b"a" * 8_000 + b"\r\n")
    assert reader.requests[0].error is Cause.HEADERS_TOO_LONG


def test_a_body_that_turns_out_broken_spoils_its_request():
    reader = read(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\n")
    [request] = reader.requests
    assert (request.error, request.complete) == (Cause.MALFORMED_REQUEST, False)


def test_what_follows_a_last_request_is_ignored():
    reader = read(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET)
    [request] = reader.requests
    assert request.error is None


def test_an_upgrade_is_answered_as_if_it_had_not_been_asked_for():
    reader = read(b"GET /1 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n" + GET)
    assert [request.target for request in reader.requests] == [b"/1", b"/"]
    assert not any(request.error or request.lines for request in reader.requests)


@given(st.binary(max_size=400))
def test_junk_never_raises(junk):
    reader = read(junk, GET, junk)
    assert all(request.error is None or isinstance(request.error, Cause) for request in reader.requests)


# ---- responses ---------------------------------------------------------------------------------------------


def test_a_response_with_length():
    response = answer(
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nServer: x\r\nConnection: keep-alive\r\n\r\nab", b"c"
    ).response
    assert response is not None
    assert (response.status, response.reason, response.lines) == (200, b"OK", [b"Server: x\r\n"])
    assert (response.body, response.complete, response.keep_alive) == ([b"ab", b"c"], True, True)


def test_a_chunked_response():
    response = answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk(b"abc"), b"0\r\n\r\n"
    ).response
    assert response is not None
    assert (response.body, response.chunked, response.complete) == ([b"abc"], True, True)


def test_interim_responses_are_skipped():
    reader = answer(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
    assert reader.response is None
    reader.feed(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert reader.response is not None
    assert (reader.response.status, reader.response.lines, reader.response.complete) == (204, [], True)


def test_the_answer_to_head_has_no_body_whatever_its_length_says():
    reader = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 615\r\n\r\n", method=b"HEAD")
    assert reader.response is not None and reader.response.complete
    reader.expect(b"GET")
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
    assert reader.response is not None and reader.response.body == [b"x"]


def test_without_length_the_close_ends_it():
    reader = answer(b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert reader.response is not None and not reader.response.complete
    assert reader.end()
    assert reader.response.complete and not reader.response.keep_alive


@pytest.mark.parametrize(
    "pieces", [[], [b"HTTP/1.1 200 OK\r\nContent-Le"], [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"]]
)
def test_a_close_in_the_middle_does_not(pieces):
    assert not answer(*pieces).end()


@pytest.mark.parametrize(
    "junk",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 33_000,
        b"HTTP/1.1 200 OK\r\n" + b"X-A: aaaaaaaaaaa\r\n" * 2_500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
)
def test_bad_responses(junk):
    with pytest.raises(BadResponse):
        answer(junk)


@pytest.mark.parametrize(
    "excess", [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
def test_what_comes_behind_a_response_takes_away_its_keep_alive(excess):
    reader = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx" + excess)
    assert reader.response is not None
    assert (reader.response.status, reader.response.body, reader.response.keep_alive) == (200, [b"x"], False)


@given(st.binary(max_size=300), st.sampled_from([b"GET", b"HEAD"]))
def test_junk_gives_a_bad_response_or_none(junk, method):
    try:
        answer(junk, method=method)
    except BadResponse:
        pass
