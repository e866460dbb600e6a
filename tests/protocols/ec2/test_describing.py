"""Filters, pages and tags of EC2's Describe operations."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.filters import filtered
from actors.protocols.ec2.ids import not_found, resource_id
from actors.protocols.ec2.inventory import zone_id
from actors.protocols.ec2.pages import page
from actors.protocols.ec2.tags import Tags, specified

TABLE = {
    "status": "Status",
    "instance": "Attachment.Id",
    "address": "Addresses.Ip",
    "primary": "Addresses.Primary",
}
ONE = {
    "Status": "in-use",
    "Attachment": {"Id": "i-1"},
    "Addresses": [{"Ip": "10.0.0.4", "Primary": True}, {"Ip": "10.0.0.5", "Primary": False}],
    "Tags": [{"Key": "Name", "Value": "a*b"}],
}
OTHER: dict[str, Any] = {"Status": "available", "Addresses": []}


def code_of(refused: Any) -> str:
    with pytest.raises(AwsError) as caught:
        refused()
    return caught.value.code


def fits(**filters: list[str]) -> bool:
    asked = [{"Name": name.replace("_", ":"), "Values": values} for name, values in filters.items()]
    return filtered([ONE, OTHER], asked, TABLE) == [ONE]


def test_all_filters_fit_and_of_each_one_value():
    assert fits(status=["in-use"]) and fits(status=["x", "in-*"]) and fits(status=["?n-use"])
    assert fits(instance=["i-1"], address=["10.0.0.5"]) and fits(primary=["true"])
    assert not fits(status=["in"]) and not fits(status=["in-use"], instance=["i-2"])
    assert fits(tag_Name=["a\\*b"]) and fits(tag_Name=["a*"]) and not fits(tag_Name=["a\\*c"])
    assert fits(**{"tag-key": ["Name"]}) and not fits(tag_Nam=["*"]) and not fits(status=["[i]n-use"])


def test_filters_that_there_are_not():
    assert code_of(lambda: fits(colour=["red"])) == "InvalidParameterValue"
    assert code_of(lambda: fits(status=[])) == "InvalidParameterValue"


@given(st.sets(st.integers(0, 99), max_size=40), st.integers(5, 12))
def test_all_pages_together_are_everything_once(numbers: set[int], size: int):
    documents = [{"Id": f"x-{number:02}"} for number in sorted(numbers, reverse=True)]
    seen, token = [], None
    while True:
        asked = {"MaxResults": size, **({"NextToken": token} if token else {})}
        shown, more = page(documents, "Id", asked)
        assert len(shown) <= size
        seen += shown
        if not more:
            break
        token = more["NextToken"]
    assert seen == sorted(documents, key=lambda each: each["Id"])


def test_pages_that_cannot_be():
    documents = [{"Id": "a"}]
    assert page(documents, "Id", {}) == (documents, {})
    for parameters in ({"MaxResults": 4}, {"MaxResults": 1001}):
        assert code_of(lambda p=parameters: page(documents, "Id", p)) == "InvalidParameterValue"
    assert code_of(lambda: page(documents, "Id", {"NextToken": "é"})) == "InvalidNextToken"
    both = {"MaxResults": 5, "Ids": ["a"]}
    assert code_of(lambda: page(documents, "Id", both, "Ids")) == "InvalidParameterCombination"


def test_tags_are_put_replaced_and_taken_away():
    tags = Tags()
    tags.of["vpc-1"] = tags.with_these("vpc-1", [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}])
    assert tags.shown("vpc-1") == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    assert tags.with_these("vpc-1", [{"Key": "a"}]) == {"a": "", "b": "2"}
    assert tags.without("vpc-1", [{"Key": "a"}, {"Key": "b", "Value": "3"}]) == {"b": "2"}
    assert tags.without("vpc-1", [{"Key": "b", "Value": "2"}]) == {"a": "1"}
    assert tags.without("vpc-1", None) == {}


def test_tags_that_cannot_be():
    tags = Tags()
    for key, value in (("aws:x", ""), ("", ""), ("k" * 129, ""), ("k", "v" * 257)):
        one = [{"Key": key, "Value": value}]
        assert code_of(lambda one=one: tags.with_these("vpc-1", one)) == "InvalidParameterValue"
    many = [{"Key": str(number)} for number in range(51)]
    assert code_of(lambda: tags.with_these("vpc-1", many)) == "TagLimitExceeded"
    assert code_of(lambda: specified([{"ResourceType": "vpc"}], "subnet")) == "InvalidParameterValue"


def test_ids_say_what_is_wrong_with_them():
    assert resource_id("subnet", "vpc", "a") == resource_id("subnet", "vpc", "a")
    assert len(resource_id("sg", "vpc", "a")) == len("sg-") + 17
    assert str(not_found("eni", "eni-1")).endswith("The networkInterface ID 'eni-1' does not exist")
    assert str(not_found("subnet", "x")) == (
        'InvalidSubnetId.Malformed: Invalid id: "x" (expecting "subnet-...")'
    )


@pytest.mark.parametrize(
    ("zone", "wanted"),
    [
        ("eu-west-1a", "euw1-az1"),
        ("us-east-1c", "use1-az3"),
        ("ap-southeast-2b", "apse2-az2"),
        ("x1a", "x1-az1"),
    ],
)
def test_zone_ids(zone: str, wanted: str):
    assert zone_id(zone) == wanted
