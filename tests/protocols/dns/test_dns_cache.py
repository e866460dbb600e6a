import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.dns.answer import Answer
from actors.protocols.dns.cache import Cache, ExpiringLru
from actors.units import SECOND
from actors.wire import dns as wire

A, CNAME = wire.Type.A, wire.Type.CNAME
SITE, BALANCER = wire.name("site.example"), wire.name("lb.example")


def rrset(text: str) -> wire.RRset:
    name, ttl, rdtype, *rdata = text.split(maxsplit=3)
    return dns.rrset.from_text(wire.name(name), int(ttl), "IN", rdtype, *rdata[0].split(","))


def soa(ttl: int, minimum: int) -> wire.RRset:
    return rrset(f"example {ttl} SOA ns.example. host.example. 1 2 3 4 {minimum}")


def cache_with(*records: str) -> Cache:
    cache = Cache(100)
    for text in records:
        cache.put(rrset(text), now_ns=0)
    return cache


def lookup(cache: Cache, name: wire.Name, at_s: float, rdtype: wire.Type = A) -> Answer | None:
    return cache.lookup(name, rdtype, round(at_s * SECOND)).answer


def test_the_ttl_is_counted_down_and_the_record_gone_at_its_end():
    cache = cache_with("site.example 60 A 198.51.100.10")
    assert lookup(cache, SITE, 0).ttl_s == 60
    assert lookup(cache, SITE, 0.1).ttl_s == 59
    assert lookup(cache, SITE, 59.9).ttl_s == 0
    assert lookup(cache, SITE, 60) is None
    assert len(cache) == 0


def test_an_alias_and_its_target_make_one_answer_that_holds_as_long_as_its_shorter_part():
    cache = cache_with("site.example 300 CNAME lb.example.", "lb.example 60 A 198.51.100.10")
    answer = lookup(cache, SITE, 10)
    assert answer.texts() == ["CNAME lb.example", "198.51.100.10"]
    assert answer.ttl_s == 50
    assert answer.found


def test_when_only_the_alias_is_left_a_miss_tells_how_far_the_cache_leads():
    cache = cache_with("site.example 300 CNAME lb.example.", "lb.example 60 A 198.51.100.10")
    found = cache.lookup(SITE, A, 61 * SECOND)
    assert found.answer is None
    assert found.name == BALANCER
    assert [alias.ttl for alias in found.aliases] == [239]


def test_an_alias_loop_ends():
    cache = cache_with("site.example 300 CNAME lb.example.", "lb.example 300 CNAME site.example.")
    assert lookup(cache, SITE, 0) is None


def test_asked_for_the_alias_itself_it_is_not_followed():
    cache = cache_with("site.example 300 CNAME lb.example.")
    assert lookup(cache, SITE, 0, CNAME).texts() == ["CNAME lb.example"]


def test_records_of_ttl_zero_are_not_kept():
    assert lookup(cache_with("site.example 0 A 198.51.100.10"), SITE, 0) is None


def test_several_addresses_take_turns_in_going_first():
    cache = cache_with("site.example 60 A 198.51.100.10,198.51.100.20,198.51.100.30")
    firsts = [lookup(cache, SITE, 1).addresses[0] for _ in range(4)]
    assert firsts == ["198.51.100.10", "198.51.100.20", "198.51.100.30", "198.51.100.10"]


def test_a_name_that_does_not_exist_has_no_records_of_any_type():
    cache = Cache(100)
    cache.put_answer(Answer(SITE, A, wire.Rcode.NXDOMAIN, soa=soa(900, 900)), 0)
    for rdtype in (A, wire.Type.TXT):
        answer = lookup(cache, SITE, 1, rdtype)
        assert (answer.rcode, answer.found, answer.ttl_s) == (wire.Rcode.NXDOMAIN, False, 899)


def test_no_data_is_remembered_for_one_type_only():
    cache = Cache(100)
    cache.put_answer(Answer(SITE, wire.Type.TXT, soa=soa(900, 900)), 0)
    assert lookup(cache, SITE, 1, wire.Type.TXT).rcode == wire.Rcode.NOERROR
    assert lookup(cache, SITE, 1) is None


@pytest.mark.parametrize("ttl, minimum, holds_s", [(900, 60, 60), (60, 900, 60), (86_400, 86_400, 10_800)])
def test_a_negative_answer_holds_as_long_as_its_soa_says_three_hours_at_most(ttl, minimum, holds_s):
    cache = Cache(100)
    cache.put_answer(Answer(SITE, A, wire.Rcode.NXDOMAIN, soa=soa(ttl, minimum)), 0)
    assert lookup(cache, SITE, holds_s - 1) is not None
    assert lookup(cache, SITE, holds_s) is None


@pytest.mark.parametrize(
    "answer",
    [Answer(SITE, A, wire.Rcode.SERVFAIL, soa=soa(900, 900)), Answer(SITE, A, wire.Rcode.NXDOMAIN)],
    ids=["a failure", "no SOA"],
)
def test_what_may_not_be_remembered_is_not(answer):
    cache = Cache(100)
    cache.put_answer(answer, 0)
    assert len(cache) == 0


def test_behind_an_alias_it_is_the_target_that_does_not_exist():
    cache = Cache(100)
    alias = rrset("site.example 300 CNAME lb.example.")
    cache.put_answer(Answer(SITE, A, wire.Rcode.NXDOMAIN, (alias,), soa(60, 60)), 0)
    assert lookup(cache, BALANCER, 1).rcode == wire.Rcode.NXDOMAIN
    assert lookup(cache, SITE, 1).rcode == wire.Rcode.NXDOMAIN
    assert lookup(cache, SITE, 61) is None


def test_a_browser_forgets_sooner_than_the_record_says():
    cache = Cache(100, max_ttl_s=60)
    cache.put(rrset("site.example 3600 A 198.51.100.10"), 0)
    assert lookup(cache, SITE, 59).ttl_s == 1
    assert lookup(cache, SITE, 60) is None


def test_the_least_recently_used_makes_room():
    lru: ExpiringLru[str, int] = ExpiringLru(2)
    lru.put("a", 1, 60, 0)
    lru.put("b", 2, 60, 0)
    assert lru.get("a", 1) is not None
    lru.put("c", 3, 60, 1)
    assert [key for key, _, _ in lru.items(2)] == ["a", "c"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 5), st.integers(0, 3), st.booleans()), max_size=60
    ),
    st.integers(1, 4),
)
def test_a_cache_never_tells_what_has_run_out_or_was_not_put(steps, capacity):
    lru: ExpiringLru[str, int] = ExpiringLru(capacity)
    model: dict[str, tuple[int, int]] = {}
    now_ns = 0
    for serial, (key, ttl_s, wait_s, put) in enumerate(steps):
        now_ns += wait_s * SECOND
        if put:
            lru.put(key, serial, ttl_s, now_ns)
            model[key] = (now_ns + ttl_s * SECOND, serial)
        elif (hit := lru.get(key, now_ns)) is not None:
            expires_ns, latest = model[key]
            assert hit == (latest, (expires_ns - now_ns) // SECOND)
            assert now_ns < expires_ns
        assert len(lru) <= capacity
