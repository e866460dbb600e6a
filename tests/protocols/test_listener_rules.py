import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.http1 import Request
from actors.protocols.listener_rules import (
    BadPattern,
    Condition,
    Facts,
    FixedResponse,
    Forward,
    ListenerRules,
    Match,
    Redirect,
    Rule,
    WeightedGroup,
    normalised,
    wildcard,
)
from actors.protocols.listener_rules.documents import condition_of, rule_of
from actors.protocols.listener_rules.transforms import Rewrite

DEFAULT = FixedResponse(404, "text/plain", b"")


def path_rule(priority: int, *patterns: str) -> Rule:
    return Rule(
        priority, (Condition("path-pattern", patterns),), Forward((WeightedGroup(f"group-{priority}"),))
    )


def matched(rules: list[Rule], path: str = "/", host: str = "example.com") -> int:
    return ListenerRules(rules, DEFAULT).match(facts(path, host)).rule.priority


def facts(
    path: str = "/",
    host: str = "example.com",
    *,
    method: str = "GET",
    query: str = "",
    source: str = "10.0.0.1",
    **fields: str,
) -> Facts:
    """`fields` are header fields, with underscores for dashes."""
    head = Request()
    for name, value in fields.items():
        head.lines.append(f"{name.replace('_', '-')}: {value}\r\n".encode())
    source_ip = bytes(map(int, source.split(".")))
    return Facts(host.lower().encode(), path.encode(), query.encode(), method.encode(), source_ip, head)


def test_the_lowest_priority_that_holds_wins():
    rules = [path_rule(20, "/*"), path_rule(10, "/img/*")]
    assert matched(rules, "/img/cat.png") == 10
    assert matched(rules, "/") == 20


def test_without_a_match_the_default_holds():
    match = ListenerRules([path_rule(1, "/api/*")], DEFAULT).match(facts("/"))
    assert (match.rule.priority, match.rule.action) == (0, DEFAULT)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/*", "/", True),
        ("/img/*", "/img/", True),
        ("/img/*", "/img", False),
        ("/a?c", "/abc", True),
        ("/a?c", "/ac", False),
        ("/a.c", "/abc", False),
        ("/IMG", "/img", False),
        ("*.php", "/x/y.php", True),
        ("/a+b", "/a+b", True),
    ],
)
def test_wildcards_in_paths(pattern, path, expected):
    assert (matched([path_rule(1, pattern)], path) == 1) is expected


def test_hosts_ignore_case():
    rule = Rule(1, (Condition("host-header", ("*.Example.com",)),), Forward((WeightedGroup("x"),)))
    assert matched([rule], host="API.example.COM") == 1
    assert matched([rule], host="example.com") == 0


def test_all_conditions_must_hold_and_one_value_of_each():
    rule = Rule(
        1,
        (Condition("host-header", ("a.com", "b.com")), Condition("path-pattern", ("/x", "/y"))),
        Forward((WeightedGroup("x"),)),
    )
    assert matched([rule], "/y", "b.com") == 1
    assert matched([rule], "/z", "b.com") == 0
    assert matched([rule], "/x", "c.com") == 0


def test_it_tells_what_was_tried_and_why_it_did_not_hold():
    rules = ListenerRules([path_rule(1, "/a"), path_rule(2, "/b", "/c")], DEFAULT)
    assert rules.match(facts("/c"), explain=True) == Match(
        path_rule(2, "/b", "/c"),
        [
            {
                "priority": 1,
                "conditions": ["path-pattern is /a"],
                "matched": False,
                "why": "path-pattern is /a, but path is /c",
            },
            {
                "priority": 2,
                "conditions": ["path-pattern is /b or /c"],
                "matched": True,
                "why": "path is /c",
            },
        ],
        2,
    )
    assert rules.match(facts("/d"), explain=True).evaluated[-1] == {
        "priority": "default",
        "conditions": [],
        "matched": True,
        "why": "no rule before it holds",
    }


METHODS = {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET", "HEAD"]}}
SOURCES = {"Field": "source-ip", "SourceIpConfig": {"Values": ["192.0.2.0/24", "10.0.0.1/32"]}}
AGENT = {
    "Field": "http-header",
    "HttpHeaderConfig": {"HttpHeaderName": "User-Agent", "Values": ["*Chrome*", "*safari*"]},
}
QUERY = {
    "Field": "query-string",
    "QueryStringConfig": {"Values": [{"Key": "version", "Value": "v1"}, {"Value": "*ex\\*ple*"}]},
}
HOST_REGEX = {"Field": "host-header", "HostHeaderConfig": {"RegexValues": [r"^(.+)\.example\.com$"]}}
PATH_REGEX = {"Field": "path-pattern", "PathPatternConfig": {"RegexValues": [r"^/api/?(.*)$"]}}
BOTH = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a"], "RegexValues": ["^/b"]}}
OLD_STYLE = {"Field": "path-pattern", "Values": ["/old/*"]}


@pytest.mark.parametrize(
    ("condition", "request_facts", "expected"),
    [
        (METHODS, facts(method="HEAD"), True),
        (METHODS, facts(method="get"), False),
        (SOURCES, facts(source="192.0.2.77"), True),
        (SOURCES, facts(source="10.0.0.2", x_forwarded_for="10.0.0.1"), False),
        (AGENT, facts(user_agent="Mozilla (CHROME)"), True),
        (AGENT, facts(user_agent="curl"), False),
        (AGENT, facts(), False),
        (QUERY, facts(query="a=b&VERSION=V1"), True),
        (QUERY, facts(query="version=v2"), False),
        (QUERY, facts(query="q=anex*ple1"), True),
        (QUERY, facts(query="q=anexample"), False),
        (QUERY, facts(), False),
        (HOST_REGEX, facts(host="API.example.com"), True),
        (HOST_REGEX, facts(host="example.com"), False),
        (PATH_REGEX, facts("/api"), True),
        (PATH_REGEX, facts("/API"), False),
        (BOTH, facts("/a"), True),
        (BOTH, facts("/bc"), True),
        (BOTH, facts("/c"), False),
        (OLD_STYLE, facts("/old/x"), True),
    ],
)
def test_each_condition_in_awss_shape(condition, request_facts, expected):
    rule = Rule(7, (condition_of(condition),), DEFAULT)
    match = ListenerRules([rule], DEFAULT).match(request_facts, explain=True)
    assert (match.rule.priority == 7) is expected
    assert match.evaluated[0]["matched"] is expected


@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ({"Field": "colour", "Values": ["x"]}, "condition field 'colour' is none of host-header"),
        ({"Field": "path-pattern"}, "path-pattern has no values"),
        (
            {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"], "RegexValues": ["10"]}},
            "source-ip has no RegexValues",
        ),
    ],
)
def test_conditions_that_cannot_be_carried_out(shape, complaint):
    with pytest.raises(ValueError, match=complaint):
        condition_of(shape)


@pytest.mark.parametrize("pattern", [r"(?=a)", r"(a)\1", r"(?>a)", r"a++", r"\p{L}", "(", "a{2,1}"])
def test_regular_expressions_that_aws_does_not_take(pattern):
    with pytest.raises(BadPattern):
        ListenerRules([Rule(1, (Condition("path-pattern", (), regexes=(pattern,)),), DEFAULT)], DEFAULT)


def test_no_expression_takes_long():
    rule = Rule(1, (Condition("path-pattern", (), regexes=("^(/a+)+$",)),), DEFAULT)
    assert ListenerRules([rule], DEFAULT).match(facts("/" + "a" * 5000 + "!")).rule.priority == 0


def test_weighted_and_sticky_forwards_in_awss_shape():
    groups = [{"TargetGroupArn": "a", "Weight": 0}, {"TargetGroupArn": "b"}]
    config = {"TargetGroups": groups, "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
    action = {"Type": "forward", "ForwardConfig": config}
    rule = rule_of({"arn": "r", "priority": "5", "conditions": [OLD_STYLE], "actions": [action]})
    assert rule.action == Forward((WeightedGroup("a", 0), WeightedGroup("b", 1)), 60)
    plain = rule_of({"priority": "default", "actions": [{"Type": "forward", "TargetGroupArn": "a"}]})
    assert (plain.priority, plain.action) == (0, Forward((WeightedGroup("a"),)))


def test_an_action_that_is_not_carried_out_is_told_with_its_rule():
    actions = [
        {"Type": "authenticate-cognito", "Order": 1},
        {"Type": "forward", "TargetGroupArn": "a", "Order": 2},
    ]
    with pytest.raises(ValueError, match="rule 5: action 'authenticate-cognito' is not carried out"):
        rule_of({"priority": "5", "conditions": [OLD_STYLE], "actions": actions})


@pytest.mark.parametrize(
    ("redirect", "url"),
    [
        (Redirect(301, protocol="HTTPS", port="443"), "https://example.com:443/a/b?c=d"),
        (Redirect(302, host="www.#{host}"), "http://www.example.com:8080/a/b?c=d"),
        (Redirect(302, path="/new/#{path}", query=""), "http://example.com:8080/new/a/b"),
        (Redirect(302, query="from=#{host}&#{query}"), "http://example.com:8080/a/b?from=example.com&c=d"),
    ],
)
def test_where_redirects_lead(redirect, url):
    assert redirect.url("http", "example.com", 8080, "/a/b", "c=d") == url


@pytest.mark.parametrize(
    ("regex", "replace", "text", "expected"),
    [
        (r"^/api/(.+)$", "/$1", "/api/a?b", "/a?b"),
        (r"^(.+)\.example\.com$", "$1.example.org", "www.example.com", "www.example.org"),
        (r"x", "y", "/api", None),
        (r"/(a)?(b)", "/$2$1", "/b/c", "/b/c"),
    ],
)
def test_rewrites(regex, replace, text, expected):
    assert Rewrite.of(regex, replace).applied(text) == expected


def test_a_rewrite_names_no_group_that_is_not_there():
    with pytest.raises(BadPattern, match="has no group 2"):
        Rewrite.of("(a)", "$2")


def by_recursion(pattern: str, text: str) -> bool:
    """What a wildcard means, in as few words as possible."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(by_recursion(pattern[1:], text[skip:]) for skip in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and by_recursion(pattern[1:], text[1:])


@given(st.text("ab*?./", max_size=7), st.text("ab./", max_size=7), st.booleans())
def test_wildcards_mean_what_they_say(pattern, text, ignore_case):
    assert bool(wildcard(pattern, ignore_case=ignore_case)(text)) == by_recursion(pattern, text)


def test_no_wildcard_takes_long():
    like = wildcard("*a*a*a*a*a*b", ignore_case=False)
    assert not like("a" * 16_000)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["/a", "/a*", "*b", "/?"]), st.sampled_from(["x", "*", "y"]), st.booleans()
        ),
        max_size=12,
    ),
    st.sampled_from(["/a", "/ab", "/b", "/"]),
    st.sampled_from(["x", "y", "z"]),
    st.sampled_from(["GET", "POST"]),
)
def test_the_masks_choose_as_trying_one_after_another_would(shapes, path, host, method):
    rules = []
    for number, (pattern, name, any_method) in enumerate(shapes):
        conditions = [Condition("path-pattern", (pattern,)), Condition("host-header", (name,))]
        if not any_method:
            conditions.append(Condition("http-request-method", ("GET",)))
        rules.append(Rule(number + 1, tuple(conditions), DEFAULT))
    expected = next(
        (
            number + 1
            for number, (pattern, name, any_method) in enumerate(shapes)
            if by_recursion(pattern, path) and by_recursion(name, host) and (any_method or method == "GET")
        ),
        0,
    )
    compiled = ListenerRules(rules, DEFAULT)
    for _ in range(2):
        assert compiled.match(facts(path, host, method=method)).rule.priority == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/./b/../c", "/a/c"),
        ("/a/..", "/"),
        ("/../../etc", "/etc"),
        ("/%61dmin", "/admin"),
        ("/a%2fb", "/a%2Fb"),
        ("/.well-known/x", "/.well-known/x"),
        ("*", "*"),
    ],
)
def test_paths_are_normalised_before_they_are_compared(path, expected):
    assert normalised(path) == expected
