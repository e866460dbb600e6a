"""SOCKS5 as a server speaks it (RFC 1928)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.socks5 import Refused, Reply, SocksServer, Wanted, reply

HELLO = b"\x05\x01\x00"
TO_NAME = b"\x05\x01\x00\x03\x12packet-journey.com\x01\xbb"
TO_ADDRESS = b"\x05\x01\x00\x01\xc6\x33\x64\x01\x00\x50"


def spoken(*pieces: bytes) -> tuple[bytes, Wanted | Refused | None, bytes]:
    """What a server answers to these pieces, what came of them, and what is left."""
    server, answers = SocksServer(), b""
    for piece in pieces:
        answer, outcome = server.feed(piece)
        answers += answer
        if outcome is not None:
            break
    return answers, outcome, server.buffer


@pytest.mark.parametrize(
    "request_, wanted",
    [(TO_NAME, Wanted("packet-journey.com", 443)), (TO_ADDRESS, Wanted("198.51.100.1", 80))],
)
def test_a_connection_is_wanted(request_, wanted):
    assert spoken(HELLO, request_) == (b"\x05\x00", wanted, b"")


def test_what_follows_the_request_is_the_tunnels():
    assert spoken(HELLO + TO_NAME + b"hello")[1:] == (Wanted("packet-journey.com", 443), b"hello")


@given(st.data())
def test_pieces_make_no_difference(data):
    whole = HELLO + data.draw(st.sampled_from([TO_NAME, TO_ADDRESS, b"\x05\x03" + TO_ADDRESS[2:]]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert spoken(*[piece for piece in pieces if piece]) == spoken(whole)


@pytest.mark.parametrize(
    "request_, code, why",
    [
        (b"\x05\x02" + TO_NAME[2:], Reply.COMMAND_NOT_SUPPORTED, "BIND"),
        (b"\x05\x03" + TO_ADDRESS[2:], Reply.COMMAND_NOT_SUPPORTED, "UDP ASSOCIATE"),
        (b"\x05\x01\x00\x04" + bytes(16) + b"\0\x50", Reply.ADDRESS_TYPE_NOT_SUPPORTED, "IPv6"),
        (b"\x05\x01\x00\x07" + bytes(16), Reply.ADDRESS_TYPE_NOT_SUPPORTED, "7"),
        (b"\x05\x01\x00\x03\x00\x00\x50", Reply.GENERAL_FAILURE, "name"),
        (b"\x05\x01\x00\x03\x02\xff\xfe\x00\x50", Reply.GENERAL_FAILURE, "name"),
        (b"\x04\x01\x00\x03\x02ab\x00\x50", Reply.GENERAL_FAILURE, "version 4"),
    ],
)
def test_what_is_refused_is_answered_by_its_cause(request_, code, why):
    answers, outcome, _ = spoken(HELLO, request_)
    assert answers == b"\x05\x00" and isinstance(outcome, Refused)
    assert outcome.answer == reply(code) and why in outcome.why


def test_who_wants_to_authenticate_is_told_that_there_is_no_way():
    _, outcome, _ = spoken(b"\x05\x01\x02")
    assert isinstance(outcome, Refused) and outcome.answer == b"\x05\xff"


def test_version_4_is_not_answered():
    _, outcome, _ = spoken(b"\x04\x01\x00\x50")
    assert outcome == Refused(b"", "SOCKS version 4; this is version 5")


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8))
def test_it_takes_any_bytes(pieces):
    server = SocksServer()
    for piece in pieces:
        if server.feed(piece)[1] is not None:
            break
    assert len(server.buffer) <= sum(map(len, pieces))
