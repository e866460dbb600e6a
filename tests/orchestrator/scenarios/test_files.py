"""Scenario files: the shipped ones are sound, and what is wrong with others is said with its place."""

import re
from pathlib import Path

import pytest

from docs.generate import SCENARIO_TARGET, scenario_text
from orchestrator.config import ConfigErrors
from orchestrator.scenarios.loader import is_scenario, load_scenario
from orchestrator.scenarios.variants import merged

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "configs/scenarios").glob("*.yaml"))

SOUND = f"""\
version: 1
name: small
title: Is it small?
world: {ROOT}/configs/journey.yaml
set:
  deployment/nginx: {{replicas: 4}}
  pod/nginx-0: {{latency: 200ms, errors: 20%}}
  alb.algorithm: round_robin
variants:
  one: {{}}
  other: {{set: {{pod/nginx-1: {{stall: on}}}}}}
load:
  warm_up: 1s
  stages:
    - {{for: 2s, rate: 50/s to 100/s}}
timeline:
  - {{at: 1s, do: set, target: pod/nginx-0, to: {{latency: off}}}}
  - {{at: 1s, do: scale, target: deployment/nginx, replicas: 5}}
  - {{at: 1s, do: rollout.restart, target: deployment/nginx}}
  - {{at: 2s, do: kill, target: alb-1a}}
  - {{at: 2s, do: fault.add, target: link/fibre, delay: 80ms, loss: 1%, for: 1s, name: slow}}
  - {{at: 2s, do: drain, target: node/node-1}}
  - {{at: 2s, do: patch, target: ingress/nginx, with: {{metadata: {{}}}}}}
thresholds:
  - {{metric: latency, is: p(99) < 400ms}}
  - {{metric: errors, is: rate < 0.1%}}
  - {{metric: outstanding, where: {{pod: nginx-0, node: alb-1a}}, is: max <= 20}}
  - {{metric: latency, is: p(99) < 400ms, during: slow}}
assertions:
  - {{never: alb.targets.healthy < 4}}
  - {{eventually: deployment.ready == 5, within: 2s, after: 1s}}
expect: {{other: fail}}
"""


def test_the_schema_of_scenario_files_is_fresh():
    assert SCENARIO_TARGET.read_text() == scenario_text(), "make docs"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_scenarios_are_sound(path: Path):
    assert load_scenario(path).scenario.name == path.stem
    assert is_scenario(path) and not is_scenario(ROOT / "configs/journey.yaml")


def test_a_sound_file(tmp_path: Path):
    path = tmp_path / "small.yaml"
    path.write_text(SOUND)
    loaded = load_scenario(path)
    assert list(loaded.worlds) == ["one", "other"]
    shape = loaded.scenario.load.shape(7)
    assert [stage["rate"] for stage in shape.stages] == [50.0, 50.0]
    assert shape.options["warm_up_s"] == 1.0 and shape.options["seed"] == 7


PATCH = "do: patch, target: ingress/nginx, with: {{metadata: {{}}}}"
WRONG = [
    ("  warm_up: 1s", "  clients: [labtop]\n  warm_up: 1s", "13:13: load.clients[0]: there is no laptop 'labtop', "
     "did you mean 'laptop'?"),
    ("  warm_up: 1s", "  clients: [laptop, laptop]\n  warm_up: 1s", "13:21: load.clients[1]: laptop stands here twice"),
    ("name: small", "nmae: small", "2:1: nmae: unknown key, did you mean 'name'?"),
    ("title: Is it small?", "titel: x", "3:1: titel: unknown key, did you mean 'title'?"),
    ("journey.yaml", "jurney.yaml", "4:8: world: {ROOT}/configs/jurney.yaml: no such file or directory, "
     "did you mean 'journey.yaml'?"),
    ("replicas: 4", "replicas: four", "6:32: set.deployment/nginx.replicas: replicas is a whole number, "
     "not 'four'"),
    ("deployment/nginx: {{replicas: 4}}", "deploiment/nginx: {{replicas: 4}}",
     "6:3: set.deploiment/nginx: 'deploiment/nginx' has no settings, did you mean 'deployment'?"),
    ("latency: 200ms,", "latncy: 200ms,", "7:17: set.pod/nginx-0.latncy: unknown key 'latncy', "
     "did you mean 'latency'?"),
    ("latency: 200ms,", "latency: 200,", "7:26: set.pod/nginx-0.latency: '200' is not a time; write it like 200ms, "
     "uniform(50ms,300ms), exponential(200ms) or lognormal(100ms,1s)"),
    ("errors: 20%}}", "errors: 200%}}", "7:41: set.pod/nginx-0.errors: errors: '200%' is more than 100%"),
    ("alb.algorithm:", "algorithm:", "8:3: set.algorithm: 'algorithm' has no settings; pod/nginx-0, deployment/nginx, "
     "alb, alb[NAME] and tg/NAME have"),
    ("  one: {{}}", "  one: {{world: 3}}", "10:9: variants.one.world: unknown key; the other keys are load, overrides, "
     "set, timeline"),
    ("  one: {{}}", "  one: {{load: {{retries: 99}}}}", "10:25: variants.one.load.retries: must be 10 or less"),
    ("  one: {{}}", "  one: {{overrides: {{elements: {{alb-1a: {{kind: abl}}}}}}}}",
     "10:20: variants.one.overrides: with this the world is wrong: elements.alb-1a.kind: unknown kind 'abl': "
     "there is no actors/abl.py, did you mean 'alb'?"),
    ("rate: 50/s to 100/s", "rate: 50", "15:23: load.stages[0].rate: 50 is not a rate; write it like 300/s, "
     "or 50/s to 300/s"),
    ("for: 2s", "for: 0", "15:13: load.stages[0].for: must be more than 0"),
    ("do: set,", "do: sett,", "17:18: timeline[0].do: must be 'set' or 'scale' or 'rollout.restart' or 'kill' "
     "or 'drain' or 'uncordon' or 'patch' or 'apply' or 'delete' or 'aws' or "
     "'fault.add' or 'fault.set' or 'fault.partition' or 'fault.clear' or "
     "'load.set' or 'load.pause' or 'load.resume' or 'load.stop', not 'sett', "
     "did you mean 'set'?"),
    ("target: pod/nginx-0, to: {{latency: off}}", "target: pod/nginx-0, to: {{latency: soon}}",
     "17:58: timeline[0].to.latency: 'soon' is not a time; write it like 200ms, uniform(50ms,300ms), "
     "exponential(200ms) or lognormal(100ms,1s)"),
    ("do: scale, target: deployment/nginx", "do: scale, target: pod/nginx-0",
     "18:33: timeline[1].target: only deployments can do that, such as deployment/nginx, not 'pod/nginx-0'"),
    ("kill, target: alb-1a", "kill, target: alb-1", "20:32: timeline[3].target: there is no element 'alb-1', "
     "did you mean 'alb-1b'?"),
    ("metric: latency,", "metric: latencies,", "25:14: thresholds[0].metric: unknown metric 'latencies', "
     "did you mean 'latency'?"),
    ("p(99) < 400ms", "p99 below 400ms", "25:27: thresholds[0].is: 'p99 below 400ms' is not a condition; write it like "
     "p(99) < 400ms, rate < 0.1% or count == 0"),
    ("p(99) < 400ms", "p(99) < 40%", "25:27: thresholds[0].is: p(N) of latency is a time: write the limit like 400ms"),
    ("p(99) < 400ms", "mean < 400ms", "25:27: thresholds[0].is: latency has no mean; it has max, med, p(N)"),
    ("rate < 0.1%", "rate < 3", "26:26: thresholds[1].is: rate of errors is a share: write the limit like 0.1%"),
    ("node: alb-1a}}", "nod: alb-1a}}", "27:34: thresholds[2].where: outstanding cannot be of a nod, "
     "did you mean 'node'?"),
    ("pod: nginx-0, node: alb-1a", "node: alb-1a", "27:34: thresholds[2].where: outstanding is always of a pod: "
     "say which"),
    ("expect: {{other: fail}}", "expect: {{othr: fail}}", "32:10: expect.othr: there is no variant 'othr', "
     "did you mean 'other'?"),
    ("expect: {{other: fail}}", "expect: {{other: failing}}", "32:17: expect.other: must be 'pass' or 'fail', "
     "not 'failing', did you mean 'fail'?"),
    ("target: link/fibre", "target: link/fiber", "21:37: timeline[4].target: there is no link 'fiber', "
     "did you mean 'fibre'?"),
    ("target: link/fibre", "target: lnk/fibre", "21:37: timeline[4].target: nothing can go wrong with 'lnk/fibre', "
     "did you mean 'link'?; link/fibre, element/alb-1a, pod/nginx-0 and zone/eu-west-1a"),
    ("target: link/fibre, delay: 80ms, loss: 1%", "target: zone/eu-west-1c, cut: true",
     "21:37: timeline[4].target: there is no zone 'eu-west-1c', did you mean 'eu-west-1b'?"),
    ("delay: 80ms, loss: 1%, ", "", "21:37: timeline[4].target: what is to go wrong with link/fibre? Say delay, "
     "jitter, distribution, loss, rate, reorder, duplicate, corrupt, cut, down or crash"),
    ("delay: 80ms, loss: 1%, ", "crash: true, ", "21:56: timeline[4].crash: a link cannot crash; it can be cut, or "
     "down"),
    ("delay: 80ms, loss: 1%", "bandwidth: 2mbit", "21:49: timeline[4].bandwidth: unknown key, did you mean 'rate'?"),
    ("loss: 1%", "cut: true", "21:56: timeline[4].delay: over a link that is cut nothing arrives: leave out delay"),
    ("loss: 1%", "distribution: pareto", "21:76: timeline[4].distribution: distribution says how the jitter varies: "
     "say jitter, too"),
    ("loss: 1%", "jitter: 1ms, distribution: paretto", "21:89: timeline[4].distribution: must be 'uniform', 'normal', "
     "'pareto' or 'paretonormal', not 'paretto', did you mean 'pareto'?"),
    ("fault.add, target: link/fibre, delay: 80ms, loss: 1%, ", "fault.set, target: link/fibre, loss: 2%, ",
     "21:37: timeline[4].target: there is no fault 'link/fibre': there are none at that time"),
    ("name: slow}}", "name: slow}}\n  - {{at: 2500ms, do: fault.set, target: slwo, loss: 2%}}",
     "22:41: timeline[5].target: there is no fault 'slwo', did you mean 'slow'?"),
    ("name: slow}}", "name: slow}}\n  - {{at: 3s, do: fault.set, target: slow, loss: 2%}}",
     "22:37: timeline[5].target: slow is over by then"),
    ("name: slow}}", "name: slow}}\n  - {{at: 2s, do: fault.set, target: slow, cut: true}}",
     "22:37: timeline[5].target: over a link that is cut nothing arrives: leave out delay, loss"),
    ("fault.add, target: link/fibre, delay: 80ms, loss: 1%, ", "fault.partition, between: [isp, link/fibre], ",
     "21:44: timeline[4].between: link/fibre is no side of a partition; a link can be cut"),
    ("name: slow}}", "name: slow}}\n  - {{at: 2s, do: fault.set, target: slow, bandwidth: 1mbit}}",
     "22:43: timeline[5].bandwidth: unknown key, did you mean 'rate'?"),
    ("fault.add, target: link/fibre, delay: 80ms, loss: 1%, ", "fault.partition, between: [isp, transit-9], ",
     "21:44: timeline[4].between: there is no element 'transit-9', did you mean 'transit-3'?"),
    ("fault.add, target: link/fibre, delay: 80ms, loss: 1%, ", "fault.partition, between: [isp, [laptop, isp]], ",
     "21:44: timeline[4].between: element/isp is on both sides: nobody is kept from himself"),
    ("loss: 1%", "loss: 1", "21:68: timeline[4].loss: 1 is not a share; write it like 1%"),
    ("loss: 1%", "los: 1%", "21:62: timeline[4].los: unknown key, did you mean 'loss'?"),
    ("node/node-1", "node/node-9", "22:33: timeline[5].target: there is no node 'node-9', did you mean 'node-2'?"),
    ("node/node-1", "node-1", "22:33: timeline[5].target: only nodes can do that, such as node/node-1, not 'node-1'"),
    ("target: ingress/nginx", "target: ingres/nginx", "23:33: timeline[6].target: there is no kind 'ingres' of "
     "object, did you mean 'ingress'?"),
    ("during: slow", "during: slo", "28:50: thresholds[3].during: the timeline has no entry 'slo', "
     "did you mean 'slow'?"),
    ("is: max <= 20}}", "is: max <= 20, after: 1s}}", "27:79: thresholds[2].after: outstanding of a pod is known of "
     "the whole run only; by the second there are latency, service_latency, requests, errors, responses, "
     "dropped, share"),
    ("node: alb-1a}}", "node: alb-1c}}", "27:34: thresholds[2].where: there is no load balancer node 'alb-1c', "
     "did you mean 'alb-1b'?"),
    ("errors, is: rate < 0.1%", "errors, where: {{kind: timeot}}, is: rate < 0.1%", "26:29: thresholds[1].where: "
     "there is no kind 'timeot', did you mean 'timeout'?"),
    ("alb.targets.healthy < 4", "alb.targets.helthy < 4", "30:13: assertions[0].never: there is no "
     "'alb.targets.helthy' to be known, did you mean 'alb.targets.healthy'?"),
    ("alb.targets.healthy < 4", "alb.targets.healthy", "30:13: assertions[0].never: 'alb.targets.healthy' is not a "
     "claim; write it like alb.targets.healthy < 4 or deployment.ready == 6"),
    ("never: alb.targets.healthy < 4", "never: alb.targets.healthy < 4, always: alb.targets == 4",
     "30:5: assertions[0]: say one of never, always and eventually"),
    ("within: 2s", "wihtin: 2s", "31:41: assertions[1].wihtin: unknown key, did you mean 'within'?"),
    ("alb.algorithm:", "alb.algoritm:", "8:3: set.alb.algoritm: no attribute 'algoritm', did you mean 'algorithm'?"),
    ("round_robin", "fastest", "8:18: set.alb.algorithm: 'fastest' must be one of round_robin, "
     "least_outstanding_requests, weighted_random"),
    ("alb.algorithm: round_robin", "tg/nginx: {{algoritm: x}}", "8:14: set.tg/nginx.algoritm: no attribute "
     "'algoritm', did you mean 'algorithm'?"),
    ("alb.algorithm: round_robin", "cni.WARM_IP_TARGET: 2", "8:3: set.cni.WARM_IP_TARGET: 'cni.WARM_IP_TARGET' is of "
     "the world, and set before it is made: overrides: {elements: {cni-node-1: {env: {WARM_IP_TARGET: 2}}}}"),
    ("at: 2s, do: kill", "at: 3s, do: kill", "20:10: timeline[3].at: the load is over after 2 s; what happens then is "
     "seen by nobody"),
    ("do: patch, target: ingress/nginx, with: {{metadata: {{}}}}", "do: aws, service: elb, operation: X",
     "23:32: timeline[6].service: there is no service 'elb', did you mean 'elbv2'?"),
    ("scale, target: deployment/nginx", "scale, target: deployment/nginks",
     "18:33: timeline[1].target: there is no deployment 'nginks', did you mean 'nginx'?"),
    ("restart, target: deployment/nginx", "restart, target: deployment/shop/web",
     "19:43: timeline[2].target: there is no deployment 'shop/web'; deployments are nginx"),
    ("deployment/nginx: {{replicas: 4}}", "deployment/ngin: {{replicas: 4}}",
     "6:3: set.deployment/ngin: there is no deployment 'ngin', did you mean 'nginx'?"),
    ("other: {{set: {{pod/nginx-1: {{stall: on}}}}}}", "other: {{set: {{deployment/web: {{replicas: 4}}}}}}",
     "11:17: variants.other.set.deployment/web: there is no deployment 'web'; deployments are nginx"),
    ("target: ingress/nginx", "target: ingress/ngnix",
     "23:33: timeline[6].target: there is no ingress 'ngnix', did you mean 'nginx'?"),
    *[(PATCH, f"do: aws, service: {service}, {request}", f"23:{message}") for service, request, message in (
        ("elbv2", "operation: DescribeTargetHelth", "50: timeline[6].operation: there is no operation "
         "'DescribeTargetHelth', did you mean 'DescribeTargetHealth'?"),
        ("elbv2", "operation: DeleteTargetGroup", "5: timeline[6]: TargetGroupArn must be said"),
        ("elbv2", "operation: DeleteTargetGroup, parameters: {{TargetGroupARN: x}}",
         "82: timeline[6].parameters.TargetGroupARN: there is no parameter 'TargetGroupARN', did you mean "
         "'TargetGroupArn'?"),
        ("elbv2", "operation: DeleteTargetGroup, parameters: {{TargetGroupArn: 7}}",
         "98: timeline[6].parameters.TargetGroupArn: a text is wanted, not 7"),
        ("route53", "operation: ChangeResourceRecordSets, parameters: {{HostedZoneId: Z, ChangeBatch: {{Changes: "
         "[{{Action: UPSRT, ResourceRecordSet: {{Name: a, Type: A}}}}]}}}}",
         "141: timeline[6].parameters.ChangeBatch.Changes[0].Action: there is no 'UPSRT', did you mean 'UPSERT'?"),
    )],
    ("outstanding, where: {{pod: nginx-0, node: alb-1a}}, is: max",
     "alb_errors, where: {{cause: TargetClosd}}, is: count",
     "27:33: thresholds[2].where: there is no cause 'TargetClosd', did you mean 'TargetClosedConnection'?"),
    ("version: 1", "version: [1", "2:5: this is not YAML: expected ',' or ']', but got ':' "
     "while parsing a flow sequence"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "message"), WRONG, ids=[f"{number:02}" for number in range(len(WRONG))]
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, old: str, new: str, message: str):
    old, new = old.replace("{{", "{").replace("}}", "}"), new.replace("{{", "{").replace("}}", "}")
    assert SOUND.count(old) >= 1
    path = tmp_path / "wrong.yaml"
    path.write_text(SOUND.replace(old, new, 1))
    with pytest.raises(ConfigErrors) as raised:
        load_scenario(path)
    told = re.sub(re.escape(f"{path}:"), "", str(raised.value))
    assert message.replace("{ROOT}", str(ROOT)) in told.splitlines()


def test_overrides_are_merged_key_by_key():
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 3}
    assert merged(base, {"a": {"c": [3]}, "e": {"f": 1}}) == {"a": {"b": 1, "c": [3]}, "d": 3, "e": {"f": 1}}
