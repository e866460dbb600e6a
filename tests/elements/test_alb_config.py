"""What the control plane tells a node: what of it is taken, and that nothing it says ends the node."""

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from actors.alb import Config
from actors.parts.load_balancer import documents
from tests.elements.alb_bed import ARN, LISTENER_ARN, Bed, fixed, path, rule
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
