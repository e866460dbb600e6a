"""The Internet checksum against a plain loop over words, and against the RFCs' own examples."""

from hypothesis import given
from hypothesis import strategies as st

from actors.wire.checksum import adjust, checksum, transport_checksum, word_sum


def plainly(data: bytes) -> int:
    total = 0
    for at in range(0, len(data), 2):
        total += int.from_bytes(data[at : at + 2].ljust(2, b"\0"))
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def test_the_example_of_rfc_1071():
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


@given(st.binary(max_size=100))
def test_it_is_the_ones_complement_sum(data):
    assert checksum(data) == plainly(data)


def test_the_two_zeros_are_told_apart():
    assert checksum(b"\0\0\0\0") == 0xFFFF
    assert checksum(b"\xff\xff") == 0


@given(st.binary(min_size=2, max_size=60).filter(any))
def test_over_data_that_holds_its_checksum_it_is_zero(data):
    even = data if len(data) % 2 == 0 else data + b"\0"
    assert checksum(even + checksum(data).to_bytes(2)) == 0


def test_the_example_of_rfc_1624():
    assert adjust(0xDD2F, 0x3285 - 0x5555) == 0


four = st.binary(min_size=4, max_size=4)


@given(rest=st.binary(max_size=40), old=four, new=four)
def test_adjusting_is_the_same_as_summing_anew(rest, old, new):
    before, after = b"\x45\x00" + old + rest, b"\x45\x00" + new + rest
    assert adjust(checksum(before), word_sum(new) - word_sum(old)) == checksum(after)


@given(source=four, destination=four, data=st.binary(max_size=60))
def test_tcp_and_udp_checksums_cover_the_pseudo_header(source, destination, data):
    pseudo = source + destination + bytes([0, 6]) + len(data).to_bytes(2)
    assert transport_checksum(source, destination, 6, data) == plainly(pseudo + data)
