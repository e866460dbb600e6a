"""Whatever Route 53 accepts, its name servers can serve; and what a batch says is what there is then."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.aws.errors import AwsError
from actors.protocols.aws.record_sets import AliasTargets, absolute, change, in_order, key_of, place
from actors.protocols.dns.record_sets import record_sets_of, zones_of
from actors.wire import dns

ZONE = "example.org."
SOA = "ns.example.net. hostmaster.example.net. 1 7200 900 1209600 86400"
ELB = "web-1.eu-west-1.elb.amazonaws.com."
TARGETS = AliasTargets("ZELB", "ZOWN")


def plain(name: str, kind: str, *values: str, ttl: int = 60) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": each} for each in values]}


APEX = [plain(ZONE, "NS", "ns.example.net."), plain(ZONE, "SOA", SOA)]
ELB_ZONE = "elb.amazonaws.com."
AWS_ZONE = [
    plain(ELB_ZONE, "NS", "ns.example.net."),
    plain(ELB_ZONE, "SOA", SOA),
    plain(ELB, "A", "10.0.0.1"),
]
VALUES = {
    "A": st.sampled_from(["10.0.0.1", "10.0.0.2", "1.2.3", "", "10.0.0.256"]),
    "AAAA": st.sampled_from(["::1", "2001:db8::1", "10.0.0.1"]),
    "CNAME": st.sampled_from(["www.example.org", "a.example.org.", "x..y", "."]),
    "TXT": st.sampled_from(['"one"', '"one" "two"', "bare", '"open']),
    "MX": st.sampled_from(["10 mail.example.org", "mail", "-1 x."]),
    "NS": st.sampled_from(["ns.example.net.", "ns.sub.example.org"]),
    "SOA": st.sampled_from([SOA, "nonsense"]),
    "CAA": st.sampled_from(['0 issue "ca.example"', "0"]),
    "SRV": st.sampled_from(["1 2 3 x.example.org", "1 2"]),
    "PTR": st.sampled_from(["x.example.org"]),
    "HTTPS": st.sampled_from(["1 . alpn=h2", "1"]),
}
NAMES = st.sampled_from([
    "example.org", "www.example.org", "WWW.Example.ORG.", "*.example.org", r"\052.example.org", "a.b.example.org",
    "b.example.org", "example.net", "..", "sub.example.org",
])  # fmt: skip


@st.composite
def record_sets(draw: st.DrawFn) -> dict[str, Any]:
    kind, name = draw(st.sampled_from(sorted(VALUES))), draw(NAMES)
    if draw(st.integers(0, 4)) == 0:
        target = draw(
            st.sampled_from([ELB, "dualstack." + ELB, "www.example.org", "a.b.example.org", "nope"])
        )
        zone = draw(st.sampled_from(["ZELB", "ZOWN", "ZNONE"]))
        alias = {"HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": True}
        return {"Name": name, "Type": kind, "AliasTarget": alias}
    values = draw(st.lists(VALUES[kind], min_size=1, max_size=2))
    return plain(name, kind, *values, ttl=draw(st.integers(0, 300)))


CHANGES = st.lists(
    st.builds(
        lambda action, each: {"Action": action, "ResourceRecordSet": each},
        st.sampled_from(["CREATE", "UPSERT", "DELETE"]),
        record_sets(),
    ),
    min_size=1,
    max_size=3,
)


@given(st.lists(CHANGES, max_size=8))
def test_what_is_accepted_can_be_served(batches: list[list[dict[str, Any]]]):
    there = list(APEX)
    for batch in batches:
        before = [dict(each) for each in there]
        try:
            there = change(ZONE, there, batch, TARGETS)
        except AwsError as error:
            assert error.code in ("InvalidChangeBatch", "InvalidInput", "InvalidDomainName")
            assert there == before
    zones, wrong = zones_of({ZONE: {"record_sets": there}, ELB_ZONE: {"record_sets": AWS_ZONE}})
    assert not wrong
    served = {(each["Name"], each["Type"]) for each in record_sets_of(zones[0])}
    asked = {key_of(each) for each in there if "AliasTarget" not in each}
    assert asked <= served
    assert there == in_order(there)
    assert len(there) == len({key_of(each) for each in there})


@given(CHANGES)
def test_to_upsert_twice_is_to_upsert_once(batch: list[dict[str, Any]]):
    upserts = [{**each, "Action": "UPSERT"} for each in batch]
    try:
        once = change(ZONE, APEX, upserts, TARGETS)
    except AwsError:
        return
    assert change(ZONE, once, upserts, TARGETS) == once


def test_a_zone_goes_there_and_back():
    records = in_order(
        [*APEX, plain("*.example.org", "A", "10.0.0.1"), plain(r"x.example.org.", "TXT", '"a b"')]
    )
    records = [{**each, "Name": absolute(each["Name"])} for each in records]
    (zone,), wrong = zones_of({ZONE: {"record_sets": records}})
    assert not wrong
    assert in_order(record_sets_of(zone)) == in_order(records)
    found = zone.find(dns.name("anything.example.org"))
    assert found is not None and [str(each) for each in found[dns.Type.A]] == ["10.0.0.1"]


def test_one_bad_zone_does_not_spoil_the_others():
    bad = [*APEX, plain("x.example.org.", "A", "nonsense")]
    zones, wrong = zones_of({ZONE: {"record_sets": bad}, ELB_ZONE: {"record_sets": AWS_ZONE}})
    assert [dns.text(zone.origin) for zone in zones] == ["elb.amazonaws.com"]
    assert list(wrong) == [ZONE]


def test_the_order_is_that_of_the_names_from_their_ends():
    names = ["example.org.", "a.example.org.", "z.a.example.org.", "b.example.org."]
    assert sorted(names, key=lambda name: place(name)) == names
