"""Ports, certificates and rules that Ingresses become."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.load_balancer_controller.annotations import BuildError
from actors.protocols.load_balancer_controller.listeners import covers
from actors.protocols.load_balancer_controller.model import Ref, Stack
from actors.protocols.load_balancer_controller.rules import in_order
from actors.protocols.load_balancer_controller.sameness import same_actions, same_conditions
from tests.protocols.load_balancer_controller.bed import ARN, build, ingress, path, rule

BOTH = '[{"HTTP": 80}, {"HTTPS": 443}]'


def paths_of(stack: Stack, listener: int = 0) -> list[Any]:
    """The path patterns of each rule, in the order of priorities."""
    rules = stack.listeners[listener].rules
    assert [each.priority for each in rules] == list(range(1, len(rules) + 1))
    return [
        condition["PathPatternConfig"]["Values"]
        for each in rules
        for condition in each.conditions
        if condition["Field"] == "path-pattern"
    ]


def test_exact_paths_come_first_then_prefixes_from_the_longest_then_the_others():
    paths = [
        path("/a", "Prefix"),
        path("/im*", "ImplementationSpecific"),
        path("/a/long/", "Prefix"),
        path("/a", "Exact"),
        path("/", "Prefix"),
        path("/also", "ImplementationSpecific"),
        path("/b", "Exact"),
    ]
    assert paths_of(build(ingress(rules=[rule("h", *paths)]))) == [
        ["/a"],
        ["/b"],
        ["/a/long", "/a/long/*"],
        ["/a", "/a/*"],
        ["/*"],
        ["/im*"],
        ["/also"],
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from(["Exact", "Prefix", "ImplementationSpecific"]), st.text("/ab", max_size=5))
    )
)
def test_order_loses_nothing_and_is_stable(kinds: list[tuple[str, str]]):
    paths = [{"pathType": kind, "path": text, "number": number} for number, (kind, text) in enumerate(kinds)]
    found = in_order(paths)
    assert sorted(each["number"] for each in found) == list(range(len(paths)))
    ranks = {"Exact": 0, "Prefix": 1, "ImplementationSpecific": 2}
    keys = [
        (ranks[each["pathType"]], -len(each["path"]) if each["pathType"] == "Prefix" else 0, each["number"])
        for each in found
    ]
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("Exact", r"exact path shouldn't contain wildcards: /a\*"),
        ("Prefix", r"prefix path shouldn't contain wildcards: /a\*"),
    ],
)
def test_wildcards_are_for_implementation_specific_paths(kind: str, words: str):
    with pytest.raises(BuildError, match=words):
        build(ingress(rules=[rule("", path("/a*", kind))]))


def test_groups_are_in_their_order_and_share_a_listener():
    first = ingress("zz", [rule("z.example")], {"group.name": "g", "group.order": "-5"})
    second = ingress("b", [rule("b.example")], {"group.name": "g"})
    third = ingress("a", [rule("a.example")], {"group.name": "g"})
    stack = build(second, third, first, id="g")
    (listener,) = stack.listeners
    hosts = [each.conditions[0]["HostHeaderConfig"]["Values"] for each in listener.rules]
    assert hosts == [["z.example"], ["a.example"], ["b.example"]]
    assert stack.load_balancer is not None and stack.load_balancer.name.startswith("k8s-g-")


def test_an_order_out_of_range():
    with pytest.raises(BuildError, match=r"explicit Ingress group order must be within \[-1000:1000\]"):
        build(ingress(says={"group.name": "g", "group.order": "1001"}), id="g")


def test_a_rule_without_host_and_path_matches_everything():
    bare = path("", "ImplementationSpecific")
    assert paths_of(build(ingress(rules=[rule("", bare)]))) == [["/*"]]


# ---- ports -----------------------------------------------------------------------------------------------


def test_http_80_without_certificates_and_https_443_with_one():
    assert [(each.protocol, each.port) for each in build(ingress()).listeners] == [("HTTP", 80)]
    (listener,) = build(ingress(says={"certificate-arn": f"{ARN}3,{ARN}1"})).listeners
    assert (listener.protocol, listener.port) == ("HTTPS", 443)
    assert listener.certificates == [f"{ARN}3", f"{ARN}1"]
    assert listener.ssl_policy == "ELBSecurityPolicy-2016-08"


def test_ssl_redirect_turns_http_listeners_into_redirections():
    http, https = build(
        ingress(rules=[rule("web.example")], says={"listen-ports": BOTH, "ssl-redirect": "443"})
    ).listeners
    assert http.rules == [] and len(https.rules) == 1
    assert http.default_actions == [
        {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    ]
    assert https.default_actions[0]["FixedResponseConfig"]["StatusCode"] == "404"


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"listen-ports": "80"}, "failed to parse listen-ports configuration: `80`"),
        ({"listen-ports": "[]"}, r"empty listen-ports configuration: `\[\]`"),
        ({"listen-ports": '[{"HTTP": 0}]'}, r"listen port must be within \[1, 65535\]: 0"),
        ({"listen-ports": '[{"TCP": 80}]'}, "listen protocol must be HTTP or HTTPS: TCP"),
        ({"ssl-redirect": "443"}, "listener does not exist for SSLRedirect port: 443"),
        ({"ssl-redirect": "80"}, "listener protocol non-SSL for SSLRedirect port: 80"),
        (
            {"ssl-redirect": "x"},
            "failed to parse int64 annotation, alb.ingress.kubernetes.io/ssl-redirect: x",
        ),
        ({"inbound-cidrs": "10.0.0.0/40"}, "invalid CIDR"),
    ],
)
def test_wrong_ports(says: dict[str, str], words: str):
    with pytest.raises(BuildError, match=words):
        build(ingress(says=says))


def test_members_of_a_group_must_agree_about_a_port():
    one = ingress("a", says={"group.name": "g", "listen-ports": '[{"HTTP": 443}]'})
    other = ingress("b", [rule("web.example")], {"group.name": "g", "listen-ports": '[{"HTTPS": 443}]'})
    with pytest.raises(BuildError, match=r"conflicting protocol, default/a: HTTP | default/b: HTTPS"):
        build(one, other, id="g")


# ---- certificates ----------------------------------------------------------------------------------------


def test_certificates_are_found_by_the_hosts_of_rules_and_of_tls():
    rules, tls = [rule("web.example")], [{"hosts": ["other.org"]}]
    (listener,) = build(ingress(rules=rules, says={"listen-ports": '[{"HTTPS": 443}]'}, tls=tls)).listeners
    assert listener.certificates == [f"{ARN}3", f"{ARN}1", f"{ARN}2"]


def test_no_certificate_for_a_host():
    with pytest.raises(BuildError, match=r"no certificate found for host: no.where"):
        build(ingress(rules=[rule("no.where")], says={"listen-ports": '[{"HTTPS": 443}]'}))


@pytest.mark.parametrize(
    ("domain", "host", "is_covered"),
    [
        ("web.example", "WEB.example", True),
        ("*.example", "web.example", True),
        ("*.example", "a.web.example", False),
        ("*.example", "example", False),
    ],
)
def test_what_a_certificate_is_good_for(domain: str, host: str, is_covered: bool):
    assert covers(domain, host) is is_covered


# ---- backends --------------------------------------------------------------------------------------------


def actions_of(stack: Stack) -> list[Any]:
    return [each.actions for each in stack.listeners[0].rules]


def test_a_service_that_is_not_there_answers_503():
    (((action,),)) = actions_of(build(ingress(), services=[]))
    assert action["FixedResponseConfig"] == {
        "ContentType": "text/plain",
        "StatusCode": "503",
        "MessageBody": "Backend service does not exist",
    }


def test_a_default_backend_answers_where_no_rule_does():
    backend = {"service": {"name": "api", "port": {"number": 80}}}
    (listener,) = build(ingress(defaultBackend=backend)).listeners
    assert listener.default_actions[0]["ForwardConfig"]["TargetGroups"][0]["TargetGroupArn"] == Ref(
        "default/web-api:80"
    )
    with pytest.raises(
        BuildError, match=r"multiple ingress defined default backend: \[default/a default/b\]"
    ):
        build(*(ingress(name, says={"group.name": "g"}, defaultBackend=backend) for name in "ab"), id="g")


def annotated(action: str, conditions: str = "[]") -> Any:
    says = {"actions.do": action, "conditions.do": conditions}
    return ingress(rules=[rule("h", path("/", service="do", port="use-annotation"))], says=says)


def test_actions_in_annotations():
    redirect = '{"type":"redirect","redirectConfig":{"host":"x.example","statusCode":"HTTP_302"}}'
    assert actions_of(build(annotated(redirect))) == [
        [{"Type": "redirect", "RedirectConfig": {"Host": "x.example", "StatusCode": "HTTP_302"}}]
    ]
    fixed = (
        '{"Type":"fixed-response","FixedResponseConfig":{"ContentType":"text/plain","StatusCode":418,'
        '"MessageBody":"t"}}'
    )
    ((action,),) = actions_of(build(annotated(fixed)))
    assert action["FixedResponseConfig"] == {
        "ContentType": "text/plain",
        "StatusCode": "418",
        "MessageBody": "t",
    }
    weighted = (
        '{"type":"forward","forwardConfig":{"targetGroups":['
        '{"serviceName":"web","servicePort":"http","weight":20},{"serviceName":"api","servicePort":80,"weight":80}],'
        '"targetGroupStickinessConfig":{"enabled":true,"durationSeconds":200}}}'
    )
    stack = build(annotated(weighted))
    ((action,),) = actions_of(stack)
    assert action["ForwardConfig"] == {
        "TargetGroups": [
            {"TargetGroupArn": Ref("default/web-web:http"), "Weight": 20},
            {"TargetGroupArn": Ref("default/web-api:80"), "Weight": 80},
        ],
        "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 200},
    }
    assert [each.id for each in stack.target_groups] == ["default/web-web:http", "default/web-api:80"]


def test_an_action_that_is_not_there_answers_503():
    says = ingress(rules=[rule("h", path("/", service="do", port="use-annotation"))])
    ((action,),) = actions_of(build(says))
    assert action["FixedResponseConfig"]["MessageBody"] == "Backend action does not exist"


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("{", "failed to parse json annotation, alb.ingress.kubernetes.io/actions.do"),
        ('{"type":"dance"}', "unknown action type: dance"),
        ('{"type":"redirect"}', "missing redirectConfig"),
        ('{"type":"redirect","redirectConfig":{}}', "statusCode is required"),
        ('{"type":"forward"}', "precisely one of targetGroupArn and forwardConfig"),
        (
            '{"type":"forward","forwardConfig":{"targetGroups":[{"weight":1}]}}',
            "precisely one of targetGroupARN",
        ),
        ('{"type":"redirect","redirectConfig":{"hots":"x"}}', "unknown field hots"),
    ],
)
def test_wrong_actions(action: str, words: str):
    with pytest.raises(BuildError, match=words):
        build(annotated(action))


def test_conditions_in_annotations_join_those_of_the_ingress():
    fixed = '{"type":"fixed-response","fixedResponseConfig":{"statusCode":"200"}}'
    conditions = (
        '[{"field":"host-header","hostHeaderConfig":{"values":["i.example"]}},'
        '{"field":"path-pattern","pathPatternConfig":{"values":["/p"]}},'
        '{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X","values":["1"]}},'
        '{"field":"source-ip","sourceIPConfig":{"values":["10.0.0.0/8"]}},'
        '{"field":"query-string","queryStringConfig":{"values":[{"key":"a","value":"b"}]}}]'
    )
    ((first, second, *others),) = [
        each.conditions for each in build(annotated(fixed, conditions)).listeners[0].rules
    ]
    assert first["HostHeaderConfig"]["Values"] == ["h", "i.example"]
    assert second["PathPatternConfig"]["Values"] == ["/*", "/p"]
    assert others == [
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X", "Values": ["1"]}},
        {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}},
        {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a", "Value": "b"}]}},
    ]
    with pytest.raises(BuildError, match="unknown condition field: colour"):
        build(annotated(fixed, '[{"field":"colour"}]'))


def test_transforms_in_annotations():
    rewrite = (
        '[{"type":"url-rewrite","urlRewriteConfig":{"rewrites":[{"regex":"^/a/(.*)","replace":"/$1"}]}}]'
    )
    (rule_,) = build(ingress(says={"transforms.web": rewrite})).listeners[0].rules
    config = {"Rewrites": [{"Regex": "^/a/(.*)", "Replace": "/$1"}]}
    assert rule_.transforms == [{"Type": "url-rewrite", "UrlRewriteConfig": config}]


# ---- what AWS fills in -------------------------------------------------------------------------------------


def test_actions_are_the_same_when_aws_has_filled_them_in():
    mine = [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "t", "Weight": 1}]}}]
    told = [
        {
            "Type": "forward",
            "Order": 1,
            "TargetGroupArn": "t",
            "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": "t", "Weight": 1}],
                "TargetGroupStickinessConfig": {"Enabled": False},
            },
        }
    ]
    assert same_actions(mine, told)
    short = [{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "StatusCode": "HTTP_301"}}]
    whole = {"Host": "#{host}", "Path": "/#{path}", "Port": "#{port}", "Query": "#{query}"}
    filled = [{"Type": "redirect", "RedirectConfig": {**short[0]["RedirectConfig"], **whole}}]  # type: ignore[dict-item]
    assert same_actions(short, filled)
    assert not same_actions(mine, short)


def test_conditions_are_the_same_in_any_order_and_both_shapes():
    mine = [
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["b", "a"]}},
        {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}},
    ]
    told = [
        {"Field": "path-pattern", "Values": ["/*"]},
        {"Field": "host-header", "Values": ["a", "b"], "HostHeaderConfig": {"Values": ["a", "b"]}},
    ]
    assert same_conditions(mine, told)
    assert not same_conditions(mine, told[:1])
