"""Listeners, their certificates and their rules: what is made of them, and each refusal."""

from typing import Any

import pytest

from tests.protocols.elbv2.bed import (
    CERTIFICATE,
    OTHER_CERTIFICATE,
    POLICY,
    VPC,
    Bed,
    fixed,
    forward,
)

HTTPS: dict[str, Any] = {
    "Protocol": "HTTPS",
    "Certificates": [{"CertificateArn": CERTIFICATE}],
    "SslPolicy": POLICY,
}
PATH = [{"Field": "path-pattern", "Values": ["/img/*"]}]


@pytest.fixture
def bed() -> Bed:
    return Bed()


def document(bed: Bed, listener: str) -> dict[str, Any]:
    bed.wait(60)
    found: dict[str, Any] = bed.engine.documents.of_nodes()["alb-1a"][f"listener/{listener}"]
    return found


# ---- listeners -------------------------------------------------------------------------------------------------


def test_a_listener_has_a_default_rule_and_what_it_is_told(bed: Bed):
    balancer, group = bed.load_balancer(), bed.group()
    listener = bed.listener(balancer, forward(group), 443, **HTTPS)
    (shown,) = bed.ask("DescribeListeners", LoadBalancerArn=balancer)["Listeners"]
    action = {
        "Type": "forward",
        "TargetGroupArn": group,
        "ForwardConfig": {
            "TargetGroups": [{"TargetGroupArn": group, "Weight": 1}],
            "TargetGroupStickinessConfig": {"Enabled": False},
        },
    }
    assert shown == {
        "ListenerArn": listener,
        "LoadBalancerArn": balancer,
        "Port": 443,
        "Protocol": "HTTPS",
        "SslPolicy": POLICY,
        "Certificates": [{"CertificateArn": CERTIFICATE}],
        "DefaultActions": [action],
        "MutualAuthentication": {"Mode": "off"},
    }
    (rule,) = bed.ask("DescribeRules", ListenerArn=listener)["Rules"]
    assert (rule["Priority"], rule["IsDefault"], rule["Actions"]) == ("default", True, [action])
    told = document(bed, listener)
    assert told["certificates"] == [{"arn": CERTIFICATE, "domain": "example.com"}]
    assert told["rules"] == [
        {"arn": rule["RuleArn"], "priority": "default", "conditions": [], "actions": [action]}
    ]


def test_the_api_s_default_policy_is_the_old_one(bed: Bed):
    bed.listener(bed.load_balancer(), fixed(), 443, Protocol="HTTPS", Certificates=HTTPS["Certificates"])
    balancer = bed.ask("DescribeLoadBalancers")["LoadBalancers"][0]["LoadBalancerArn"]
    (shown,) = bed.ask("DescribeListeners", LoadBalancerArn=balancer)["Listeners"]
    assert shown["SslPolicy"] == "ELBSecurityPolicy-2016-08"


def test_the_same_listener_again_is_the_one_there_is(bed: Bed):
    balancer = bed.load_balancer()
    listener = bed.listener(balancer, fixed())
    assert bed.listener(balancer, fixed()) == listener
    parameters = {
        "LoadBalancerArn": balancer,
        "Protocol": "HTTP",
        "Port": 80,
        "DefaultActions": [fixed("503")],
    }
    assert bed.refused("CreateListener", **parameters) == (
        "DuplicateListener",
        f"A listener already exists on this port for this load balancer '{balancer}'",
    )


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        ({"Protocol": None}, "ValidationError", "A protocol must be specified"),
        ({"Port": None}, "ValidationError", "A port must be specified"),
        ({"Port": 65536}, "ValidationError", "less than or equal to 65535"),
        ({"Protocol": "TCP"}, "UnsupportedProtocol", "'TCP' is not supported"),
        ({"Protocol": "HTTPS"}, "ValidationError", "A certificate must be specified for HTTPS listeners"),
        ({"Certificates": HTTPS["Certificates"]}, "ValidationError", "HTTP listeners"),
        ({"SslPolicy": POLICY}, "ValidationError", "HTTP listeners"),
        ({**HTTPS, "SslPolicy": "Mine"}, "SSLPolicyNotFound", "'Mine' not found"),
        (
            {**HTTPS, "Certificates": HTTPS["Certificates"] * 2},
            "ValidationError",
            "only one default certificate",
        ),
        (
            {**HTTPS, "Certificates": [{"CertificateArn": CERTIFICATE.replace("1111", "0000")}]},
            "CertificateNotFound",
            "not found",
        ),
        (
            {**HTTPS, "Certificates": [{"CertificateArn": CERTIFICATE.replace("eu-west-1", "us-east-1")}]},
            "ValidationError",
            "is not valid",
        ),
        ({"AlpnPolicy": ["HTTP2Only"]}, "InvalidConfigurationRequest", "ALPN"),
        ({"MutualAuthentication": {"Mode": "verify"}}, "InvalidConfigurationRequest", "Mutual"),
        ({"LoadBalancerArn": "x"}, "ValidationError", "'x' is not a valid load balancer ARN"),
        ({"DefaultActions": []}, "ValidationError", "defaultActions"),
    ],
)
def test_listeners_that_cannot_be_are_refused(bed: Bed, changed: dict[str, Any], code: str, message: str):
    whole = {
        "LoadBalancerArn": bed.load_balancer(),
        "Protocol": "HTTP",
        "Port": 80,
        "DefaultActions": [fixed()],
    }
    got, said = bed.refused("CreateListener", **{**whole, **changed})
    assert got == code
    assert message in said


def test_a_load_balancer_has_fifty_listeners(bed: Bed):
    balancer = bed.load_balancer()
    for port in range(50):
        bed.listener(balancer, fixed(), 1000 + port)
    parameters = {"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80, "DefaultActions": [fixed()]}
    assert bed.refused("CreateListener", **parameters)[0] == "TooManyListeners"


def test_a_listener_can_become_another(bed: Bed):
    balancer = bed.load_balancer()
    listener = bed.listener(balancer, fixed())
    other = bed.listener(balancer, fixed(), 8080)
    assert bed.refused("ModifyListener", ListenerArn=listener, Port=8080)[0] == "DuplicateListener"
    assert bed.refused("ModifyListener", ListenerArn=listener, Protocol="HTTPS")[0] == "ValidationError"
    (shown,) = bed.ask("ModifyListener", ListenerArn=listener, Port=443, **HTTPS)["Listeners"]
    assert (shown["Port"], shown["Protocol"], shown["DefaultActions"]) == (443, "HTTPS", [fixed()])
    (shown,) = bed.ask("ModifyListener", ListenerArn=listener, DefaultActions=[fixed("503")])["Listeners"]
    assert shown["Certificates"] == HTTPS["Certificates"]
    assert document(bed, listener)["rules"][0]["actions"] == [fixed("503")]
    bed.ask("ModifyListener", ListenerArn=listener, Port=80, Protocol="HTTP")
    assert "certificates" not in document(bed, listener)
    bed.ask("DeleteListener", ListenerArn=other)
    assert [key for key in bed.engine.documents.of_nodes()["alb-1a"] if key.startswith("listener/")] == [
        f"listener/{listener}"
    ]
    bed.wait(1)


def test_certificates_are_added_and_removed_but_the_default_one(bed: Bed):
    listener = bed.listener(bed.load_balancer(), fixed(), 443, **HTTPS)
    more = [{"CertificateArn": OTHER_CERTIFICATE}]
    for _ in range(2):
        bed.ask("AddListenerCertificates", ListenerArn=listener, Certificates=more)
    assert bed.ask("DescribeListenerCertificates", ListenerArn=listener)["Certificates"] == [
        {"CertificateArn": CERTIFICATE, "IsDefault": True},
        {"CertificateArn": OTHER_CERTIFICATE, "IsDefault": False},
    ]
    assert [each["domain"] for each in document(bed, listener)["certificates"]] == [
        "example.com",
        "example.org",
    ]
    default = HTTPS["Certificates"]
    code, _ = bed.refused("RemoveListenerCertificates", ListenerArn=listener, Certificates=default)
    assert code == "OperationNotPermitted"
    bed.ask("RemoveListenerCertificates", ListenerArn=listener, Certificates=more)
    assert len(document(bed, listener)["certificates"]) == 1


def test_listener_attributes_are_what_they_were_set_to(bed: Bed):
    listener = bed.listener(bed.load_balancer(), fixed())
    new = [{"Key": "routing.http.response.server.enabled", "Value": "false"}]
    answer = bed.ask("ModifyListenerAttributes", ListenerArn=listener, Attributes=new)
    assert new[0] in answer["Attributes"]
    assert answer == bed.ask("DescribeListenerAttributes", ListenerArn=listener)
    assert document(bed, listener)["attributes"][new[0]["Key"]] == "false"
    wrong = [{"Key": "tcp.idle_timeout.seconds", "Value": "60"}]
    code, _ = bed.refused("ModifyListenerAttributes", ListenerArn=listener, Attributes=wrong)
    assert code == "InvalidConfigurationRequest"


# ---- rules -----------------------------------------------------------------------------------------------------


def test_rules_stand_by_priority_with_the_default_last(bed: Bed):
    listener = bed.listener(bed.load_balancer(), fixed())
    late, early = bed.rule(listener, 20, fixed("503")), bed.rule(listener, 10, fixed("500"))
    shown = bed.ask("DescribeRules", ListenerArn=listener)["Rules"]
    assert [each["Priority"] for each in shown] == ["10", "20", "default"]
    assert [each["arn"] for each in document(bed, listener)["rules"][:2]] == [early, late]
    assert shown[0]["Conditions"] == [
        {"Field": "path-pattern", "Values": ["/a"], "PathPatternConfig": {"Values": ["/a"]}}
    ]
    assert bed.refused(
        "CreateRule", ListenerArn=listener, Priority=10, Conditions=PATH, Actions=[fixed()]
    ) == (
        "PriorityInUse",
        "Priority '10' is currently in use",
    )
    swapped = [{"RuleArn": late, "Priority": 10}, {"RuleArn": early, "Priority": 20}]
    bed.ask("SetRulePriorities", RulePriorities=swapped)
    assert [each["RuleArn"] for each in bed.ask("DescribeRules", ListenerArn=listener)["Rules"][:2]] == [
        late,
        early,
    ]
    code, _ = bed.refused("SetRulePriorities", RulePriorities=[{"RuleArn": late, "Priority": 20}])
    assert code == "PriorityInUse"


def test_the_default_rule_is_neither_modified_nor_deleted_nor_moved(bed: Bed):
    listener = bed.listener(bed.load_balancer(), fixed())
    default = bed.ask("DescribeRules", ListenerArn=listener)["Rules"][0]["RuleArn"]
    for operation, parameters, verb in (
        ("DeleteRule", {"RuleArn": default}, "deleted"),
        ("ModifyRule", {"RuleArn": default, "Actions": [fixed("503")]}, "modified"),
        ("SetRulePriorities", {"RulePriorities": [{"RuleArn": default, "Priority": 1}]}, "modified"),
    ):
        assert bed.refused(operation, **parameters) == (
            "OperationNotPermitted",
            f"Default rule '{default}' cannot be {verb}",
        )


def test_what_is_described_can_be_sent_back(bed: Bed):
    group = bed.group()
    listener = bed.listener(bed.load_balancer(), fixed())
    rule = bed.rule(listener, 1, forward(group))
    (shown,) = bed.ask("DescribeRules", RuleArns=[rule])["Rules"]
    answer = bed.ask("ModifyRule", RuleArn=rule, Conditions=shown["Conditions"], Actions=shown["Actions"])
    assert answer["Rules"] == [shown]


def test_a_hundred_rules_and_no_more(bed: Bed):
    balancer = bed.load_balancer()
    for port in (80, 81):
        listener = bed.listener(balancer, fixed(), port)
        for priority in range(1, 51):
            bed.rule(listener, priority, fixed())
    code, _ = bed.refused("CreateRule", ListenerArn=listener, Priority=99, Conditions=PATH, Actions=[fixed()])
    assert code == "TooManyRules"


CONDITIONS: list[tuple[list[dict[str, Any]], str]] = [
    ([{"Values": ["/"]}], "A condition field must be specified"),
    ([{"Field": "cookie", "Values": ["a"]}], "Condition field 'cookie' must be one of"),
    ([{"Field": "path-pattern"}], "A condition value must be specified"),
    ([{"Field": "path-pattern", "Values": [""]}], "A condition value must be specified"),
    (
        [{"Field": "host-header", "Values": ["a.b"], "HostHeaderConfig": {"Values": ["c.d"]}}],
        "You cannot provide both Values and 'HostHeaderConfig' for a condition of type 'host-header'",
    ),
    ([{"Field": "host-header", "Values": ["a b"]}], "character that is not valid"),
    ([{"Field": "path-pattern", "Values": ["/" + "a" * 128]}], "longer than '128' characters"),
    (
        [{"Field": "path-pattern", "Values": list("abcdef")}],
        "A rule can only have '5' condition values and regex",
    ),
    (
        [{"Field": "path-pattern", "Values": ["/*/*/*/*"]}, {"Field": "host-header", "Values": ["*.*.*"]}],
        "'6'",
    ),
    ([*PATH, *PATH], "only have one 'path-pattern' condition"),
    ([{"Field": "http-header", "HttpHeaderConfig": {"Values": ["a"]}}], "HTTP header name must be specified"),
    (
        [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "Host", "Values": ["a"]}}],
        "use a 'host-header' condition",
    ),
    (
        [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "a" * 41, "Values": ["a"]}}],
        "longer than '40'",
    ),
    ([{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["get"]}}], "not valid"),
    ([{"Field": "http-request-method", "Values": ["GET"]}], "'HttpRequestMethodConfig' must be specified"),
    ([{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.1"]}}], "not a valid CIDR block"),
    ([{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.1/24"]}}], "not a valid CIDR block"),
    (
        [{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a"}]}}],
        "A value must be specified",
    ),
    (
        [{"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["("]}}],
        "regular expression '(' is not valid",
    ),
    (
        [{"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["a"], "Values": ["b"]}}],
        "both Values and RegexValues",
    ),
    ([{"Field": "path-pattern", "Values": ["/"], "SourceIpConfig": {"Values": []}}], "You cannot specify"),
]


@pytest.mark.parametrize(("conditions", "message"), CONDITIONS)
def test_conditions_that_cannot_be_are_refused(bed: Bed, conditions: list[dict[str, Any]], message: str):
    listener = bed.listener(bed.load_balancer(), fixed())
    code, said = bed.refused(
        "CreateRule", ListenerArn=listener, Priority=1, Conditions=conditions, Actions=[fixed()]
    )
    assert code == "ValidationError"
    assert message in said


def test_all_six_conditions_in_one_rule(bed: Bed):
    conditions = [
        {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com"]}},
        {"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/v[0-9]+/"]}},
        {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Env", "Values": ["prod?"]}},
        {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a", "Value": "b"}]}},
        {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET"]}},
    ]
    listener = bed.listener(bed.load_balancer(), fixed())
    answer = bed.ask("CreateRule", ListenerArn=listener, Priority=1, Conditions=conditions, Actions=[fixed()])
    assert [each["Field"] for each in answer["Rules"][0]["Conditions"]] == [
        each["Field"] for each in conditions
    ]
    source = [{"Field": "source-ip", "SourceIpConfig": {"Values": ["192.0.2.0/24", "2001:db8::/32"]}}]
    bed.ask("CreateRule", ListenerArn=listener, Priority=2, Conditions=source, Actions=[fixed()])
    bed.wait(60)


# ---- actions ---------------------------------------------------------------------------------------------------


def redirect(**config: Any) -> dict[str, Any]:
    return {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", **config}}


ACTIONS: list[tuple[list[dict[str, Any]], str, str]] = [
    ([{"Type": "teleport"}], "ValidationError", "Action type 'teleport' must be one of"),
    ([{}], "ValidationError", "An action type must be specified"),
    ([{"Type": "forward"}], "InvalidLoadBalancerAction", "A target group ARN must be specified"),
    ([{"Type": "forward", "TargetGroupArn": "x"}], "ValidationError", "'x' is not a valid target group ARN"),
    ([fixed(), redirect(Host="a")], "ValidationError", "An action order must be specified"),
    (
        [{**fixed(), "Order": 1}, {**fixed(), "Order": 2}],
        "InvalidLoadBalancerAction",
        "exactly one forward, redirect or fixed-response",
    ),
    ([fixed("302")], "ValidationError", "2XX, 4XX or 5XX"),
    (
        [{"Type": "fixed-response", "RedirectConfig": {}}],
        "InvalidLoadBalancerAction",
        "'RedirectConfig' cannot be",
    ),
    (
        [
            {
                "Type": "fixed-response",
                "FixedResponseConfig": {"StatusCode": "200", "ContentType": "image/png"},
            }
        ],
        "InvalidLoadBalancerAction",
        "The ContentType must be one of",
    ),
    (
        [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "x" * 1025}}],
        "ValidationError",
        "1024",
    ),
    (
        [redirect()],
        "InvalidLoadBalancerAction",
        "The redirect configuration is not valid because it creates a loop.",
    ),
    ([redirect(Query="a=b")], "InvalidLoadBalancerAction", "loop"),
    ([redirect(Protocol="HTTP", Host="#{host}")], "InvalidLoadBalancerAction", "loop"),
    ([redirect(Path="new")], "InvalidLoadBalancerAction", "should start with a '/'"),
    ([redirect(Path="/#{path}/#{path}")], "InvalidLoadBalancerAction", "placeholders"),
    ([redirect(Host="#{path}")], "InvalidLoadBalancerAction", "placeholders"),
    ([redirect(Port="0")], "InvalidLoadBalancerAction", "Port"),
    ([redirect(Host="a", StatusCode="HTTP_307")], "ValidationError", "HTTP_301, HTTP_302"),
    (
        [{"Type": "authenticate-cognito"}],
        "InvalidLoadBalancerAction",
        "'HTTP' is not supported with action type",
    ),
]


@pytest.mark.parametrize(("actions", "code", "message"), ACTIONS)
def test_actions_that_cannot_be_are_refused(bed: Bed, actions: list[dict[str, Any]], code: str, message: str):
    listener = bed.listener(bed.load_balancer(), fixed())
    got, said = bed.refused("CreateRule", ListenerArn=listener, Priority=1, Conditions=PATH, Actions=actions)
    assert got == code
    assert message in said


def test_a_redirect_fills_in_what_it_leaves(bed: Bed):
    listener = bed.listener(bed.load_balancer(), redirect(Protocol="HTTPS", Port="443"))
    assert document(bed, listener)["rules"][0]["actions"][0]["RedirectConfig"] == {
        "Protocol": "HTTPS",
        "Port": "443",
        "Host": "#{host}",
        "Path": "/#{path}",
        "Query": "#{query}",
        "StatusCode": "HTTP_301",
    }


def test_https_is_not_redirected_to_http(bed: Bed):
    parameters = {"LoadBalancerArn": bed.load_balancer(), "Port": 443, **HTTPS}
    assert bed.refused("CreateListener", **parameters, DefaultActions=[redirect(Protocol="HTTP")]) == (
        "InvalidLoadBalancerAction",
        "You cannot redirect HTTPS to HTTP",
    )


def weighted(*groups: tuple[str, int], **stickiness: Any) -> dict[str, Any]:
    found = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in groups]
    return {
        "Type": "forward",
        "ForwardConfig": {"TargetGroups": found, "TargetGroupStickinessConfig": stickiness},
    }


def test_forwarding_to_several_groups_with_weights_and_stickiness(bed: Bed):
    groups = [bed.group(f"g{number}") for number in range(6)]
    listener = bed.listener(bed.load_balancer(), fixed())
    action = weighted((groups[0], 0), (groups[1], 999), Enabled=True, DurationSeconds=604_800)
    rule = bed.rule(listener, 1, action)
    assert bed.ask("DescribeRules", RuleArns=[rule])["Rules"][0]["Actions"] == [action]
    bed.wait(60)
    create = {"ListenerArn": listener, "Priority": 2, "Conditions": PATH}
    for wrong, code, message in (
        (weighted((groups[0], 1000)), "ValidationError", "between 0 and 999"),
        (weighted((groups[0], 1), Enabled=True), "ValidationError", "The duration must be specified"),
        (weighted((groups[0], 1), Enabled=True, DurationSeconds=0), "ValidationError", "604800"),
        (weighted((groups[0], 1), (groups[0], 2)), "InvalidLoadBalancerAction", "only once"),
        (weighted(*((group, 1) for group in groups)), "TooManyTargetGroups", "'5'"),
        (
            {**weighted((groups[0], 1)), "TargetGroupArn": groups[1]},
            "InvalidLoadBalancerAction",
            "only target group",
        ),
    ):
        got, said = bed.refused("CreateRule", **create, Actions=[wrong])
        assert (got, message in said) == (code, True), said


def test_a_target_group_serves_one_load_balancer():
    bed = Bed(nodes={f"{zone}{n}": f"eu-west-1{zone}" for zone in "ab" for n in range(2)})
    group = bed.group()
    bed.listener(bed.load_balancer("one"), forward(group))
    two = bed.load_balancer("two")
    parameters = {"LoadBalancerArn": two, "Protocol": "HTTP", "Port": 80, "DefaultActions": [forward(group)]}
    assert bed.refused("CreateListener", **parameters) == (
        "TargetGroupAssociationLimit",
        f"The following target groups cannot be associated with more than one load balancer: {group}",
    )


def test_a_target_group_must_fit_the_listener(bed: Bed):
    elsewhere, grpc = bed.group("elsewhere", VpcId="vpc-other"), bed.group("grpc", ProtocolVersion="GRPC")
    parameters = {"LoadBalancerArn": bed.load_balancer(), "Protocol": "HTTP", "Port": 80}
    code, message = bed.refused("CreateListener", **parameters, DefaultActions=[forward(elsewhere)])
    assert code == "InvalidConfigurationRequest" and VPC not in message and "same VPC" in message
    assert bed.refused("CreateListener", **parameters, DefaultActions=[forward(grpc)]) == (
        "InvalidLoadBalancerAction",
        "Listener protocol 'HTTP' is not supported with a target group with the protocol-version 'GRPC'",
    )
    missing = elsewhere[:-16] + "0" * 16
    code, _ = bed.refused("CreateListener", **parameters, DefaultActions=[forward(missing)])
    assert code == "TargetGroupNotFound"


def test_a_hundred_target_groups_per_load_balancer(bed: Bed):
    listener = bed.listener(bed.load_balancer(), fixed())
    groups = [bed.group(f"g{number}") for number in range(101)]
    for number in range(20):
        bed.rule(listener, number + 1, forward(*groups[number * 5 : number * 5 + 5]))
    create = {"ListenerArn": listener, "Priority": 99, "Conditions": PATH}
    code, _ = bed.refused("CreateRule", **create, Actions=[forward(groups[100])])
    assert code == "TooManyUniqueTargetGroupsPerLoadBalancer"
    bed.ask("CreateRule", **create, Actions=[forward(groups[99])])


def test_transforms_are_kept_replaced_and_reset(bed: Bed):
    listener = bed.listener(bed.load_balancer(), fixed())
    rule = bed.rule(listener, 1, fixed())
    rewrite = {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/a", "Replace": "/b"}]}}
    bed.ask("ModifyRule", RuleArn=rule, Transforms=[rewrite])
    assert document(bed, listener)["rules"][0]["transforms"] == [rewrite]
    assert bed.refused("ModifyRule", RuleArn=rule, Transforms=[rewrite, rewrite])[0] == "ValidationError"
    bed.ask("ModifyRule", RuleArn=rule, ResetTransforms=True)
    assert "transforms" not in document(bed, listener)["rules"][0]
    assert bed.refused("ModifyRule", RuleArn=rule)[0] == "ValidationError"


# ---- gates before an action -------------------------------------------------------------------------

OIDC: dict[str, Any] = {
    "Issuer": "https://idp.example.com",
    "AuthorizationEndpoint": "https://idp.example.com/authorize",
    "TokenEndpoint": "https://idp.example.com/token",
    "UserInfoEndpoint": "https://idp.example.com/userinfo",
    "ClientId": "web",
    "ClientSecret": "a secret",
}


def login(**config: Any) -> dict[str, Any]:
    return {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {**OIDC, **config}}


def token(**config: Any) -> dict[str, Any]:
    whole = {"JwksEndpoint": "https://idp.example.com/jwks", "Issuer": "https://idp.example.com", **config}
    return {"Type": "jwt-validation", "Order": 1, "JwtValidationConfig": whole}


def test_a_login_has_its_defaults_and_keeps_its_secret(bed: Bed):
    listener = bed.listener(bed.load_balancer(), fixed(), 443, **HTTPS)
    last = {**fixed(), "Order": 2}
    (rule,) = bed.ask(
        "CreateRule", ListenerArn=listener, Priority=1, Conditions=PATH, Actions=[last, login()]
    )["Rules"]
    shown = rule["Actions"][0]["AuthenticateOidcConfig"]
    assert "ClientSecret" not in shown
    assert (shown["Scope"], shown["SessionTimeout"], shown["OnUnauthenticatedRequest"]) == (
        "openid",
        604_800,
        "authenticate",
    )
    again = login(UseExistingClientSecret=True, Scope="openid email")
    del again["AuthenticateOidcConfig"]["ClientSecret"]
    bed.ask("ModifyRule", RuleArn=rule["RuleArn"], Actions=[again, last])
    kept = bed.tables.values()["elbv2/rules"][rule["RuleArn"]]["Rule"]["Actions"][0]["AuthenticateOidcConfig"]
    assert (kept["ClientSecret"], kept["Scope"]) == ("a secret", "openid email")
    assert "UseExistingClientSecret" not in kept


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (login(Issuer="http://idp.example.com"), "'Issuer' must be a full URL"),
        (login(ClientId=""), "The 'client id' field must be between 1 and 1024 characters in length"),
        (login(ClientSecret=""), "A client secret must be specified"),
        (login(AuthenticationRequestExtraParams={str(n): "x" for n in range(11)}), "up to 10"),
        (token(JwksEndpoint="jwks"), "JWKS endpoint must be a full URL"),
        (token(Issuer=""), "issuer"),
        (token(AdditionalClaims=[{"Name": "iss", "Format": "single-string", "Values": ["a"]}]), "by default"),
        (token(AdditionalClaims=[{"Name": "a", "Format": "single-string", "Values": []}]), "1 to 10 values"),
        (
            token(AdditionalClaims=[{"Name": "a", "Format": "space-separated-values", "Values": ["a b"]}]),
            "cannot include spaces",
        ),
    ],
)
def test_logins_and_tokens_that_cannot_be_are_refused(bed: Bed, action: dict[str, Any], message: str):
    listener = bed.listener(bed.load_balancer(), fixed(), 443, **HTTPS)
    done = [action, {**fixed(), "Order": 2}]
    code, said = bed.refused("CreateRule", ListenerArn=listener, Priority=1, Conditions=PATH, Actions=done)
    assert code == "InvalidLoadBalancerAction"
    assert message in said


def test_a_gate_comes_before_what_is_done(bed: Bed):
    listener = bed.listener(bed.load_balancer(), fixed(), 443, **HTTPS)
    done = [{**fixed(), "Order": 1}, {**token(), "Order": 2}]
    _, said = bed.refused("CreateRule", ListenerArn=listener, Priority=1, Conditions=PATH, Actions=done)
    assert said == "The 'fixed-response' action must be the last action to be performed"
