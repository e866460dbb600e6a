from struct import pack

import dns.rdata
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


# ---- EDNS and truncation ---------------------------------------------------------------------------------------


def long_response(query: wire.Message, records: int) -> wire.Message:
    message = wire.response(query)
    texts = [f'"{"x" * 50}{number:03}"' for number in range(records)]
    message.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "TXT", *texts))
    return message


@given(NAMES, st.integers(0, 60), st.one_of(st.none(), st.integers(0, 65_535)))
def test_a_datagram_is_never_longer_than_its_client_takes(name, records, payload):
    query = wire.query(name, wire.Type.TXT, 7, recursion_desired=True, edns=payload is not None)
    if payload is not None:
        query.use_edns(0, payload=payload)
    limit = wire.udp_limit(query)
    assert limit == (512 if payload is None else min(max(payload, 512), 1232))
    response = long_response(query, records) if records else wire.response(query)
    data = wire.encode(response, limit)
    back = wire.decode(data)
    assert len(data) <= limit
    assert wire.answers(query, back)
    assert (back.edns >= 0) == (payload is not None)
    if wire.is_truncated(back):
        assert len(wire.encode(response)) > limit
        assert not back.answer, "a part of an answer could be taken for the whole"
    else:
        assert back == response


def test_what_is_too_long_even_for_tcp_is_truncated_too():
    query = wire.query(wire.name("a.com"), wire.Type.TXT, 7, recursion_desired=True)
    assert wire.is_truncated(wire.decode(wire.encode(long_response(query, 1500))))


def test_a_version_of_edns_that_nobody_knows_is_turned_down_with_ours():
    query = wire.query(wire.name("a.com"), wire.Type.A, 7, recursion_desired=True)
    query.use_edns(1)
    response = wire.decode(wire.encode(wire.response(query, wire.refusal(query))))
    assert (response.rcode(), response.edns) == (wire.Rcode.BADVERS, 0)


def test_the_do_bit_comes_back():
    query = wire.query(wire.name("a.com"), wire.Type.A, 7, recursion_desired=True)
    query.want_dnssec()
    assert wire.decode(wire.encode(wire.response(query))).ednsflags & 0x8000


@pytest.mark.parametrize(
    "edns, rcode, plain_helps",
    [(True, "FORMERR", True), (True, "NOTIMP", True), (True, "NXDOMAIN", False), (False, "FORMERR", False)],
)
def test_who_turns_a_query_down_for_its_edns_may_like_it_without(edns, rcode, plain_helps):
    query = wire.query(wire.name("a.com"), wire.Type.A, 7, recursion_desired=True, edns=edns)
    response = wire.response(wire.without_edns(query), wire.Rcode[rcode])
    assert wire.knows_no_edns(query, response) == plain_helps
    assert wire.without_edns(query).edns < 0
    assert wire.answers(query, wire.response(wire.without_edns(query)))


def strange(kinds: list[tuple[int, int]]) -> bytes:
    """A query with empty records of these types and classes behind its question."""
    data = wire.encode(wire.query(wire.name("a.com"), wire.Type.A, 7, recursion_desired=True, edns=False))
    records = b"".join(b"\0" + pack(">HHIH", *kind, 0, 0) for kind in kinds)
    return data[:10] + len(kinds).to_bytes(2) + data[12:] + records


def test_what_strangers_call_types_of_records_is_not_remembered_and_no_module_is_looked_for(monkeypatch):
    looked_for = []
    load = dns.rdata.import_module
    monkeypatch.setattr(dns.rdata, "import_module", lambda name: looked_for.append(name) or load(name))
    kinds = [(rdtype, rdclass) for rdtype in range(40_000, 40_050) for rdclass in range(300, 400)]
    wire.decode_query(strange(kinds))
    for at in range(0, len(kinds), 5):
        wire.decode_query(strange(kinds[at : at + 5]))
    assert len(dns.rdata._rdata_classes) < 700
    assert not any("TYPE40" in name for name in looked_for)
    rrset = dns.rrset.from_text("a.com.", 60, "IN", "MX", "10 mail.a.com.")
    assert rrset[0].preference == 10, "known types are known still"


def test_types_of_records_are_spelled_as_the_registry_has_them():
    assert wire.record_type("cname") == wire.Type.CNAME
    assert wire.record_type("TYPE65280") == 65280
    with pytest.raises(Malformed, match="'ADDRESS'"):
        wire.record_type("ADDRESS")
