"""Messages: there and back, byte for byte, and no bytes do worse than a BgpError."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.bgp.attribute_codec import Approach, decode_attributes, encode_attributes
from actors.protocols.bgp.attributes import (
    Aggregator,
    Attributes,
    Origin,
    Segment,
    SegmentKind,
    Unknown,
    merged,
    path_text,
    prepended,
)
from actors.protocols.bgp.errors import BgpError, error_text
from actors.protocols.bgp.messages import (
    MARKER,
    Keepalive,
    Notification,
    Open,
    RouteRefresh,
    Stream,
    Update,
    decode,
    encode,
    own_capabilities,
    updates,
)
from actors.wire.addresses import Prefix, ip_bytes

asns = st.integers(1, 2**32 - 1)
octets4 = st.binary(min_size=4, max_size=4)
hosts = octets4.filter(lambda address: address[0] not in (0, 127) and address[0] < 224)
prefixes = st.builds(
    lambda number, length: Prefix(number & Prefix(0, length).mask, length),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)
segments = st.builds(Segment, st.sampled_from(SegmentKind), st.lists(asns, min_size=1, max_size=5).map(tuple))
numbers = st.none() | st.integers(0, 2**32 - 1)
attributes = st.builds(
    Attributes,
    st.sampled_from(Origin),
    st.lists(segments, max_size=3).map(tuple),
    hosts,
    numbers,
    st.none(),
    st.booleans(),
    st.none() | st.builds(Aggregator, asns, octets4),
    st.lists(st.integers(0, 2**32 - 1), max_size=4).map(tuple),
    st.none().map(lambda _: ()) | st.just((Unknown(32, 0xE0, b"123456789012"),)),
)
messages = st.one_of(
    st.builds(
        lambda asn, hold, identifier: Open(asn, hold, identifier, own_capabilities(asn)),
        asns,
        st.integers(3, 65535),
        hosts,
    ),
    st.builds(lambda gone: Update(tuple(gone)), st.lists(prefixes, max_size=5)),
    st.builds(
        lambda gone, about, told: Update(tuple(gone), about, tuple(told)),
        st.lists(prefixes, max_size=5),
        attributes,
        st.lists(prefixes, min_size=1, max_size=5),
    ),
    st.builds(Notification, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=20)),
    st.just(Keepalive()),
    st.just(RouteRefresh()),
)


@given(messages)
def test_there_and_back(message):
    assert decode(encode(message)) == message


@given(attributes)
def test_a_path_survives_peers_with_two_octets(about):
    """What such a peer passes on: AS_TRANS in AS_PATH, the truth in AS4_PATH."""
    told, troubles = decode_attributes(encode_attributes(about, four_octet=False), four_octet=False)
    assert troubles == ()
    assert told is not None
    assert path_text(told.as_path) == path_text(about.as_path)
    assert told.aggregator == about.aggregator


@given(st.lists(messages, max_size=5), st.data())
def test_any_pieces_of_a_stream_are_the_same_messages(sent, data):
    stream, raw, heard = Stream(), b"".join(map(encode, sent)), []
    while raw:
        size = data.draw(st.integers(1, len(raw)))
        heard += [decode(each) for each in stream.feed(raw[:size])]
        raw = raw[size:]
    assert heard == sent


@given(messages, st.data())
def test_no_bytes_do_worse_than_an_error(message, data):
    raw = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    for external in (True, False):
        try:
            for each in Stream().feed(bytes(raw)):
                decode(each, external=external)
        except BgpError as error:
            assert error.code in (1, 2, 3)
            assert len(encode(Notification(error.code, error.subcode, error.data))) <= 4096


@given(st.sampled_from([1, 2, 3, 4, 5]), st.binary(max_size=80))
def test_nor_do_bodies_of_junk(kind, body):
    raw = MARKER + (19 + len(body)).to_bytes(2) + bytes((kind,)) + body
    try:
        for each in Stream().feed(raw):
            decode(each)
    except BgpError as error:
        assert error.code in (1, 2, 3)


def test_an_update_byte_for_byte():
    path = prepended((Segment(SegmentKind.AS_SEQUENCE, (16509,)),), 64510)
    about = Attributes(Origin.IGP, path, ip_bytes("100.64.1.1"), 5)
    assert encode(Update((Prefix.parse("10.0.0.0/8"),), about, (Prefix.parse("198.51.100.0/24"),))) == (
        MARKER
        + bytes.fromhex("003c 02 0002 080a 001f")
        + bytes.fromhex("40 01 01 00  40 02 0a 02 02 0000fbfe 0000407d")
        + bytes.fromhex("40 03 04 64400101  80 04 04 00000005  18 c63364")
    )


def test_an_open_byte_for_byte():
    asn = 4_200_000_000
    assert encode(Open(asn, 90, ip_bytes("10.0.0.1"), own_capabilities(asn))) == (
        MARKER
        + bytes.fromhex("002d 01 04 5ba0 005a 0a000001 10")
        + bytes.fromhex("02 0e 01 04 0001 00 01 02 00 41 04 fa56ea00")
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("03 fc00 005a 0a000001 00", (2, 1)),
        ("04 0000 005a 0a000001 00", (2, 2)),
        ("04 fc00 005a 00000000 00", (2, 3)),
        ("04 fc00 005a 0a000001 02 01 00", (2, 4)),
        ("04 fc00 0002 0a000001 00", (2, 6)),
        ("04 fc00 005a 0a000001 05", (2, 0)),
    ],
)
def test_a_bad_open_says_what_is_bad(body, code):
    raw = bytes.fromhex(body)
    with pytest.raises(BgpError) as raised:
        decode(MARKER + (19 + len(raw)).to_bytes(2) + b"\1" + raw)
    assert (raised.value.code, raised.value.subcode) == code


GOOD = "40010100 4002060201 0000fc00 400304 0a000002"


@pytest.mark.parametrize(
    ("described", "approach", "why"),
    [
        ("40010103 4002060201 0000fc00 400304 0a000002", Approach.WITHDRAW, "ORIGIN: value 3"),
        ("c0010100 4002060201 0000fc00 400304 0a000002", Approach.WITHDRAW, "ORIGIN: flags 0xc0, where 0x40 is right"),
        ("40010100 4002060301 0000fc00 400304 0a000002", Approach.WITHDRAW, "AS_PATH: segment type 3"),
        ("40010100 4002060202 0000fc00 400304 0a000002", Approach.WITHDRAW, "AS_PATH: segment: 4 bytes announced, 0 left"),  # noqa: E501
        ("40010100 4002060201 00000000 400304 0a000002", Approach.WITHDRAW, "AS_PATH: AS 0"),
        ("40010100 4002060201 0000fc00 400304 7f000001", Approach.WITHDRAW, "NEXT_HOP: 127.0.0.1 is no host's address"),
        ("40010100 4002060201 0000fc00", Approach.WITHDRAW, "NEXT_HOP: is missing"),
        (GOOD + "80040100", Approach.WITHDRAW, "MULTI_EXIT_DISC: 1 bytes, where 4 are right"),
        (GOOD + "c0080300 0000", Approach.WITHDRAW, "COMMUNITIES: 3 bytes, where a multiple of 4 is right"),
        (GOOD + "c020ff00", Approach.WITHDRAW, "attribute 0: path attributes: 255 bytes announced, 1 left"),
        (GOOD + "40050400000064", Approach.DISCARD, "LOCAL_PREF: from another AS"),
        (GOOD + "40060100", Approach.DISCARD, "ATOMIC_AGGREGATE: 1 bytes, where 0 are right"),
        (GOOD + "40010100", Approach.DISCARD, "ORIGIN: twice in one message"),
    ],
)  # fmt: skip
def test_bad_attributes_cost_no_session(described, approach, why):
    told, troubles = decode_attributes(bytes.fromhex(described), four_octet=True)
    assert [(trouble.approach, str(trouble)) for trouble in troubles] == [(approach, why)]
    assert (told is None) == (approach is Approach.WITHDRAW)


def test_routes_with_none_but_ignored_attributes_are_withdrawn_for_a_reason():
    told, troubles = decode_attributes(bytes.fromhex("80630101"), four_octet=True)
    assert told is None
    assert str(troubles[0]) == "ORIGIN: is missing"


def test_a_well_known_attribute_that_is_none_does():
    with pytest.raises(BgpError) as raised:
        decode_attributes(bytes.fromhex(GOOD + "40630101"), four_octet=True)
    assert (raised.value.code, raised.value.subcode, raised.value.data.hex()) == (3, 2, "40630101")


def test_unknown_attributes_go_on_when_they_are_transitive():
    told, _ = decode_attributes(bytes.fromhex(GOOD + "c0630101 80640101"), four_octet=True)
    assert told is not None
    assert told.unknown == (Unknown(0x63, 0xE0, b"\1"),)


def test_a_longer_as4_path_is_ignored():
    short = (Segment(SegmentKind.AS_SEQUENCE, (1,)),)
    assert merged(short, (Segment(SegmentKind.AS_SEQUENCE, (1, 2)),)) == short


def test_many_prefixes_take_several_messages():
    told = tuple(Prefix(number << 8, 24) for number in range(3000))
    about = Attributes(Origin.IGP, (Segment(SegmentKind.AS_SEQUENCE, (1,)),), ip_bytes("10.0.0.1"))
    sent = [encode(each) for each in updates((), about, told)]
    assert sum((decode(each).announced for each in sent), ()) == told
    assert sum((decode(encode(each)).withdrawn for each in updates(told, None, ())), ()) == told


def test_errors_have_names():
    assert error_text(3, 11) == "3/11 update message: malformed AS_PATH"
    assert error_text(4, 0) == "4/0 hold timer expired"
    assert error_text(99, 1) == "99/1 unknown error"
