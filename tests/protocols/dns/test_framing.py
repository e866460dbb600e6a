import itertools

from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.dns.framing import MessageReader, framed

MESSAGES = st.lists(st.binary(max_size=300), max_size=6)
CUTS = st.lists(st.integers(0, 2000), max_size=12)


@given(MESSAGES, CUTS)
def test_messages_come_out_whole_and_in_order_wherever_the_stream_is_cut(messages, cuts):
    stream = b"".join(map(framed, messages))
    ends = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    reader, found = MessageReader(), []
    for begin, end in itertools.pairwise(ends):
        found += reader.feed(stream[begin:end])
    assert found == messages
    assert not reader.inside


@given(st.binary(max_size=400), CUTS)
def test_any_bytes_are_messages_and_the_beginning_of_one(data, cuts):
    reader, at, found = MessageReader(), 0, []
    for cut in sorted({min(cut, len(data)) for cut in cuts} | {len(data)}):
        found += reader.feed(data[at:cut])
        at = cut
    whole = b"".join(map(framed, found))
    assert data.startswith(whole)
    assert reader.inside == (len(whole) < len(data))


def test_the_longest_message_fits():
    message = bytes(65_535)
    assert MessageReader().feed(framed(message)) == [message]
