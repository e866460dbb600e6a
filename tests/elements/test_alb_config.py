"""What the control plane tells a node: what of it is taken, and that nothing it says ends the node."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from actors.alb import Config
from actors.parts.load_balancer import documents
from tests.elements.alb_bed import ARN, LISTENER_ARN, Bed, fixed, forward, path, redirect, rule
from tests.elements.alb_bed import documents as items

GROUP = f"target-group/{ARN}"
LISTENER = f"listener/{LISTENER_ARN}"


def test_its_config_says_where_it_stands_and_who_tells_it_what_to_do():
    config = Config.model_validate({"availability_zone": "eu-west-1a"})
    assert (config.region, config.aws_api, list(config.port_names())) == ("eu-west-1", "aws-api", ["eth0"])
    with pytest.raises(ValidationError, match="pattern"):
        Config.model_validate({"availability_zone": "eu-west"})


def test_what_is_left_out_is_as_at_aws():
    attributes = documents.parse("load-balancer", items([])["load-balancer"]).attributes
    assert (attributes.idle_timeout_s, attributes.client_keep_alive_s) == (60, 3600)
    document = {"arn": "a", "name": "web"}
    group = documents.parse("target-group/a", document)
    assert (group.attributes.algorithm, group.attributes.deregistration_delay_s) == ("round_robin", 300)
    assert group.health_check.settings() == (30 * 10**9, 5 * 10**9, 5, 2)


def test_attributes_are_texts_and_those_of_others_are_passed_over():
    document = items(
        [], attributes={"idle_timeout.timeout_seconds": "7", "deletion_protection.enabled": "true"}
    )["load-balancer"]
    assert documents.parse("load-balancer", document).attributes.idle_timeout_s == 7


def changed(key: str, *where: Any, to: Any, protocol: str = "HTTPS") -> dict[str, Any]:
    """A sound document with one value put in at a path."""
    document = items(["10.0.0.20"], protocol)[key]
    here: Any = document
    for step in where[:-1]:
        here = here[step]
    here[where[-1]] = to
    return document


@pytest.mark.parametrize(
    ("key", "where", "value", "complaint"),
    [
        (
            "load-balancer",
            ("attributes", "idle_timeout.timeout_seconds"),
            "4001",
            "less than or equal to 4000",
        ),
        ("load-balancer", ("attributes", "client_keep_alive.seconds"), "59", "greater than or equal to 60"),
        ("load-balancer", ("attributes", "routing.http2.enabled"), "perhaps", "valid boolean"),
        ("interface", ("address",), "10.0.0", "10.0.0"),
        (GROUP, ("attributes", "load_balancing.algorithm.type"), "least_outstanding_request", "pattern"),
        (GROUP, ("attributes", "deregistration_delay.timeout_seconds"), "3601", "less than or equal to 3600"),
        (GROUP, ("health_check", "HealthCheckIntervalSeconds"), 4, "greater than or equal to 5"),
        (GROUP, ("health_check", "Matcher"), {"HttpCode": "500"}, "codes lie between 200 and 499"),
        (GROUP, ("health_check", "HealthCheckPath"), "index.html", "pattern"),
        (GROUP, ("target_type",), "lambda", "'ip' or 'instance'"),
        (LISTENER, ("ssl_policy",), "ELBSecurityPolicy-2021-07", "there is no security policy"),
        (LISTENER, ("certificates",), [], "an HTTPS listener needs certificates"),
        (LISTENER, ("rules",), [], "a listener has one default rule, not 0"),
        (
            LISTENER,
            ("rules", 0, "actions"),
            [{"Type": "redirect"}],
            "rule default: KeyError: 'RedirectConfig'",
        ),
        (LISTENER, ("rules", 0, "priority"), "first", "invalid literal"),
    ],
)
def test_documents_that_cannot_be_carried_out(key, where, value, complaint):
    with pytest.raises(ValueError) as raised:
        documents.parse(key, changed(key, *where, to=value))
    assert complaint in str(raised.value)


WORDS = st.sampled_from(["/x", "*", "default", "forward"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def spoiled(draw: st.DrawFn, value: Any) -> Any:
    """The value with junk somewhere in it."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    if not keys or draw(st.integers(0, 3)) == 0:
        return draw(JUNK)
    key = draw(st.sampled_from(list(keys)))
    copy = value.copy()
    copy[key] = spoiled(draw, value[key])
    return copy


@given(st.data())
def test_no_document_whatever_does_more_than_be_refused(data):
    host = {"Field": "host-header", "HostHeaderConfig": {"Values": ["a*"], "RegexValues": ["b+"]}}
    query = {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a", "Value": "b"}]}}
    source = {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}
    header = {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x", "Values": ["y"]}}
    rewrite = {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "a", "Replace": "b"}]}}
    rules = [
        rule(1, forward(a=1, b=2), host, query, transforms=[rewrite]),
        rule(2, redirect(302, Host="x"), source),
        rule(3, fixed(200), header, path("/a?b")),
    ]
    known = items(["10.0.0.20"], "HTTPS", rules=rules)
    key = data.draw(st.sampled_from(sorted(known)))
    document = spoiled(data.draw, known[key])
    try:
        documents.parse(key, document)
    except ValueError:
        pass


def test_a_bad_document_is_counted_and_told_and_the_last_good_one_goes_on(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        assert (await bed.ask()).status == 200
        bed.change(LISTENER, rules=[rule(1, fixed(200), path("/"))])
        bed.change(GROUP, attributes={"load_balancing.algorithm.type": "fastest"})
        bed.put("load-balancer", ["nonsense"])
        bed.put("interface", {"address": None})
        bed.put("weather/today", {"rain": True})
        bed.put(f"targets/{ARN}", [{"id": "10.0.0.20"}])
        await asyncio.sleep(0.1)
        assert (await bed.ask()).status == 200
        bed.change(
            LISTENER, rules=[rule(1, fixed(418), path("/")), {**rule(0, fixed(404)), "priority": "default"}]
        )
        await asyncio.sleep(0.1)
        assert (await bed.ask()).status == 418

    bed.run(story())
    refused = {entry["key"]: entry["why"] for entry in bed.records("alb.document_refused")}
    assert refused.keys() == {
        LISTENER,
        GROUP,
        "load-balancer",
        "interface",
        "weather/today",
        f"targets/{ARN}",
    }
    assert "a listener has one default rule, not 0" in refused[LISTENER]
    assert bed.metric("journey_alb_refused_documents_total", kind="listener") == 1


def test_a_certificate_that_is_not_there_is_told(tmp_path):
    bed = Bed(tmp_path, protocol="HTTPS", certificates=["nobody.example"])
    bed.run(asyncio.sleep(1))
    [refused] = bed.records("alb.document_refused")
    assert refused["key"] == LISTENER
    assert "No such file" in refused["why"]
