"""The scheduler's filters, scores and words."""

from typing import Any

import pytest

from actors.protocols.kubernetes import node_affinity
from actors.protocols.kubernetes.scheduling.demand import demand_of, requests
from actors.protocols.kubernetes.scheduling.filters import Refusal, refusal, told
from actors.protocols.kubernetes.scheduling.nodes import NodeInfo, Nodes
from actors.protocols.kubernetes.scheduling.scores import best
from actors.protocols.kubernetes.scheduling.topology import spreads
from actors.protocols.kubernetes.taints import tolerates

Object = dict[str, Any]


def pod(name: str = "p", cpu: str = "0", memory: str = "0", group: str = "", **spec: Any) -> Object:
    resources = {"requests": {"cpu": cpu, "memory": memory}}
    owner = [{"uid": group, "controller": True}] if group else []
    return {
        "metadata": {"uid": name, "name": name, "ownerReferences": owner},
        "spec": {"containers": [{"name": "c", "resources": resources}], **spec},
    }


def node(name: str, zone: str = "", labels: Object | None = None, **spec: Any) -> Object:
    zones = {"topology.kubernetes.io/zone": zone} if zone else {}
    allocatable = {"cpu": "2", "memory": "4Gi", "pods": "3"}
    return {
        "metadata": {"name": name, "labels": {**zones, **(labels or {})}},
        "spec": spec,
        "status": {"allocatable": allocatable},
    }


def info(value: Object, *pods: Object) -> NodeInfo:
    found = NodeInfo(value["metadata"]["name"])
    found.describe(value)
    for each in pods:
        found.add(demand_of(each))
    return found


def reasons(value: Object, *, on: NodeInfo) -> tuple[str, ...]:
    said = refusal(demand_of(value), on)
    return () if said is None else said.reasons


# ---- filters -----------------------------------------------------------------------------------------------


def test_what_does_not_fit():
    assert reasons(pod(cpu="2"), on=info(node("a"))) == ()
    assert reasons(pod(cpu="2001m"), on=info(node("a"))) == ("Insufficient cpu",)
    full = info(node("a"), pod("1", "1"), pod("2", "500m", "4Gi"), pod("3"))
    assert reasons(pod(cpu="1", memory="1"), on=full) == (
        "Too many pods",
        "Insufficient cpu",
        "Insufficient memory",
    )
    full.remove("2")
    assert reasons(pod(cpu="1", memory="1"), on=full) == ()


def test_a_pod_that_asks_for_nothing_fits_on_a_full_node():
    assert reasons(pod(), on=info(node("a"), pod("1", "2", "4Gi"))) == ()


def test_unknown_resources_are_nowhere():
    value = pod()
    value["spec"]["containers"][0]["resources"]["requests"]["nvidia.com/gpu"] = "1"
    assert reasons(value, on=info(node("a"))) == ("Insufficient nvidia.com/gpu",)


@pytest.mark.parametrize(
    ("spec", "labels", "taken", "wanted"),
    [
        ({"unschedulable": True}, {}, {}, "node(s) were unschedulable"),
        (
            {"taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]},
            {},
            {},
            "node(s) had untolerated taint {gpu: yes}",
        ),
        ({}, {}, {"nodeSelector": {"disk": "ssd"}}, "node(s) didn't match Pod's node affinity/selector"),
        ({}, {"disk": "ssd"}, {"nodeSelector": {"disk": "ssd"}}, None),
        ({"taints": [{"key": "gpu", "effect": "PreferNoSchedule"}]}, {}, {}, None),
        ({"unschedulable": True}, {}, {"tolerations": [{"operator": "Exists"}]}, None),
    ],
)
def test_nodes_that_keep_pods_off(spec: Object, labels: Object, taken: Object, wanted: str | None):
    said = reasons(pod(**taken), on=info(node("a", labels=labels, **spec)))
    assert said == (() if wanted is None else (wanted,))


def test_ports_of_the_node_are_given_once():
    def wants(name: str, port: int, address: str = "", protocol: str = "TCP") -> Object:
        ports = [{"containerPort": 80, "hostPort": port, "hostIP": address, "protocol": protocol}]
        return pod(name, containers=[{"name": "c", "ports": ports}])

    taken = info(node("a"), wants("1", 80, "127.0.0.1"))
    said = ("node(s) didn't have free ports for the requested pod ports",)
    assert reasons(wants("2", 80), on=taken) == said
    assert reasons(wants("2", 80, "127.0.0.1"), on=taken) == said
    assert reasons(wants("2", 80, "10.0.0.1"), on=taken) == ()
    assert reasons(wants("2", 80, protocol="UDP"), on=taken) == ()
    assert reasons(wants("2", 81), on=taken) == ()
    taken.remove("1")
    assert reasons(wants("2", 80), on=taken) == ()


def test_a_pinned_pod_goes_to_its_node_only():
    field = {"key": "metadata.name", "operator": "In", "values": ["b"]}
    required = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    value = pod(affinity=affinity)
    assert reasons(value, on=info(node("a"))) == ("node(s) didn't satisfy plugin(s) [NodeAffinity]",)
    assert reasons(value, on=info(node("b"))) == ()


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ({"operator": "In", "values": ["4", "8"]}, True),
        ({"operator": "NotIn", "values": ["4"]}, False),
        ({"operator": "Exists"}, True),
        ({"operator": "DoesNotExist"}, False),
        ({"operator": "Gt", "values": ["3"]}, True),
        ({"operator": "Lt", "values": ["3"]}, False),
    ],
)
def test_node_affinity(expression: Object, wanted: bool):
    term = {"matchExpressions": [{"key": "cores", **expression}]}
    required = {"nodeSelectorTerms": [term]}
    spec = {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}
    assert node_affinity.matches(spec, node("a", labels={"cores": "4"})) is wanted
    assert not node_affinity.term_matches({}, node("a"))


@pytest.mark.parametrize(
    ("toleration", "wanted"),
    [
        ({"operator": "Exists"}, True),
        ({"key": "gpu", "operator": "Exists"}, True),
        ({"key": "gpu", "value": "yes"}, True),
        ({"key": "gpu", "operator": "Equal", "value": "no"}, False),
        ({"key": "gpu", "value": "yes", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_tolerations(toleration: Object, wanted: bool):
    assert tolerates(toleration, {"key": "gpu", "value": "yes", "effect": "NoSchedule"}) is wanted


def test_requests_of_all_containers_and_of_the_greediest_init_container():
    def container(cpu: str, **more: Any) -> Object:
        return {"resources": {"requests": {"cpu": cpu}}, **more}

    spec = {
        "containers": [container("100m"), container("200m")],
        "initContainers": [container("50m", restartPolicy="Always"), container("400m")],
        "overhead": {"cpu": "7m"},
    }
    assert requests(spec) == {"cpu": 457}
    spec["initContainers"] = [container("50m", restartPolicy="Always"), container("100m")]
    assert requests(spec) == {"cpu": 357}


# ---- words -------------------------------------------------------------------------------------------------


def test_the_message_counts_reasons():
    refusals = {
        "a": Refusal(("Insufficient cpu",), False),
        "b": Refusal(("Too many pods",), False),
    }
    assert told(refusals) == (
        "0/2 nodes are available: 1 Insufficient cpu, 1 Too many pods. preemption: 0/2 nodes are available: "
        "2 No preemption victims found for incoming pod."
    )
    refusals["c"] = Refusal(("node(s) had untolerated taint {gpu: }",), True)
    assert told(refusals) == (
        "0/3 nodes are available: 1 Insufficient cpu, 1 Too many pods, 1 node(s) had untolerated taint {gpu: }. "
        "preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, "
        "2 No preemption victims found for incoming pod."
    )
    assert told({}) == "no nodes available to schedule pods"


# ---- scores ------------------------------------------------------------------------------------------------


def names(value: Object, *nodes: NodeInfo) -> list[str]:
    return [each.name for each in best(demand_of(value), nodes)]


def test_the_emptier_node_is_better():
    assert names(pod(cpu="100m"), info(node("a"), pod("1", "1", "2Gi")), info(node("b"))) == ["b"]
    assert names(pod(), info(node("a")), info(node("b"))) == ["a", "b"]


def test_siblings_are_spread_although_the_other_node_is_fuller():
    crowd = info(node("a"), pod("1", "10m", group="g"))
    assert names(pod("2", group="g"), crowd, info(node("b"), pod("3", "100m", "100Mi"))) == ["b"]


def test_a_zone_without_siblings_is_better_than_a_free_node_in_a_crowded_one():
    nodes = info(node("a", "1"), pod("1", group="g")), info(node("b", "1")), info(node("c", "2"))
    assert names(pod("2", group="g"), *nodes) == ["c"]


def test_preferences_count():
    preferred = [{"weight": 5, "preference": {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    value = pod(affinity=affinity)
    fuller = info(node("a", labels={"disk": "ssd"}), pod("1", "200m", "400Mi"))
    assert names(value, fuller, info(node("b"))) == ["a"]
    rather_not = info(node("a", taints=[{"key": "old", "effect": "PreferNoSchedule"}]))
    assert names(pod(), rather_not, info(node("b"), pod("1", "200m", "400Mi"))) == ["b"]


# ---- topologySpreadConstraints -----------------------------------------------------------------------------


def spread_pod(name: str, when: str = "DoNotSchedule", **more: Any) -> Object:
    constraint = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": when,
        "labelSelector": {"matchLabels": {"app": "web"}},
        **more,
    }
    value = pod(name, topologySpreadConstraints=[constraint])
    value["metadata"]["labels"] = {"app": "web"}
    return value


def refused(value: Object, *nodes: NodeInfo) -> list[str]:
    demand = demand_of(value)
    constraints = spreads(demand, nodes)
    said = (refusal(demand, each, constraints) for each in nodes)
    return ["" if each is None else each.reasons[0] for each in said]


def test_no_zone_gets_more_than_one_pod_more_than_another():
    skewed = "node(s) didn't match pod topology spread constraints"
    one, other = info(node("a", "1"), spread_pod("1")), info(node("b", "2"))
    assert refused(spread_pod("2"), one, other) == [skewed, ""]
    assert refused(spread_pod("2", maxSkew=2), one, other) == ["", ""]
    assert refused(spread_pod("2", when="ScheduleAnyway"), one, other) == ["", ""]
    stranger = info(node("c"))
    assert refused(spread_pod("2"), one, other, stranger) == [
        skewed,
        "",
        f"{skewed} (missing required label)",
    ]
    assert refused(spread_pod("2", minDomains=3), info(node("a", "1")), info(node("b", "2"))) == ["", ""]
    assert refused(spread_pod("2", minDomains=3), one, info(node("b", "2"), spread_pod("3"))) == [skewed] * 2


def test_pods_that_go_do_not_count():
    going = spread_pod("1")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert refused(spread_pod("2"), info(node("a", "1"), going), info(node("b", "2"))) == ["", ""]


def test_soft_constraints_choose_the_emptier_zone():
    value = spread_pod("3", when="ScheduleAnyway")
    nodes = [info(node("a", "1"), spread_pod("1")), info(node("b", "2"), pod("2", "500m", "1Gi"))]
    assert [each.name for each in best(demand_of(value), nodes, spreads(demand_of(value), nodes))] == ["b"]


def test_accounts_follow_pods_and_nodes():
    nodes = Nodes()
    nodes.add_pod("a", demand_of(pod("1", "1")))
    assert nodes.all() == []
    nodes.set_node(node("a"))
    (found,) = nodes.all()
    assert (found.taken["cpu"], nodes.place_of("1")) == (1000, "a")
    nodes.add_pod("a", demand_of(pod("1", "1500m")))
    assert (found.taken["cpu"], len(found.demands)) == (1500, 1)
    nodes.remove_node("a")
    nodes.remove_pod("1")
    assert (nodes.all(), nodes.get("a"), nodes.place_of("1")) == ([], None, None)
