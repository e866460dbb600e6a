"""Fragments: what is cut comes together again, in any order; what does not fit is thrown away."""

from hypothesis import given
from hypothesis import strategies as st

from actors.protocols import fragments
from actors.protocols.fragments import Reassembler, copied_options, fragment
from actors.units import SECOND
from actors.wire import ipv4
from actors.wire.addresses import ip_bytes

PACKET = ipv4.Packet(
    ip_bytes("10.0.0.1"), ip_bytes("10.0.0.2"), ipv4.UDP, bytes(range(250)) * 12, identification=7, dont_fragment=False
)  # fmt: skip


@given(st.binary(min_size=1, max_size=4000), st.integers(68, 1500), st.integers(28, 1500), st.randoms())
def test_pieces_and_pieces_of_pieces_come_together_in_any_order(payload, mtu, smaller_mtu, random):
    packet = PACKET._replace(payload=payload)
    pieces = [part for piece in fragment(packet, mtu) for part in fragment(piece, smaller_mtu)]
    assert all(len(ipv4.encode(piece)) <= min(mtu, max(smaller_mtu, 28)) for piece in pieces)
    assert [ipv4.decode(ipv4.encode(piece)) for piece in pieces] == pieces
    if len(pieces) > fragments.MAX_PIECES:
        return
    random.shuffle(pieces)
    reassembler = Reassembler()
    results = [reassembler.handle(piece, 0) for piece in pieces]
    assert results == [None] * (len(pieces) - 1) + [packet]
    assert reassembler.deadline_ns() is None


def three_pieces() -> list[ipv4.Packet]:
    return list(fragment(PACKET._replace(payload=bytes(3000)), 1020))


def test_a_piece_that_comes_twice_does_no_harm():
    first, second, third = three_pieces()
    reassembler = Reassembler()
    assert [reassembler.handle(piece, 0) for piece in (first, first, third, second)][:3] == [None] * 3
    assert reassembler.handle(first, 0) is None


def test_overlapping_pieces_are_thrown_away_with_all_others():
    first, second, third = three_pieces()
    reassembler = Reassembler()
    reassembler.handle(first, 0)
    reassembler.handle(second._replace(fragment_offset=second.fragment_offset - 8), 0)
    assert reassembler.deadline_ns() is None
    assert [reassembler.handle(piece, 0) for piece in (second, third)] == [None, None]


def test_a_piece_beyond_the_end_or_of_odd_length_is_thrown_away():
    first, second, third = three_pieces()
    for bad in (
        third._replace(fragment_offset=65_528, more_fragments=True),
        second._replace(payload=bytes(999)),
        second._replace(payload=b""),
    ):
        reassembler = Reassembler()
        reassembler.handle(first, 0)
        reassembler.handle(bad, 0)
        assert reassembler.deadline_ns() is None
    reassembler = Reassembler()
    reassembler.handle(third, 0)
    reassembler.handle(second._replace(fragment_offset=third.fragment_offset + len(third.payload)), 0)
    assert reassembler.deadline_ns() is None
    reassembler.handle(second, 0)
    reassembler.handle(first._replace(more_fragments=False), 0)
    assert reassembler.deadline_ns() is None


def test_what_stays_incomplete_is_given_up_after_30_seconds():
    first, second, _ = three_pieces()
    reassembler = Reassembler()
    reassembler.handle(second._replace(identification=8), 0)
    reassembler.handle(first, 1)
    assert reassembler.deadline_ns() == 30 * SECOND
    assert reassembler.on_deadline(30 * SECOND) == []  # its first piece never came: nobody to tell
    assert reassembler.on_deadline(30 * SECOND + 1) == [first]
    assert reassembler.deadline_ns() is None


def test_memory_is_bounded_in_packets_and_pieces():
    first, _, _ = three_pieces()
    reassembler = Reassembler()
    for number in range(fragments.MAX_PACKETS + 1):
        reassembler.handle(first._replace(identification=number), number)
    assert len(reassembler.on_deadline(1 << 62)) == fragments.MAX_PACKETS
    for number in range(fragments.MAX_PIECES + 1):
        reassembler.handle(first._replace(payload=bytes(8), fragment_offset=8 * number), 0)
    assert reassembler.deadline_ns() is None


def test_the_ping_of_death_is_never_put_together():
    reassembler = Reassembler()
    step = 65_520 // 8 * 8 // 2
    pieces = [(0, step, True), (step, step, True), (2 * step, 15, False)]
    for start, length, more in pieces:
        piece = PACKET._replace(payload=bytes(length), fragment_offset=start, more_fragments=more)
        assert reassembler.handle(piece, 0) is None


def test_only_options_that_want_to_be_copied_are():
    security, record_route = b"\x82\x04\x00\x00", b"\x07\x03\x04"
    assert copied_options(b"\x01" + record_route + security) == security
    assert copied_options(record_route + b"\x00") == b""
    assert copied_options(b"\x82") == copied_options(b"\x82\x00") == b""
    packet = PACKET._replace(options=record_route + b"\x00", payload=bytes(100))
    first, *rest = fragment(packet, 64)
    assert first.options and not any(piece.options for piece in rest)


def test_pieces_that_make_more_than_a_header_can_count_make_nothing():
    piece = PACKET._replace(payload=bytes(65_528), more_fragments=True)
    last = PACKET._replace(fragment_offset=65_528)
    reassembler = Reassembler()
    reassembler.handle(piece, 0)
    assert reassembler.handle(last._replace(payload=b"o"), 0) is None
    largest = PACKET._replace(payload=bytes(65_515 - 65_512), fragment_offset=65_512)
    reassembler = Reassembler()
    reassembler.handle(piece._replace(payload=bytes(65_512)), 0)
    assert len(ipv4.encode(reassembler.handle(largest, 0))) == 65_535
