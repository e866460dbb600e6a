import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.wire import dns as wire
from actors.wire.malformed import Malformed

LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
NAMES = st.lists(LABEL, max_size=5).map(lambda labels: wire.name(".".join(labels) or "."))
ADDRESSES = st.lists(st.ip_addresses(v=4).map(str), min_size=1, max_size=8, unique=True)
IDS = st.integers(0, 0xFFFF)


def response_with(name: wire.Name, addresses: list[str], query_id: int = 1) -> wire.Message:
    message = wire.response(wire.query(name, wire.Type.A, query_id, recursion_desired=True))
    message.answer.append(dns.rrset.from_text(name, 60, "IN", "A", *addresses))
    return message


@given(NAMES, ADDRESSES, IDS)
def test_a_message_comes_back_from_the_wire_as_it_went_out(name, addresses, query_id):
    message = response_with(name, addresses, query_id)
    data = wire.encode(message)
    back = wire.decode(data)
    assert back == message
    assert [rdata.address for rdata in back.answer[0]] == addresses, "the order of records is kept"
    assert wire.encode(back) == data


@given(st.binary(max_size=200))
def test_junk_is_malformed_and_nothing_else(data):
    try:
        wire.decode(data)
    except Malformed:
        pass


@given(
    NAMES, ADDRESSES, st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=6)
)
def test_a_mutated_message_is_a_message_or_malformed(name, addresses, mutations):
    data = bytearray(wire.encode(response_with(name, addresses)))
    for position, value in mutations:
        data[position % len(data)] = value
    try:
        wire.decode(bytes(data))
    except Malformed:
        pass


@pytest.mark.parametrize(
    "field, other",
    [("id", 8), ("flags", 0), ("question", [])],
)
def test_a_response_answers_only_the_query_with_its_id_and_question(field, other):
    query = wire.query(wire.name("example.com"), wire.Type.A, 7, recursion_desired=True)
    response = wire.response(query)
    assert wire.answers(query, response)
    setattr(response, field, other)
    assert not wire.answers(query, response)


def test_a_response_sent_to_a_server_is_malformed():
    response = wire.response(wire.query(wire.name("example.com"), wire.Type.A, 7, recursion_desired=True))
    with pytest.raises(Malformed, match="response"):
        wire.decode_query(wire.encode(response))


def test_names_are_written_as_people_write_them():
    assert wire.text(wire.name("packet-journey.com.")) == "packet-journey.com"
    assert wire.text(wire.name(".")) == "."
    with pytest.raises(Malformed):
        wire.name("a..b")


@pytest.mark.parametrize(
    "text, rcode",
    [
        ("id 1\nopcode QUERY\n;QUESTION\na.com. IN A\n", None),
        ("id 1\nopcode STATUS\n;QUESTION\na.com. IN A\n", wire.Rcode.NOTIMP),
        ("id 1\nopcode QUERY\n", wire.Rcode.FORMERR),
        ("id 1\nopcode QUERY\n;QUESTION\na.com. CH TXT\n", wire.Rcode.REFUSED),
        ("id 1\nopcode QUERY\n;QUESTION\na.com. IN AXFR\n", wire.Rcode.REFUSED),
    ],
)
def test_queries_that_no_server_of_ours_takes(text, rcode):
    import dns.message

    assert wire.refusal(dns.message.from_text(text)) == rcode
