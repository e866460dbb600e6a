"""Rules of a listener as requests meet them: conditions, redirects, transforms, weights."""

import asyncio
from collections import Counter

import pytest

from actors.element import JOURNEY
from tests.elements.alb_bed import (
    GET,
    LISTENER_ARN,
    Bed,
    Talk,
    fixed,
    forward,
    path,
    redirect,
    rule,
    say,
    target,
)

JOURNEY_ID = "67891233abcdef012345678912345678"


def answering(text: bytes):
    return say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))


async def ask(talk: Talk, target: str, *fields: str, method: str = "GET") -> tuple[int, bytes]:
    head = "".join(f"{field}\r\n" for field in ("Host: example.com", *fields))
    response = await talk.ask(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode(), method.encode())
    return response.status, b"".join(response.body)


def test_rules_look_at_methods_headers_queries_and_clients(tmp_path):
    bed = Bed(
        tmp_path,
        rules=[
            rule(
                1,
                fixed(201),
                {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["PUT"]}},
            ),
            rule(
                2,
                fixed(202),
                {
                    "Field": "http-header",
                    "HttpHeaderConfig": {"HttpHeaderName": "X-Version", "Values": ["2*"]},
                },
            ),
            rule(
                3,
                fixed(203),
                {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "3"}]}},
            ),
            rule(
                4,
                fixed(204),
                {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.100/32"]}},
                path("/mine"),
            ),
            rule(5, fixed(205), {"Field": "source-ip", "SourceIpConfig": {"Values": ["1.2.3.4/32"]}}),
        ],
        default_action=fixed(200),
    )

    async def story():
        talk = await bed.connect()
        assert (await ask(talk, "/", method="PUT"))[0] == 201
        assert (await ask(talk, "/", "x-version: 2.1"))[0] == 202
        assert (await ask(talk, "/?a=b&v=3"))[0] == 203
        assert (await ask(talk, "/mine"))[0] == 204
        assert (await ask(talk, "/", "X-Forwarded-For: 1.2.3.4"))[0] == 200

    bed.run(story())
    assert bed.metric("journey_alb_rule_evaluations_total") == 1 + 2 + 3 + 4 + 6


def test_a_redirect_names_the_port_and_is_counted_as_one(tmp_path):
    bed = Bed(tmp_path, default_action=redirect(301, Protocol="HTTPS", Port="443"))

    async def story():
        talk = await bed.connect()
        response = await talk.ask(b"GET /a?b=c HTTP/1.1\r\nHost: Example.com:80\r\n\r\n")
        assert (response.status, response.reason) == (301, b"Moved Permanently")
        assert b"Location: https://example.com:443/a?b=c\r\n" in response.lines
        assert response.fields[b"content-length"] == b"134"

    bed.run(story())
    assert bed.target().requests == []
    [line] = bed.log()
    assert line.split('"')[11:14:2] == ["redirect", "https://example.com:443/a?b=c"]
    requests = {"target_group": "-", "code_class": "3xx", "source": "redirect"}
    assert bed.metric("journey_alb_requests_total", **requests) == 1


def test_a_redirect_that_grows_too_long_is_a_507(tmp_path):
    bed = Bed(tmp_path, default_action=redirect(302, Path="/#{path}/#{path}"))

    async def story():
        assert (await bed.ask(b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 4080))).status == 302
        assert (await bed.ask(b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 4100))).status == 507

    bed.run(story())
    assert bed.metric("journey_alb_redirect_url_limit_exceeded_total") == 1


def rewrite(kind: str, regex: str, replace: str) -> dict:
    key = {"url-rewrite": "UrlRewriteConfig", "host-header-rewrite": "HostHeaderRewriteConfig"}[kind]
    return {"Type": kind, key: {"Rewrites": [{"Regex": regex, "Replace": replace}]}}


def test_transforms_change_what_the_target_is_asked_for(tmp_path):
    transforms = [
        rewrite("url-rewrite", "^/api/(.*)$", "/$1"),
        rewrite("host-header-rewrite", r"^example\.(.*)$", "inner.$1"),
    ]
    bed = Bed(tmp_path, rules=[rule(1, forward("web-group"), path("/*"), transforms=transforms)])

    async def story():
        talk = await bed.connect()
        assert (await ask(talk, "/api/users?q=1"))[0] == 200
        assert (await ask(talk, "/other"))[0] == 200

    bed.run(story())
    asked = [(request.target, request.fields[b"host"]) for request in bed.target().requests]
    assert asked == [(b"/users?q=1", b"inner.com"), (b"/other", b"inner.com")]
    assert '"GET http://example.com:80/api/users?q=1 HTTP/1.1"' in bed.log()[0]


def test_a_transform_whose_url_cannot_be_asked_for_is_a_500(tmp_path):
    transforms = [rewrite("url-rewrite", "^/", "")]
    bed = Bed(tmp_path, rules=[rule(1, forward("web-group"), path("/*"), transforms=transforms)])

    async def story():
        assert (await bed.ask()).status == 500

    bed.run(story())
    assert bed.target().requests == []


def two_groups(tmp_path, action, **more) -> Bed:
    """`web-group` has t0, `other` has t1; each answers with its group's name."""
    group = {"targets": [target("10.0.0.21:80")]}
    return Bed(tmp_path, targets=2, registered=1, default_action=action, groups={"other": group}, **more)


def test_weights_share_requests_among_groups(tmp_path):
    bed = two_groups(tmp_path, forward(**{"web-group": 3, "other": 1}))

    async def story():
        talk = await bed.connect()
        for _ in range(400):
            await talk.ask(GET)

    bed.run(story())
    assert len(bed.target(0).requests) == pytest.approx(300, abs=26)  # three standard deviations


def test_a_weighted_forward_does_not_fail_over(tmp_path):
    bed = Bed(tmp_path, default_action=forward(**{"web-group": 1, "empty": 1}), groups={"empty": {}})

    async def story():
        talk = await bed.connect()
        return Counter([(await talk.ask(GET)).status for _ in range(100)])

    statuses = bed.run(story())
    assert statuses.keys() == {200, 503}
    assert statuses[503] == pytest.approx(50, abs=15)


def test_without_any_weight_there_is_nobody(tmp_path):
    bed = two_groups(tmp_path, forward(**{"web-group": 0, "other": 0}))

    async def story():
        assert (await bed.ask()).status == 503

    bed.run(story())


def test_rules_change_between_two_requests_of_a_connection(tmp_path):
    bed = two_groups(tmp_path, forward("web-group"))

    async def story():
        bed.target(0).answer, bed.target(1).answer = answering(b"old"), answering(b"new")
        talk = await bed.connect()
        assert await ask(talk, "/") == (200, b"old")
        rules = [rule(9, forward("other"), path("/new")), *bed.items[f"listener/{LISTENER_ARN}"]["rules"]]
        bed.change(f"listener/{LISTENER_ARN}", rules=rules)
        await asyncio.sleep(0.1)
        assert await ask(talk, "/") == (200, b"old")
        assert await ask(talk, "/new") == (200, b"new")

    bed.run(story())


def test_the_journal_says_why_rules_did_not_hold(tmp_path):
    bed = Bed(tmp_path, rules=[rule(5, fixed(200), path("/img/*"))])

    async def story():
        JOURNEY.set(JOURNEY_ID)
        await bed.ask()

    bed.run(story())
    [record] = bed.records("alb.rule")
    assert [(each["priority"], each["matched"], each["why"]) for each in record["evaluated"]] == [
        (5, False, "path-pattern is /img/*, but path is /"),
        ("default", True, "no rule before it holds"),
    ]
