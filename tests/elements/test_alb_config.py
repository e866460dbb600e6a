from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from actors.alb import Config
from tests.elements.alb_bed import alb_config


def checked(**parts: Any) -> Config:
    return Config.model_validate(alb_config(["10.0.0.20"], **parts))


def changed(*path: Any, to: Any, protocol: str = "HTTPS") -> dict[str, Any]:
    """A sound config with one value put in at a path."""
    config = deepcopy(alb_config(["10.0.0.20"], protocol))
    here: Any = config["load_balancer"]
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = to
    return config


GROUP = ("target_groups", "web")
LISTENER = ("listeners", 0)


def test_what_is_left_out_is_as_at_aws():
    config = checked(health_check={})
    attributes = config.load_balancer.attributes
    assert (attributes.idle_timeout_s, attributes.client_keep_alive_s) == (60, 3600)
    group = config.load_balancer.target_groups["web"]
    assert (group.attributes.algorithm, group.attributes.deregistration_delay_s) == ("round_robin", 300)
    check = group.health_check
    assert (check.interval, check.timeout, check.healthy_threshold) == (30 * 10**9, 5 * 10**9, 5)


def test_a_target_without_port_has_its_groups():
    config = Config.model_validate(changed(*GROUP, "targets", to=[{"id": "10.0.0.20"}]))
    assert [str(target) for target in config.load_balancer.target_groups["web"].target_ids()] == [
        "10.0.0.20:80"
    ]


def test_what_it_claims_and_where_it_can_be_plugged_in():
    config = checked()
    assert [(claim.what, claim.value) for claim in config.claims()] == [("address", "10.0.0.10")]
    assert list(config.port_names()) == ["eth0"]
    assert config.region == "eu-west-1"


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("attributes", "idle_timeout.timeout_seconds"), 4001, "less than or equal to 4000"),
        (("attributes", "client_keep_alive.seconds"), 59, "greater than or equal to 60"),
        (("attributes", "waf.fail_open.enabled"), True, "Extra inputs are not permitted"),
        (
            (*GROUP, "attributes", "load_balancing.algorithm.type"),
            "least_outstanding_request",
            "there is no algorithm 'least_outstanding_request', did you mean 'least_outstanding_requests'?",
        ),
        ((*GROUP, "attributes", "deregistration_delay.timeout_seconds"), 3601, "less than or equal to 3600"),
        ((*GROUP, "health_check", "interval"), "4s", "must lie between 5s and 300s"),
        (
            (*GROUP, "health_check"),
            {"interval": "5s", "timeout": "5s"},
            "timeout must be shorter than interval",
        ),
        ((*GROUP, "health_check", "matcher"), "500", "codes lie between 200 and 499"),
        ((*GROUP, "health_check", "path"), "index.html", "pattern"),
        ((*GROUP, "targets"), [{"id": "10.0.0", "port": 80}], "'10.0.0' is not an IPv4 address"),
        (
            (*LISTENER, "ssl_policy"),
            "ELBSecurityPolicy-TLS13-1-2-2021-07",
            "did you mean 'ELBSecurityPolicy-TLS",
        ),
        ((*LISTENER, "certificates"), [], "an HTTPS listener needs certificates"),
        ((*LISTENER, "protocol"), "HTTP", "an HTTP listener has neither certificates nor ssl_policy"),
        (
            (*LISTENER, "default_action", "target_group"),
            "wep",
            "there is no target group 'wep', did you mean 'web'?",
        ),
        ((*LISTENER, "default_action"), {"type": "fixed-response", "status_code": 302}, "2XX, 4XX or 5XX"),
        ((*LISTENER, "default_action"), {"type": "redirect"}, "does not match any of the expected tags"),
        (("listeners",), [], "at least 1 item"),
    ],
)
def test_what_is_rejected(path, value, complaint):
    with pytest.raises(ValidationError) as raised:
        Config.model_validate(changed(*path, to=value))
    assert complaint in str(raised.value)


def rule(priority: int, *fields: str, values: int = 1) -> dict[str, Any]:
    return {
        "priority": priority,
        "conditions": [{"field": field, "values": ["/*"] * values} for field in fields],
        "action": {"type": "forward", "target_group": "web"},
    }


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ([rule(0, "path-pattern")], "greater than or equal to 1"),
        ([rule(1, "path-pattern"), rule(1, "host-header")], "two rules have priority 1"),
        ([rule(1, "path-pattern", "path-pattern")], "at most one condition of each field"),
        ([rule(1, "path-pattern", "host-header", values=3)], "at most 5 condition values"),
        ([rule(1, "source-ip")], "Input should be 'path-pattern' or 'host-header'"),
    ],
)
def test_rules_that_are_rejected(rules, complaint):
    with pytest.raises(ValidationError) as raised:
        checked(rules=rules)
    assert complaint in str(raised.value)


def test_two_listeners_on_one_port_are_rejected():
    config = alb_config(["10.0.0.20"])
    config["load_balancer"]["listeners"] *= 2
    with pytest.raises(ValidationError, match="two listeners have the same port"):
        Config.model_validate(config)


def test_a_wrong_target_group_in_a_rule_is_told_where_it_stands():
    config = alb_config(["10.0.0.20"], rules=[rule(1, "path-pattern")])
    config["load_balancer"]["listeners"][0]["rules"][0]["action"]["target_group"] = "nginx"
    with pytest.raises(ValidationError) as raised:
        Config.model_validate(config)
    [error] = raised.value.errors()
    assert error["loc"][-6:] == ("listeners", 0, "rules", 0, "action", "target_group")
