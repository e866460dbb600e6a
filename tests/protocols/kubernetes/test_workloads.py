"""Victims, owners, templates, statuses: what controllers decide."""

from typing import Any

import pytest

from actors.protocols.kubernetes.names import ALPHABET
from actors.protocols.kubernetes.workloads import deployments
from actors.protocols.kubernetes.workloads.node_health import evict_in, taints_for, unknown_conditions
from actors.protocols.kubernetes.workloads.owners import adoption, claims
from actors.protocols.kubernetes.workloads.pod_template import same_but_hash, template_hash
from actors.protocols.kubernetes.workloads.replica_sets import Failure, batches, report
from actors.protocols.kubernetes.workloads.victims import victims

Object = dict[str, Any]

NOW_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def pod(
    uid: str,
    *,
    node: str = "node-1",
    phase: str = "Running",
    ready: str | None = "2025-12-31T23:00:00Z",
    cost: str | None = None,
    restarts: int = 0,
    created: str = "2025-12-31T22:00:00Z",
) -> Object:
    conditions = [] if ready is None else [{"type": "Ready", "status": "True", "lastTransitionTime": ready}]
    annotations = {} if cost is None else {"controller.kubernetes.io/pod-deletion-cost": cost}
    return {
        "metadata": {"uid": uid, "name": uid, "creationTimestamp": created, "annotations": annotations},
        "spec": {"nodeName": node} if node else {},
        "status": {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [{"restartCount": restarts}],
        },
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pod("z", node="", ready=None), pod("a", phase="Pending", ready=None)),
        (pod("z", phase="Pending", ready=None), pod("a", phase="Unknown", ready=None)),
        (pod("z", phase="Unknown", ready=None), pod("a", ready=None)),
        (pod("z", ready=None), pod("a")),
        (pod("z", cost="-1"), pod("a")),
        (pod("z"), pod("a", cost="5")),
        (pod("z", cost="nonsense"), pod("a", cost="5")),
        (pod("z", ready="2025-12-31T23:59:00Z"), pod("a", ready="2025-12-31T23:00:00Z")),
        (pod("a", ready="2025-12-31T23:00:00Z"), pod("z", ready="2025-12-31T23:00:10Z")),
        (pod("z", restarts=3), pod("a", restarts=1)),
        (pod("z", created="2025-12-31T23:50:00Z"), pod("a", created="2025-12-31T10:00:00Z")),
        (pod("a"), pod("z")),
    ],
    ids=[
        "no node", "pending", "unknown", "not ready", "lower cost", "dearer stays", "a cost that is no number",
        "ready later",
        "ready at about the same time: by UID", "restarts", "younger", "by UID",
    ],
)  # fmt: skip
def test_the_first_to_go(first: Object, second: Object):
    for pods in ([first, second], [second, first]):
        assert victims(pods, [], 1, NOW_S) == [first]


def test_crowded_nodes_lose_theirs_first():
    alone, crowded = pod("a", node="node-1"), pod("z", node="node-2")
    sibling = pod("s", node="node-2")
    assert victims([alone, crowded], [alone, crowded, sibling], 1, NOW_S) == [crowded]
    going = {**sibling, "metadata": {**sibling["metadata"], "deletionTimestamp": "2026-01-01T00:00:30Z"}}
    assert victims([alone, crowded], [alone, crowded, going], 1, NOW_S) == [alone]


def test_all_go_when_none_is_wanted():
    pods = [pod("a"), pod("b")]
    assert victims(pods, pods, 2, NOW_S) == pods


# ---- owners ------------------------------------------------------------------------------------------------


def owned(name: str, labels: dict[str, str], owner: str | None = None, **more: Any) -> Object:
    references = (
        [] if owner is None else [{"uid": owner, "controller": True, "kind": "ReplicaSet", "name": "x"}]
    )
    metadata = {"name": name, "uid": name, "resourceVersion": "7", "labels": labels, **more}
    return {"metadata": {**metadata, "ownerReferences": references}}


def test_who_is_mine_who_may_be_and_who_is_no_longer():
    owner = {
        "metadata": {"uid": "me", "name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    }
    web, other = {"app": "web"}, {"app": "other"}
    candidates = [
        owned("mine", web, "me"),
        owned("released", other, "me"),
        owned("orphan", web),
        owned("going orphan", web, deletionTimestamp="now"),
        owned("stranger", other),
        owned("another's", web, "you"),
    ]
    found = claims(owner, candidates)
    assert [[each["metadata"]["name"] for each in group] for group in found] == [
        ["mine"],
        ["orphan"],
        ["released"],
    ]
    owner["metadata"]["deletionTimestamp"] = "now"
    found = claims(owner, candidates)
    assert [[each["metadata"]["name"] for each in group] for group in found] == [["mine"], [], []]


def test_an_adoption_fails_if_the_orphan_has_changed():
    patch = adoption({"metadata": {"uid": "me", "name": "web"}}, "ReplicaSet", owned("orphan", {}))
    assert patch["metadata"]["uid"] == "orphan" and patch["metadata"]["resourceVersion"] == "7"
    assert patch["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": "web",
            "uid": "me",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


# ---- templates ---------------------------------------------------------------------------------------------


def test_the_hash_of_a_template_is_stable_and_made_of_good_characters():
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"image": "nginx"}]}}
    hashed = template_hash(template)
    assert hashed == template_hash({"spec": template["spec"], "metadata": template["metadata"]})
    assert 1 <= len(hashed) <= 10 and set(hashed) <= set(ALPHABET)
    assert len({hashed, template_hash(template, 1), template_hash(template, 2)}) == 3


def test_templates_are_compared_without_the_hash():
    spec = {"containers": [{"image": "nginx"}]}
    one = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    other = {"metadata": {"labels": {"app": "web", "pod-template-hash": "abc"}}, "spec": spec}
    assert same_but_hash(one, other)
    assert not same_but_hash(one, {**other, "spec": {"containers": [{"image": "nginx:2"}]}})
    assert not same_but_hash(one, {"metadata": {"annotations": {"x": "y"}, **one["metadata"]}, "spec": spec})


# ---- statuses ----------------------------------------------------------------------------------------------


def test_a_replica_sets_report_counts_and_says_when_to_look_again():
    value = {
        "metadata": {"generation": 3},
        "spec": {"minReadySeconds": 30, "template": {"metadata": {"labels": {"app": "web"}}}},
        "status": {"replicas": 0},
    }
    pods = [
        pod("a"),
        pod("b", ready="2025-12-31T23:59:50Z"),
        pod("c", ready="2025-12-31T23:59:40Z"),
        pod("d", ready=None),
    ]
    pods[0]["metadata"]["labels"] = {"app": "web", "more": "yes"}
    status, again_in = report(value, pods, None, NOW_S)
    assert status == {
        "replicas": 4,
        "fullyLabeledReplicas": 1,
        "readyReplicas": 3,
        "availableReplicas": 1,
        "observedGeneration": 3,
    }
    assert again_in == 10


def test_a_failure_is_a_condition_until_it_is_over():
    value: Object = {"metadata": {}, "spec": {"template": {}}, "status": {}}
    failed = report(value, [], Failure("FailedCreate", "no quota"), NOW_S).status
    (told,) = failed["conditions"]
    assert (told["type"], told["status"], told["reason"], told["message"]) == (
        "ReplicaFailure",
        "True",
        "FailedCreate",
        "no quota",
    )
    again = report({**value, "status": failed}, [], Failure("FailedCreate", "no"), NOW_S + 9).status
    assert again["conditions"] == failed["conditions"]
    assert "conditions" not in report({**value, "status": failed}, [], None, NOW_S).status


def test_pods_are_created_in_batches_that_double():
    assert [batches(number) for number in (0, 1, 2, 6, 7, 10)] == [
        [],
        [1],
        [1, 1],
        [1, 2, 3],
        [1, 2, 4],
        [1, 2, 4, 3],
    ]


# ---- revisions ---------------------------------------------------------------------------------------------


def test_a_revision_that_comes_back_remembers_its_earlier_numbers():
    value = {"metadata": {"annotations": {"kubernetes.io/change-cause": "undo", deployments.REVISION: "4"}}}
    old = {"metadata": {"annotations": {deployments.REVISION: "2", deployments.HISTORY: "1"}}}
    assert deployments.new_annotations(value, old, 5) == {
        "kubernetes.io/change-cause": "undo",
        deployments.REVISION: "5",
        deployments.HISTORY: "1,2",
    }
    current = {"metadata": {"annotations": {deployments.REVISION: "5"}}}
    assert deployments.new_annotations({"metadata": {}}, current, 3) == {deployments.REVISION: "5"}


def test_the_same_status_for_the_same_reason_is_no_news():
    first = deployments.made("Available", "True", "A", "one", NOW_S)
    second = deployments.made("Available", "True", "A", "two", NOW_S + 5)
    third = deployments.made("Available", "True", "B", "three", NOW_S + 5)
    assert deployments.with_condition([first], second) == [first]
    (told,) = deployments.with_condition([first], third)
    assert (told["message"], told["lastTransitionTime"]) == ("three", first["lastTransitionTime"])
    assert told["lastUpdateTime"] == "2026-01-01T00:00:05Z"


# ---- nodes -------------------------------------------------------------------------------------------------


def node(status: str | None = "True", **spec: Any) -> Object:
    conditions = [] if status is None else [{"type": "Ready", "status": status}]
    metadata = {"name": "node-1", "creationTimestamp": "2025-12-31T00:00:00Z"}
    return {"metadata": metadata, "spec": spec, "status": {"conditions": conditions}}


def keys(taints: list[Object]) -> list[str]:
    return [f"{each['key'].partition('/')[2] or each['key']}:{each['effect']}" for each in taints]


def test_taints_follow_the_nodes_state():
    assert keys(taints_for(node("True"), NOW_S)) == []
    assert keys(taints_for(node("False"), NOW_S)) == ["not-ready:NoSchedule", "not-ready:NoExecute"]
    assert keys(taints_for(node("Unknown"), NOW_S)) == ["unreachable:NoSchedule", "unreachable:NoExecute"]
    assert keys(taints_for(node(None), NOW_S)) == ["unreachable:NoSchedule", "unreachable:NoExecute"]
    own = {"key": "gpu", "effect": "NoSchedule"}
    old = taints_for(node("False", taints=[own]), NOW_S)
    changed = taints_for(node("Unknown", taints=old, unschedulable=True), NOW_S + 60)
    assert keys(changed) == [
        "gpu:NoSchedule",
        "unreachable:NoSchedule",
        "unreachable:NoExecute",
        "unschedulable:NoSchedule",
    ]
    kept = taints_for(node("Unknown", taints=changed), NOW_S + 99)
    assert kept == changed[:3], "the time of those that stay does not change"
    assert taints_for(node("True", taints=kept), NOW_S) == [own]


def test_a_node_that_never_said_anything():
    found = unknown_conditions(node(None), NOW_S)
    assert [each["type"] for each in found] == ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"]
    assert {(each["status"], each["reason"]) for each in found} == {("Unknown", "NodeStatusNeverUpdated")}
    assert unknown_conditions({**node(None), "status": {"conditions": found}}, NOW_S + 5) == found


@pytest.mark.parametrize(
    ("tolerations", "wanted"),
    [
        ([], 0.0),
        ([{"key": "down", "operator": "Exists", "effect": "NoExecute"}], None),
        ([{"key": "down", "operator": "Exists", "tolerationSeconds": 300}], 290.0),
        (
            [
                {"operator": "Exists", "tolerationSeconds": 300},
                {"operator": "Exists", "tolerationSeconds": 60},
            ],
            50.0,
        ),
        ([{"key": "down", "operator": "Exists", "tolerationSeconds": 5}], 0.0),
        ([{"key": "down", "value": "other", "tolerationSeconds": 300}], 0.0),
        ([{"key": "down", "operator": "Exists", "effect": "NoSchedule"}], 0.0),
    ],
)
def test_when_a_pod_must_leave(tolerations: list[Object], wanted: float | None):
    taint = {"key": "down", "effect": "NoExecute", "timeAdded": "2025-12-31T23:59:50Z"}
    assert evict_in({"spec": {"tolerations": tolerations}}, [taint], NOW_S) == wanted
    assert (
        evict_in({"spec": {"tolerations": tolerations}}, [{**taint, "effect": "NoSchedule"}], NOW_S) is None
    )
