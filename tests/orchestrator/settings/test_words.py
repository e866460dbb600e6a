import pytest

from orchestrator.control.api import USAGE, RequestFailed
from orchestrator.settings.words import Target, from_mapping, from_words, target_of

POD, ALB = Target("pod", "nginx-0"), Target("alb", "")


def test_what_is_typed():
    assert from_words(["pod/nginx-0", "latency=200ms", "errors=20%"]) == {
        POD: {"latency": "200ms", "errors": "20%"}
    }
    assert from_words(
        ["alb.algorithm=round_robin", "alb[web].idle_timeout=30", "pod/nginx-0", "path=/a=b"]
    ) == {
        ALB: {"algorithm": "round_robin"},
        Target("alb", "web"): {"idle_timeout": "30"},
        POD: {"path": "/a=b"},
    }
    assert from_words(["alb", "load_balancing.algorithm.type=weighted_random"]) == {
        ALB: {"load_balancing.algorithm.type": "weighted_random"}
    }
    assert from_words(["alb.load_balancing.algorithm.type=x"]) == {
        ALB: {"load_balancing.algorithm.type": "x"}
    }


def test_what_a_scenario_says():
    said = {"alb.algorithm": "round_robin", "pod/nginx-0": {"stall": True, "latency": False}}
    assert from_mapping(said) == {ALB: {"algorithm": "round_robin"}, POD: {"stall": "on", "latency": "off"}}


def test_how_a_setting_is_typed_again():
    for typed in ("alb.algorithm=round_robin", "alb[web].idle_timeout=30", "pod/nginx-0 latency=off"):
        ((target, values),) = from_words(typed.split()).items()
        ((key, value),) = values.items()
        assert target.assignment(key, value) == typed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["latency=200ms"], "'latency=200ms': of what? Say TARGET KEY=VALUE; pod/nginx-0, deployment/nginx, alb, "
         "alb[NAME] and tg/NAME have settings"),
        (["pod/nginx-0"], "what is to be set on pod/nginx-0? Say KEY=VALUE; `journey get pod/nginx-0` lists its keys"),
        (["nginx-0", "a=b"], "'nginx-0' has no settings; "
         "pod/nginx-0, deployment/nginx, alb, alb[NAME] and tg/NAME have"),
        (["pods/nginx-0", "a=b"], "'pods/nginx-0' has no settings, did you mean 'pod'?"),
        (["pod/", "a=b"], "'pod/' has no settings; pod/nginx-0, deployment/nginx, alb, alb[NAME] and tg/NAME have"),
    ],
)  # fmt: skip
def test_what_makes_no_sense(words, message):
    with pytest.raises(RequestFailed) as raised:
        from_words(words)
    assert (str(raised.value), raised.value.code) == (message, USAGE)


def test_a_scenario_that_makes_no_sense():
    with pytest.raises(RequestFailed, match=r"a mapping such as .* belongs here, not '200ms'"):
        from_mapping({"pod/nginx-0": "200ms"})
    with pytest.raises(RequestFailed, match="'nginx' has no settings"):
        target_of("nginx")
