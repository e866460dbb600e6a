"""The API of AWS WAF: what it keeps, and what it refuses."""

from random import Random
from typing import Any

import pytest

from actors.protocols.aws.errors import AwsError
from actors.protocols.waf.registry import WafRegistry, packed, unpacked

LB = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/a/1"
SEEN = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}


class Table(dict[str, Any]):
    def put(self, key: str, value: Any) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        del self[key]


class Bed:
    def __init__(self) -> None:
        self.changes = 0
        self.registry = WafRegistry(
            Table(),
            Table(),
            Table(),
            arn=lambda rest: f"arn:aws:wafv2:eu-west-1:123456789012:{rest}",
            is_load_balancer=lambda arn: arn == LB,
            dice=Random(1),
            changed=self._changed,
        )

    def _changed(self) -> None:
        self.changes += 1

    def __call__(self, operation: str, **asked: Any) -> dict[str, Any]:
        return self.registry.operations[operation](asked)

    def ip_set(self, *addresses: str) -> dict[str, Any]:
        answer = self(
            "CreateIPSet", Name="bad", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=list(addresses)
        )
        return answer["Summary"]

    def web_acl(self, *statements: dict[str, Any], name: str = "acl") -> dict[str, Any]:
        rules = [
            {
                "Name": f"r{n}",
                "Priority": n,
                "Statement": each,
                "Action": {"Block": {}},
                "VisibilityConfig": SEEN,
            }
            for n, each in enumerate(statements)
        ]
        asked = {"Name": name, "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": SEEN}
        return self("CreateWebACL", **asked, Rules=rules)["Summary"]


def byte_match() -> dict[str, Any]:
    return {
        "ByteMatchStatement": {
            "SearchString": b"\xff/admin",
            "FieldToMatch": {"UriPath": {}},
            "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
            "PositionalConstraint": "EXACTLY",
        }
    }


def refused(bed: Bed, operation: str, **asked: Any) -> str:
    with pytest.raises(AwsError) as caught:
        bed(operation, **asked)
    return caught.value.code


def test_a_web_acl_is_kept_and_shown_as_it_was_made():
    bed = Bed()
    summary = bed.web_acl(byte_match())
    shown = bed("GetWebACL", Name="acl", Scope="REGIONAL", Id=summary["Id"])["WebACL"]
    assert shown["Rules"][0]["Statement"] == byte_match()
    assert bed("GetWebACL", ARN=summary["ARN"])["WebACL"] == shown
    assert [each["Name"] for each in bed("ListWebACLs", Scope="REGIONAL")["WebACLs"]] == ["acl"]
    assert refused(bed, "GetWebACL", ARN="arn:nothing") == "WAFNonexistentItemException"


def test_names_are_taken_once():
    bed = Bed()
    bed.web_acl()
    with pytest.raises(AwsError, match="duplicate"):
        bed.web_acl()


def test_changes_need_the_token_that_is_valid_now():
    bed = Bed()
    kept = bed.ip_set("192.0.2.0/24")
    key = {"Name": "bad", "Scope": "REGIONAL", "Id": kept["Id"]}
    token = bed("UpdateIPSet", **key, Addresses=["203.0.113.0/24"], LockToken=kept["LockToken"])[
        "NextLockToken"
    ]
    assert bed("GetIPSet", **key)["IPSet"]["Addresses"] == ["203.0.113.0/24"]
    assert bed.registry.addresses() == {kept["ARN"]: ["203.0.113.0/24"]}
    assert refused(bed, "DeleteIPSet", **key, LockToken=kept["LockToken"]) == "WAFOptimisticLockException"
    bed("DeleteIPSet", **key, LockToken=token)
    assert bed("ListIPSets", Scope="REGIONAL")["IPSets"] == []


def test_what_is_in_use_is_not_deleted():
    bed = Bed()
    kept = bed.ip_set("192.0.2.0/24")
    acl = bed.web_acl({"IPSetReferenceStatement": {"ARN": kept["ARN"]}})
    token = {"Name": "bad", "Scope": "REGIONAL", "Id": kept["Id"], "LockToken": kept["LockToken"]}
    assert refused(bed, "DeleteIPSet", **token) == "WAFAssociatedItemException"
    bed("AssociateWebACL", WebACLArn=acl["ARN"], ResourceArn=LB)
    mine = {"Name": "acl", "Scope": "REGIONAL", "Id": acl["Id"], "LockToken": acl["LockToken"]}
    assert refused(bed, "DeleteWebACL", **mine) == "WAFAssociatedItemException"
    bed("DisassociateWebACL", ResourceArn=LB)
    bed("DeleteWebACL", **mine)
    bed("DeleteIPSet", **token)


def test_a_load_balancer_has_one_web_acl():
    bed = Bed()
    first, second = bed.web_acl(name="a"), bed.web_acl(name="b")
    bed("AssociateWebACL", WebACLArn=first["ARN"], ResourceArn=LB)
    bed("AssociateWebACL", WebACLArn=second["ARN"], ResourceArn=LB)
    assert bed.registry.web_acl_of(LB) == second["ARN"]
    assert bed("GetWebACLForResource", ResourceArn=LB)["WebACL"]["Name"] == "b"
    assert bed("ListResourcesForWebACL", WebACLArn=second["ARN"]) == {"ResourceArns": [LB]}
    assert bed("ListResourcesForWebACL", WebACLArn=first["ARN"]) == {"ResourceArns": []}
    assert refused(bed, "AssociateWebACL", WebACLArn="x", ResourceArn=LB) == "WAFNonexistentItemException"
    unknown = {"WebACLArn": first["ARN"], "ResourceArn": "arn:other"}
    assert refused(bed, "AssociateWebACL", **unknown) == "WAFUnavailableEntityException"


def test_an_update_takes_the_place_of_all_that_was():
    bed = Bed()
    acl = bed.web_acl(byte_match())
    asked = {"Name": "acl", "Scope": "REGIONAL", "Id": acl["Id"], "LockToken": acl["LockToken"]}
    bed("UpdateWebACL", **asked, DefaultAction={"Block": {}}, VisibilityConfig=SEEN)
    shown = bed("GetWebACL", ARN=acl["ARN"])["WebACL"]
    assert shown["DefaultAction"] == {"Block": {}} and "Rules" not in shown


@pytest.mark.parametrize(
    "asked",
    [
        {
            "Rules": [
                {"Name": "r", "Priority": 0, "Statement": {"SqliMatchStatement": {}}, "Action": {"Block": {}}}
            ]
        },
        {
            "Rules": [
                {"Name": "r", "Priority": 0, "Statement": {"ByteMatchStatement": {}}, "Action": {"Block": {}}}
            ]
        },
        {"DefaultAction": {"Count": {}}},
        {"CaptchaConfig": {"ImmunityTimeProperty": {"ImmunityTime": 60}}},
        {"Scope": "CLOUDFRONT"},
    ],
)
def test_what_cannot_be_executed_is_refused(asked: dict[str, Any]):
    bed = Bed()
    plain = {"Name": "acl", "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": SEEN}
    assert refused(bed, "CreateWebACL", **{**plain, **asked}) == "WAFInvalidParameterException"
    assert bed.changes == 0


def test_addresses_are_ipv4_ranges():
    bed = Bed()
    with pytest.raises(AwsError, match="no IPv4 CIDR"):
        bed.ip_set("192.0.2.1")


def test_bytes_survive_packing():
    value = {"a": [b"\xff", "text", {"b": b""}], "n": 1}
    assert unpacked(packed(value)) == value
