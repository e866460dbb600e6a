import pytest

from actors.protocols.listener_rules import Condition, FixedResponse, Forward, ListenerRules, Rule, normalised

DEFAULT = FixedResponse(404, "text/plain", b"")


def path_rule(priority: int, *patterns: str) -> Rule:
    return Rule(priority, (Condition("path-pattern", patterns),), Forward(f"group-{priority}"))


def matched(rules: list[Rule], path: str = "/", host: str = "example.com") -> int:
    return ListenerRules(rules, DEFAULT).match(host, path).rule.priority


def test_the_lowest_priority_that_holds_wins():
    rules = [path_rule(20, "/*"), path_rule(10, "/img/*")]
    assert matched(rules, "/img/cat.png") == 10
    assert matched(rules, "/") == 20


def test_without_a_match_the_default_holds():
    match = ListenerRules([path_rule(1, "/api/*")], DEFAULT).match("example.com", "/")
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
    rule = Rule(1, (Condition("host-header", ("*.Example.com",)),), Forward("x"))
    assert matched([rule], host="API.example.COM") == 1
    assert matched([rule], host="example.com") == 0


def test_all_conditions_must_hold_and_one_value_of_each():
    rule = Rule(
        1,
        (Condition("host-header", ("a.com", "b.com")), Condition("path-pattern", ("/x", "/y"))),
        Forward("x"),
    )
    assert matched([rule], "/y", "b.com") == 1
    assert matched([rule], "/z", "b.com") == 0
    assert matched([rule], "/x", "c.com") == 0


def test_it_tells_what_was_tried():
    rules = ListenerRules([path_rule(1, "/a"), path_rule(2, "/b", "/c")], DEFAULT)
    assert rules.match("h", "/c", explain=True).evaluated == [
        {"priority": 1, "conditions": ["path-pattern is /a"], "matched": False},
        {"priority": 2, "conditions": ["path-pattern is /b or /c"], "matched": True},
    ]
    assert rules.match("h", "/d", explain=True).evaluated[-1] == {
        "priority": "default",
        "conditions": [],
        "matched": True,
    }


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
