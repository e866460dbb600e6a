"""Web ACLs judge requests as AWS WAF's documentation says, and refuse what they do not know."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.waf.fields import TRANSFORMATIONS, Unsupported, WebRequest
from actors.protocols.waf.statements import check_cidr
from actors.protocols.waf.web_acl import WebAcl
from actors.units import SECOND

SET = "arn:aws:wafv2:eu-west-1:123456789012:regional/ipset/bad/1"
SETS = {SET: ["192.0.2.0/24"]}
PLAIN = [{"Priority": 0, "Type": "NONE"}]
LOOK = {"FieldToMatch": {"UriPath": {}}, "TextTransformations": PLAIN}


def request(**changes: Any) -> WebRequest:
    told = {"source": "198.51.100.1", "method": b"GET", "path": b"/", "query": b"", "headers": {}, **changes}
    return WebRequest(**told)


def matches(text: str, where: str = "UriPath", how: str = "CONTAINS", *steps: str) -> dict[str, Any]:
    transformations = [{"Priority": number, "Type": step} for number, step in enumerate(steps)] or PLAIN
    return {
        "ByteMatchStatement": {
            "SearchString": text.encode(),
            "FieldToMatch": {where: {}},
            "TextTransformations": transformations,
            "PositionalConstraint": how,
        }
    }


def rule(
    statement: dict[str, Any], action: str = "Block", name: str = "r", priority: int = 0
) -> dict[str, Any]:
    return {"Name": name, "Priority": priority, "Statement": statement, "Action": {action: {}}}


def acl(*rules: dict[str, Any], **more: Any) -> WebAcl:
    return WebAcl({"DefaultAction": {"Allow": {}}, "Rules": list(rules), **more}, lambda: SETS)


def blocks(statement: dict[str, Any], asked: WebRequest) -> bool:
    return acl(rule(statement)).judge(asked, 0).status == 403


@pytest.mark.parametrize(
    ("how", "path", "blocked"),
    [
        ("EXACTLY", b"/admin", True),
        ("EXACTLY", b"/admin/", False),
        ("STARTS_WITH", b"/admin/x", True),
        ("STARTS_WITH", b"/x/admin", False),
        ("ENDS_WITH", b"/x/admin", True),
        ("CONTAINS", b"/x/admins", True),
        ("CONTAINS_WORD", b"/x/admin-panel", False),
    ],
)
def test_where_text_is_looked_for(how: str, path: bytes, blocked: bool):
    text = "/admin" if how != "CONTAINS_WORD" else "admins"
    assert blocks(matches(text, how=how), request(path=path)) is blocked


def test_whole_words():
    assert blocks(matches("admin", how="CONTAINS_WORD"), request(path=b"/an-admin-page"))
    assert not blocks(matches("admin", how="CONTAINS_WORD"), request(path=b"/administrator"))


def test_text_is_transformed_before():
    assert blocks(
        matches("/etc/passwd", "QueryString", "CONTAINS", "URL_DECODE", "LOWERCASE"),
        request(query=b"f=%2FETC%2Fpasswd"),
    )
    assert blocks(matches("/b", "UriPath", "EXACTLY", "NORMALIZE_PATH"), request(path=b"/a//.././b"))


def test_what_is_looked_at():
    look = {"SingleHeader": {"Name": "User-Agent"}}
    statement = {
        "RegexMatchStatement": {"RegexString": "^curl/", "FieldToMatch": look, "TextTransformations": PLAIN}
    }
    assert blocks(statement, request(headers={b"user-agent": b"curl/8.1"}))
    assert not blocks(statement, request(headers={}))
    argument = matches("x", "AllQueryArguments", "EXACTLY")
    assert blocks(argument, request(query=b"a=1&b=x"))
    size = {
        "SizeConstraintStatement": {
            "FieldToMatch": {"Body": {}},
            "ComparisonOperator": "GT",
            "Size": 3,
            "TextTransformations": PLAIN,
        }
    }
    assert blocks(size, request(body=b"four")) and not blocks(size, request(body=b"two"))


def test_address_sets_change_while_the_acl_lives():
    sets = {SET: ["192.0.2.0/24"]}
    judge = WebAcl(
        {"DefaultAction": {"Allow": {}}, "Rules": [rule({"IPSetReferenceStatement": {"ARN": SET}})]},
        lambda: sets,
    ).judge
    assert judge(request(source="192.0.2.9"), 0).status == 403
    sets[SET] = []
    assert judge(request(source="192.0.2.9"), 0).status is None


def test_statements_are_joined():
    both = {"AndStatement": {"Statements": [matches("/a"), {"NotStatement": {"Statement": matches("/ab")}}]}}
    assert blocks(both, request(path=b"/a")) and not blocks(both, request(path=b"/ab"))
    either = {"OrStatement": {"Statements": [matches("/a"), matches("/b")]}}
    assert blocks(either, request(path=b"/b")) and not blocks(either, request(path=b"/c"))


def test_a_rate_is_judged_every_ten_seconds_over_its_window():
    rate = {"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP", "EvaluationWindowSec": 60}}
    judge = acl(rule(rate)).judge
    verdicts = [judge(request(), 20 * SECOND + step * SECOND).status for step in range(30)]
    first = verdicts.index(403)
    assert 10 <= first <= 20 and set(verdicts[first:]) == {403}
    assert judge(request(source="198.51.100.2"), 51 * SECOND).status is None
    assert judge(request(), 300 * SECOND).status is None  # the window is empty again


def test_the_first_rule_that_allows_or_blocks_decides_and_counts_are_told():
    judge = acl(
        rule(matches("/"), "Count", "seen", 1),
        rule(matches("/health"), "Allow", "health", 2),
        rule(matches("/"), "Block", "all", 3),
    ).judge
    assert judge(request(path=b"/health"), 0)[:3] == (None, "health", ("seen",))
    assert judge(request(path=b"/x"), 0)[:3] == (403, "all", ("seen",))


def test_a_default_that_blocks_and_an_answer_of_ones_own():
    response = {"CustomResponse": {"ResponseCode": 429, "CustomResponseBodyKey": "slow"}}
    bodies = {"slow": {"ContentType": "TEXT_PLAIN", "Content": "slow down"}}
    own = {**rule(matches("/x")), "Action": {"Block": response}}
    web_acl = acl(own, DefaultAction={"Block": {}}, CustomResponseBodies=bodies)
    assert web_acl.judge(request(path=b"/x"), 0) == (429, "r", (), b"slow down", "text/plain")
    assert web_acl.judge(request(path=b"/"), 0).status == 403


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([rule({"GeoMatchStatement": {"CountryCodes": ["NL"]}})], "rule r: GeoMatchStatement is not emulated"),
        ([rule(matches("/", "JsonBody"))], "FieldToMatch 'JsonBody' is not emulated"),
        ([rule(matches("/", "UriPath", "CONTAINS", "CMD_LINE"))], "TextTransformation 'CMD_LINE'"),
        ([rule(matches("/"), "Captcha")], "action Captcha is not emulated"),
        ([rule({"IPSetReferenceStatement": {"ARN": "x"}})], "there is no IP set x"),
        ([rule(matches("/")), rule(matches("/"))], "two rules have the same priority"),
        ([rule({})], "exactly one kind"),
        ([rule({"RegexMatchStatement": {"RegexString": "(", **LOOK}})], "RegexString"),
        ([rule({"RateBasedStatement": {"Limit": 1, "AggregateKeyType": "IP"}})], "Limit must lie between"),
        ([{"Name": "g", "Priority": 0, "Statement": {}, "OverrideAction": {"None": {}}}], "rule groups"),
    ],
)  # fmt: skip
def test_what_is_not_emulated_or_wrong_is_refused_with_the_place(rules: list[dict[str, Any]], words: str):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        acl(*rules)


def test_unsupported_is_its_own_kind_of_refusal():
    with pytest.raises(Unsupported):
        acl(rule({"SqliMatchStatement": {}}))


def test_address_ranges():
    assert check_cidr("192.0.2.7/24") == "192.0.2.0/24"
    for wrong in ("192.0.2.1", "0.0.0.0/0", "x/8", "2001:db8::/32"):
        with pytest.raises(ValueError):
            check_cidr(wrong)


@given(st.binary(max_size=60), st.sampled_from(sorted(TRANSFORMATIONS)))
def test_no_text_breaks_a_transformation(text: bytes, step: str):
    assert isinstance(TRANSFORMATIONS[step](text), bytes)
