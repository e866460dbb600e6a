"""`set` and `get` on load balancers, pods and deployments."""

import pytest

from orchestrator.control.api import RequestFailed
from orchestrator.settings.verbs import apply, read
from orchestrator.settings.words import from_words, target_of
from tests.orchestrator.settings.fake_aws import FakeAws, FakePods


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws({"web": ["web-nginx"]})


async def changed(world, *words: str) -> list[str]:
    return [
        f"{each.target} {each.key}: {each.before} -> {each.after}"
        for each in await apply(world, from_words(words))
    ]


async def refused(world, *words: str) -> str:
    with pytest.raises(RequestFailed) as raised:
        await apply(world, from_words(words))
    assert raised.value.code == 2
    return str(raised.value)


async def test_attributes_go_to_whom_they_belong_each_in_one_call(aws):
    assert await changed(
        aws, "alb.algorithm=round_robin", "alb.deregistration_delay=5", "alb.idle_timeout=30"
    ) == [
        "tg/web-nginx load_balancing.algorithm.type: least_outstanding_requests -> round_robin",
        "tg/web-nginx deregistration_delay.timeout_seconds: 300 -> 5",
        "alb[web] idle_timeout.timeout_seconds: 60 -> 30",
    ]
    assert aws.modified == [
        (
            "arn:tg/web-nginx",
            {"load_balancing.algorithm.type": "round_robin", "deregistration_delay.timeout_seconds": "5"},
        ),
        ("arn:lb/web", {"idle_timeout.timeout_seconds": "30"}),
    ]
    assert await changed(aws, "alb.idle_timeout.timeout_seconds=30") == []


async def test_what_both_have_is_the_target_groups(aws):
    assert await changed(aws, "alb.cross_zone=false") == [
        "tg/web-nginx load_balancing.cross_zone.enabled: use_load_balancer_configuration -> false"
    ]


async def test_several_load_balancers_are_told_apart_by_name():
    aws = FakeAws({"web": ["web-a", "web-b"], "api": ["api-a"]})
    assert (
        await refused(aws, "alb.algorithm=round_robin")
        == "there are 2 load balancers: say which, of web, api"
    )
    assert await changed(aws, "alb[api].algorithm=round_robin")
    assert await changed(aws, "alb[we].idle_timeout=9")
    assert await refused(aws, "alb[web].algorithm=round_robin") == (
        "load_balancing.algorithm.type is an attribute of 2 target groups: say which, of tg/web-a, tg/web-b"
    )
    assert await changed(aws, "tg/web-b", "algorithm=round_robin")
    assert (
        await refused(aws, "tg/web-c", "algorithm=x")
        == "there is no target group 'web-c', did you mean 'web-b'?"
    )


async def test_refusals(aws):
    assert await refused(aws, "alb.algorithm=fastest") == (
        "An error occurred (ValidationError) when calling the ModifyTargetGroupAttributes operation: "
        "Target group attribute value 'fastest' is not valid"
    )
    assert await refused(aws, "alb.algoritm=x") == "no attribute 'algoritm', did you mean 'algorithm'?"
    assert await refused(FakeAws({}), "alb.algorithm=x") == "there is no load balancer yet"
    assert (
        await refused(FakePods(), "alb.algorithm=x")
        == "this world has no AWS API (an element of kind aws_api)"
    )


async def test_get_shows_a_load_balancer_with_its_target_groups(aws):
    found = await read(aws, target_of("alb"))
    assert [each["target"] for each in found["resources"]] == ["alb[web]", "tg/web-nginx"]
    assert found["resources"][1]["settings"]["load_balancing.algorithm.type"] == "least_outstanding_requests"
    found = await read(aws, target_of("tg/web"))
    assert [each["target"] for each in found["resources"]] == ["tg/web-nginx"]


async def test_pods():
    pods = FakePods("nginx-abc-fghij", "blue--nginx-abc-fghij")
    assert await changed(pods, "pod/nginx-abc-fghij", "latency=1s", "stall=on") == [
        "pod/nginx-abc-fghij latency: off -> 1s",
        "pod/nginx-abc-fghij stall: off -> on",
    ]
    assert await changed(pods, "pod/blue/nginx-abc-fghij", "stall=on")
    assert (await read(pods, target_of("pod/nginx-abc-fghij")))["settings"]["latency"] == "1s"
    assert await refused(pods, "pod/nginx-abc-fghij", "stal=on") == (
        "nginx-abc-fghij: unknown key 'stal', did you mean 'stall'?"
    )
    assert await refused(pods, "pod/nginx-abc-fghik", "stall=on") == (
        "there is no pod 'nginx-abc-fghik', did you mean 'nginx-abc-fghij'?"
    )


async def test_deployments_need_an_api_server_and_have_replicas():
    pods = FakePods()
    assert (await refused(pods, "deployment/nginx", "replicas=3")).startswith(
        "this world has no Kubernetes API"
    )
    assert await refused(pods, "deployment/nginx", "size=3") == (
        "unknown key 'size'; a deployment has preStop, replicas"
    )
    assert await refused(pods, "deployment/nginx", "preStop=1500ms") == (
        "preStop: '1500ms' is not in whole seconds, such as 15s, or off"
    )
    assert await refused(pods, "deployment/nginx", "replicas=-1") == "replicas is a whole number, not '-1'"
