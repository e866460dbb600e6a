"""Security groups: what rules requests ask for, how groups change, and what is refused with which code."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.permissions import GroupRule, permissions_of, rules_of
from actors.protocols.ec2.security_groups import DEFAULT, SecurityGroup, SecurityGroups

HTTP = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}


def code_of(refused: Any) -> str:
    with pytest.raises(AwsError) as caught:
        refused()
    return caught.value.code


def made(*names: str) -> SecurityGroups:
    groups = SecurityGroups()
    for number, name in enumerate(names, 1):
        groups.create(f"sg-{number}", name, "a group", "vpc-1")
    return groups


def ranges(*cidrs: str, **permission: Any) -> list[dict[str, Any]]:
    return [{"IpRanges": [{"CidrIp": cidr} for cidr in cidrs], **permission}]


def test_a_new_group_lets_everything_out_and_nothing_in():
    group = made("web").known("sg-1")
    (rule,) = group.rules
    assert (rule.egress, rule.protocol, rule.cidr) == (True, "-1", "0.0.0.0/0")
    assert rule.id.startswith("sgr-") and SecurityGroup.from_json(group.to_json()) == group


def test_rules_come_once_and_go():
    groups = made("web", "db")
    asked = rules_of([HTTP, {**HTTP, "IpRanges": [], "UserIdGroupPairs": [{"GroupId": "sg-2"}]}], False)
    group, added = groups.authorize("sg-1", asked)
    assert [(rule.cidr, rule.group) for rule in added] == [("10.0.0.0/8", None), (None, "sg-2")]
    with pytest.raises(AwsError) as caught:
        groups.authorize("sg-1", asked[:1])
    assert caught.value.code == "InvalidPermission.Duplicate"
    assert caught.value.message == (
        'the specified rule "peer: 10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW" already exists'
    )
    assert code_of(lambda: groups.delete("sg-2", ())) == "DependencyViolation"
    group, gone = groups.revoke("sg-1", asked[1:], egress=False)
    assert [rule.group for rule in gone] == ["sg-2"]
    group, gone = groups.revoke("sg-1", (), [added[0].id], egress=False)
    assert gone == [added[0]] and group.of(False) == []
    assert code_of(lambda: groups.revoke("sg-1", asked[:1], egress=False)) == "InvalidPermission.NotFound"
    assert (
        code_of(lambda: groups.revoke("sg-1", (), [added[0].id], egress=False))
        == "InvalidSecurityGroupRuleId.NotFound"
    )
    groups.delete("sg-2", ())
    assert list(groups.by_id) == ["sg-1"]


def test_a_group_that_is_in_use_or_the_default_one_stays():
    groups = made("web", DEFAULT)
    assert code_of(lambda: groups.delete("sg-1", {"sg-1"})) == "DependencyViolation"
    assert code_of(lambda: groups.delete("sg-2", ())) == "CannotDelete"
    assert code_of(lambda: groups.delete("sg-9", ())) == "InvalidGroup.NotFound"
    assert code_of(lambda: groups.delete("web", ())) == "InvalidGroupId.Malformed"
    assert groups.default_of("vpc-1").id == "sg-2"


@pytest.mark.parametrize(
    ("name", "description", "code"),
    [
        ("web", "again", "InvalidGroup.Duplicate"),
        ("sg-web", "x", "InvalidParameterValue"),
        ("a" * 256, "x", "InvalidParameterValue"),
        ("a\n", "x", "InvalidParameterValue"),
        ("a", "", "MissingParameter"),
    ],
)
def test_groups_that_cannot_be(name: str, description: str, code: str):
    groups = made("web")
    assert code_of(lambda: groups.create("sg-9", name, description, "vpc-1")) == code
    assert list(groups.by_id) == ["sg-1"]


def test_a_name_is_taken_in_its_vpc_alone():
    groups = made("web")
    groups.create("sg-9", "web", "another", "vpc-2")
    assert code_of(lambda: groups.check(["sg-9"], "vpc-1")) == "InvalidGroup.NotFound"


@pytest.mark.parametrize(
    ("permission", "words"),
    [
        ({"IpProtocol": "tcp"}, "both from and to ports"),
        ({"IpProtocol": "tcp", "FromPort": 80, "ToPort": 79}, "Invalid TCP port range (80-79)"),
        ({"IpProtocol": "udp", "FromPort": 0, "ToPort": 65536}, "(65536) out of range"),
        ({"IpProtocol": "foo"}, "Unknown protocol"),
        ({"IpProtocol": "256"}, "Unknown protocol"),
        ({"IpProtocol": "icmp"}, "ICMP type and code"),
        ({"IpProtocol": "icmp", "FromPort": 256, "ToPort": -1}, "out of range"),
    ],
)
def test_ports_and_protocols_that_cannot_be(permission: dict[str, Any], words: str):
    with pytest.raises(AwsError) as caught:
        rules_of(ranges("10.0.0.0/8", **permission), False)
    assert caught.value.code == "InvalidParameterValue" and words in caught.value.message


def test_peers_that_cannot_be():
    for cidr in ("10.0.0.0", "10.0.0.0/33", "x/8", "::/0"):
        assert (
            code_of(lambda cidr=cidr: rules_of(ranges(cidr, IpProtocol="-1"), False))
            == "InvalidParameterValue"
        )
    six = [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]
    assert code_of(lambda: rules_of(six, False)) == "InvalidParameterValue"
    assert code_of(lambda: rules_of([{"IpProtocol": "-1"}], False)) == "InvalidParameterValue"
    nobody = rules_of([{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-9"}]}], False)
    assert code_of(lambda: made("web").authorize("sg-1", nobody)) == "InvalidGroup.NotFound"


def test_a_block_is_kept_without_its_host_bits_and_numbers_with_their_names():
    (rule,) = rules_of(ranges("10.1.2.3/16", IpProtocol="6", FromPort=1, ToPort=2), False)
    assert (rule.cidr, rule.protocol) == ("10.1.0.0/16", "tcp")


def test_a_group_has_sixty_rules_in_each_direction():
    groups = made("web")
    many = ranges(*(f"10.0.{each}.0/24" for each in range(60)), IpProtocol="-1")
    groups.authorize("sg-1", rules_of(many, False))
    more = rules_of(ranges("10.1.0.0/24", IpProtocol="-1"), False)
    assert code_of(lambda: groups.authorize("sg-1", more)) == "RulesPerSecurityGroupLimitExceeded"
    groups.authorize("sg-1", rules_of(ranges("10.1.0.0/24", IpProtocol="-1"), True))


ports = st.integers(0, 65535)
spans = st.one_of(
    st.tuples(st.sampled_from(("tcp", "udp")), ports, ports).map(lambda s: (s[0], min(s[1:]), max(s[1:]))),
    st.tuples(st.just("icmp"), st.integers(0, 255), st.integers(-1, 255)),
    st.sampled_from((("icmp", -1, -1), ("-1", -1, -1), ("47", -1, -1))),
)
peers = st.one_of(
    st.integers(0, 255).map(lambda number: {"cidr": f"10.{number}.0.0/16"}),
    st.integers(1, 3).map(lambda number: {"group": f"sg-{number}"}),
)
rules = st.builds(
    lambda span, peer, description: GroupRule("", False, *span, description=description, **peer),
    spans,
    peers,
    st.one_of(st.none(), st.text(min_size=1, max_size=9)),
)


@given(st.lists(rules, max_size=12))
def test_what_is_described_can_be_asked_for_again(asked: list[GroupRule]):
    again = rules_of(permissions_of(asked, "123456789012"), False)
    assert sorted(map(repr, again)) == sorted(map(repr, asked))
