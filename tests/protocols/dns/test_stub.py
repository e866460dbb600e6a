import asyncio
from random import Random

import dns.rrset
import pytest

from actors.protocols.dns.answer import respond
from actors.protocols.dns.cache import Cache
from actors.protocols.dns.stub import FORWARDER, OPERATING_SYSTEM, Habits, StubResolver
from actors.units import SECOND
from actors.wire import dns as wire
from actors.wire.addresses import ip_bytes, ip_text

SITE, A = wire.name("site.example"), wire.Type.A
FIRST, SECOND_SERVER = ip_bytes("192.0.2.1"), ip_bytes("192.0.2.2")


class Upstream:
    """Two recursive servers that say what the test lays out for each question, in turn."""

    def __init__(self, *sayings: str, habits: Habits = OPERATING_SYSTEM) -> None:
        self._sayings = list(sayings)
        self.now_ns = 0
        self.asked: list[str] = []
        self.journal: list[tuple[str, dict]] = []
        self.stub = StubResolver(
            habits,
            self._query,
            cache=Cache(100),
            now_ns=lambda: self.now_ns,
            random=Random(7),
            record=lambda kind, **fields: self.journal.append((kind, fields)),
            servers=(FIRST, SECOND_SERVER),
        )

    async def _query(self, server: bytes, message: wire.Message) -> wire.Message:
        self.asked.append(ip_text(server))
        saying = self._sayings.pop(0)
        if saying == "silence":
            raise TimeoutError
        if saying == "unreachable":
            raise OSError("no route to host")
        if saying[0].isupper():
            return wire.response(message, wire.Rcode[saying])
        response = wire.response(message)
        for line in saying.split(";"):
            section = response.authority if " SOA " in line else response.answer
            section.append(dns.rrset.from_text(*line.split(maxsplit=4)))
        return response

    def resolve(self):
        return asyncio.run(self.stub.resolve(SITE, A))


HERE = "site.example. 60 IN A 198.51.100.10"


def test_the_first_server_is_asked_and_the_answer_remembered():
    upstream = Upstream(HERE)
    for _ in range(2):
        assert upstream.resolve().addresses == ["198.51.100.10"]
    assert upstream.asked == ["192.0.2.1"]
    told = [(kind, fields.get("result")) for kind, fields in upstream.journal]
    assert told == [("dns.cache", "miss"), ("dns.query", None), ("dns.answer", None), ("dns.cache", "hit")]


def test_it_asks_again_once_the_ttl_has_passed():
    upstream = Upstream(HERE, HERE)
    upstream.resolve()
    upstream.now_ns = 60 * SECOND
    upstream.resolve()
    assert len(upstream.asked) == 2


@pytest.mark.parametrize("trouble", ["silence", "unreachable", "SERVFAIL", "REFUSED"])
def test_trouble_with_one_server_leads_to_the_next(trouble):
    upstream = Upstream(trouble, HERE)
    assert upstream.resolve().found
    assert upstream.asked == ["192.0.2.1", "192.0.2.2"]


def test_a_name_that_does_not_exist_is_an_answer_and_no_trouble():
    upstream = Upstream("NXDOMAIN")
    answer = upstream.resolve()
    assert (answer.rcode, answer.found, answer.why) == (wire.Rcode.NXDOMAIN, False, "")
    assert upstream.asked == ["192.0.2.1"]


def test_after_two_rounds_it_gives_up_and_says_why():
    upstream = Upstream("silence", "silence", "SERVFAIL", "silence")
    answer = upstream.resolve()
    assert (answer.rcode, answer.why) == (wire.Rcode.SERVFAIL, "192.0.2.2 does not answer")
    assert upstream.asked == ["192.0.2.1", "192.0.2.2"] * 2


def test_without_a_server_it_says_so():
    upstream = Upstream()
    upstream.stub.servers = ()
    assert upstream.resolve().why == "no DNS server is known"


def test_records_that_answer_another_question_are_not_taken():
    upstream = Upstream("bank.example. 60 IN A 203.0.113.66;site.example. 60 IN CNAME lb.example.")
    answer = upstream.resolve()
    assert (answer.texts(), answer.addresses) == (["CNAME lb.example"], [])
    assert upstream.stub.cache.lookup(wire.name("bank.example"), A, 0).answer is None


def forwarded(upstream: Upstream, flags: int | None = None) -> wire.Message:
    query = wire.query(SITE, A, 99, recursion_desired=flags is None)
    return wire.decode(wire.encode(asyncio.run(respond(query, upstream.stub.resolve))))


def test_a_forwarder_answers_in_its_own_name_with_the_ttl_that_is_left():
    upstream = Upstream(HERE, habits=FORWARDER)
    assert forwarded(upstream).answer[0].ttl == 60
    upstream.now_ns = 20 * SECOND
    response = forwarded(upstream)
    assert (response.id, response.answer[0].ttl) == (99, 40)
    assert [kind for kind, _ in upstream.journal][:2] == ["dns.cache", "dns.forward"]


def test_a_forwarder_passes_on_how_long_an_absence_holds():
    upstream = Upstream("example. 900 IN SOA ns. host. 1 2 3 4 600", habits=FORWARDER)
    forwarded(upstream)
    upstream.now_ns = 100 * SECOND
    assert forwarded(upstream).authority[0].ttl == 500
    assert len(upstream.asked) == 1


def test_a_forwarder_that_gets_no_answer_says_servfail():
    assert forwarded(Upstream(*["silence"] * 4, habits=FORWARDER)).rcode() == wire.Rcode.SERVFAIL


def test_who_does_not_ask_for_recursion_is_refused():
    assert forwarded(Upstream(), flags=0).rcode() == wire.Rcode.REFUSED
