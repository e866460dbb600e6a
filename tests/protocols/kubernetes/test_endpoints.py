"""EndpointSlices: what is in them, and that little is written when little has changed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.kubernetes.workloads.endpoints import (
    endpoint,
    old_endpoints,
    plan,
    target_ports,
    wants_endpoints,
)

Object = dict[str, Any]


def service(**spec: Any) -> Object:
    return {
        "metadata": {"name": "web", "namespace": "default", "uid": "s", "labels": {"team": "a"}},
        "spec": {
            "selector": {"app": "web"},
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
            **spec,
        },
    }


def pod(
    number: int, *, ready: bool = True, going: bool = False, phase: str = "Running", port: int = 8080
) -> Object:
    metadata: Object = {"name": f"web-{number:03}", "namespace": "default", "uid": f"u{number:03}"}
    if going:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    ports = [{"name": "http", "containerPort": port, "protocol": "TCP"}]
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "metadata": metadata,
        "spec": {"nodeName": "node-1", "containers": [{"name": "c", "ports": ports}]},
        "status": {
            "phase": phase,
            "podIP": f"10.0.{number // 200}.{number % 200}",
            "conditions": conditions,
        },
    }


def written(slices: list[Object]) -> list[Object]:
    """As the API server would have stored them."""
    return [
        {**each, "metadata": {"name": f"web-{number}", "resourceVersion": "1", **each["metadata"]}}
        for number, each in enumerate(slices)
    ]


@pytest.mark.parametrize(
    ("ready", "going", "conditions"),
    [
        (True, False, {"ready": True, "serving": True, "terminating": False}),
        (False, False, {"ready": False, "serving": False, "terminating": False}),
        (True, True, {"ready": False, "serving": True, "terminating": True}),
        (False, True, {"ready": False, "serving": False, "terminating": True}),
    ],
)
def test_conditions(ready: bool, going: bool, conditions: Object):
    value = pod(1, ready=ready, going=going)
    assert endpoint(service(), value, "a")["conditions"] == conditions
    anyway = endpoint(service(publishNotReadyAddresses=True), value, "a")["conditions"]
    assert anyway == {**conditions, "ready": True}


def test_an_endpoint_tells_where_it_is_and_whose():
    assert endpoint(service(), pod(7), "eu-west-1a") == {
        "addresses": ["10.0.0.7"],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "targetRef": {"kind": "Pod", "namespace": "default", "name": "web-007", "uid": "u007"},
        "nodeName": "node-1",
        "zone": "eu-west-1a",
    }


def test_ports_are_the_pods_own():
    ports = [
        {"name": "http", "port": 80, "targetPort": "http"},
        {"name": "admin", "port": 81, "targetPort": 9000, "appProtocol": "http"},
        {"name": "none", "port": 82, "targetPort": "nobody"},
    ]
    assert target_ports(service(ports=ports), pod(1)) == [
        {"name": "http", "port": 8080, "protocol": "TCP"},
        {"name": "admin", "port": 9000, "protocol": "TCP", "appProtocol": "http"},
    ]


def test_who_has_endpoints():
    assert wants_endpoints(service())
    assert not wants_endpoints(service(selector={}))
    assert not wants_endpoints(service(type="ExternalName"))


def test_a_service_without_pods_has_one_empty_slice():
    ended = [pod(1, phase="Succeeded"), pod(2, phase="Failed"), {**pod(3), "status": {"phase": "Pending"}}]
    (empty,) = plan(service(), ended, {}, []).create
    assert (empty["endpoints"], empty["ports"]) == ([], [])
    assert empty["metadata"] == {
        "generateName": "web-",
        "namespace": "default",
        "labels": {
            "team": "a",
            "kubernetes.io/service-name": "web",
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        },
        "ownerReferences": [
            {
                "apiVersion": "v1",
                "kind": "Service",
                "name": "web",
                "uid": "s",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    assert plan(service(), [], {}, written([empty])) == ([], [], [])


def test_a_hundred_endpoints_are_one_slice_and_250_are_three():
    for count, sizes in ((100, [100]), (101, [100, 1]), (250, [100, 100, 50])):
        made = plan(service(), map(pod, range(count)), {}, []).create
        assert [len(each["endpoints"]) for each in made] == sizes


def test_a_change_of_one_pod_is_a_change_of_one_slice():
    pods = [pod(number) for number in range(250)]
    slices = written(plan(service(), pods, {}, []).create)
    assert plan(service(), pods, {}, slices) == ([], [], [])
    pods[120] = pod(120, ready=False)
    changed = plan(service(), pods, {}, slices)
    assert (changed.create, changed.delete) == ([], [])
    assert [each["metadata"]["name"] for each in changed.update] == ["web-1"]
    del pods[120]
    pods.append(pod(300))
    changed = plan(service(), pods, {}, slices)
    assert [each["metadata"]["name"] for each in changed.update] == ["web-1"]
    assert len(changed.update[0]["endpoints"]) == 100


def test_pods_with_other_ports_have_slices_of_their_own():
    pods = [pod(1), pod(2, port=9090)]
    made = plan(service(), pods, {}, []).create
    assert sorted(each["ports"][0]["port"] for each in made) == [8080, 9090]
    left = plan(service(), pods[:1], {}, written(made))
    assert [each["ports"][0]["port"] for each in left.delete] == [9090]


@given(st.lists(st.sets(st.integers(0, 320)), min_size=1, max_size=6))
def test_after_every_change_the_slices_hold_exactly_the_pods(history: list[set[int]]):
    slices: list[Object] = []
    for round, numbers in enumerate(history):
        changes = plan(service(), [pod(number) for number in sorted(numbers)], {}, slices)
        gone = {each["metadata"]["name"] for each in (*changes.delete, *changes.update)}
        kept = [each for each in slices if each["metadata"]["name"] not in gone]
        fresh = [
            {**each, "metadata": {**each["metadata"], "name": f"web-{round}-{at}"}}
            for at, each in enumerate(changes.create)
        ]
        slices = [*kept, *changes.update, *fresh]
        found = [entry["targetRef"]["uid"] for each in slices for entry in each["endpoints"]]
        assert sorted(found) == [f"u{number:03}" for number in sorted(numbers)]
        assert all(len(each["endpoints"]) <= 100 for each in slices) and slices
        assert plan(service(), [pod(number) for number in sorted(numbers)], {}, slices) == ([], [], [])


def test_the_endpoints_of_old_leave_out_who_goes_and_set_apart_who_is_not_ready():
    found = old_endpoints(service(), [pod(2), pod(1), pod(3, ready=False), pod(4, going=True)])
    (subset,) = found["subsets"]
    assert [each["ip"] for each in subset["addresses"]] == ["10.0.0.1", "10.0.0.2"]
    assert [each["ip"] for each in subset["notReadyAddresses"]] == ["10.0.0.3"]
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
