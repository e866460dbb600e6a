"""DaemonSets, and nodes that come, fall silent, return, and go, on the virtual clock."""

from typing import Any

from actors.protocols.kubernetes.workloads.pods import condition, is_active, is_ready, node_of
from tests.elements.cluster_bed import Cluster, deployment, play, template

Object = dict[str, Any]


def daemon_set(name: str, **spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template(name), **spec},
    }


async def nodes_of(cluster: Cluster) -> list[str]:
    return sorted(node_of(pod) for pod in await cluster.items("Pod"))


def test_every_node_has_its_daemon_also_those_that_come_later():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("DaemonSet", daemon_set("agent"))
        await cluster.sleep(2)
        assert await nodes_of(cluster) == ["node-1", "node-2"]
        cluster.kubelet.nodes["node-3"] = {}
        await cluster.kubelet._register("node-3")
        await cluster.client.patch("Node", "node-1", {"spec": {"unschedulable": True}})
        await cluster.sleep(2)
        assert await nodes_of(cluster) == ["node-1", "node-2", "node-3"]
        value = await cluster.client.get("DaemonSet", "agent", "default")
        assert value["status"] == {
            "currentNumberScheduled": 3,
            "numberMisscheduled": 0,
            "desiredNumberScheduled": 3,
            "numberReady": 3,
            "updatedNumberScheduled": 3,
            "numberAvailable": 3,
            "observedGeneration": 1,
        }

    play(story)


def test_daemons_keep_off_tainted_nodes_and_leave_them_for_no_execute():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("DaemonSet", daemon_set("agent"))
        await cluster.sleep(2)
        taint = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
        await cluster.client.patch("Node", "node-1", {"spec": {"taints": [taint]}})
        await cluster.sleep(2)
        assert await nodes_of(cluster) == ["node-1", "node-2"]
        value = await cluster.client.get("DaemonSet", "agent", "default")
        assert (value["status"]["desiredNumberScheduled"], value["status"]["numberMisscheduled"]) == (1, 1)
        await cluster.client.patch("Node", "node-1", {"spec": {"taints": [{**taint, "effect": "NoExecute"}]}})
        await cluster.sleep(2)
        assert await nodes_of(cluster) == ["node-2"]

    play(story)


def test_a_new_template_replaces_one_daemon_after_the_other_and_is_a_revision():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("DaemonSet", daemon_set("agent"))
        await cluster.sleep(2)
        value = template("agent")
        value["spec"]["containers"][0]["image"] = "nginx:1.28"
        await cluster.client.patch("DaemonSet", "agent", {"spec": {"template": value}}, "default")
        fewest = 2
        for _ in range(80):
            await cluster.sleep(0.05)
            fewest = min(fewest, sum(is_ready(pod) for pod in await cluster.items("Pod")))
        images = {pod["spec"]["containers"][0]["image"] for pod in await cluster.items("Pod")}
        assert (images, fewest) == ({"nginx:1.28"}, 1)
        revisions = await cluster.items("ControllerRevision")
        assert sorted(each["revision"] for each in revisions) == [1, 2]
        old = next(each for each in revisions if each["revision"] == 1)
        await cluster.client.patch("DaemonSet", "agent", old["data"], "default", type="strategic")
        await cluster.sleep(4)
        images = {pod["spec"]["containers"][0]["image"] for pod in await cluster.items("Pod")}
        assert images == {"nginx:1.27"}
        assert sorted(each["revision"] for each in await cluster.items("ControllerRevision")) == [2, 3]

    play(story)


def test_on_delete_waits_for_somebody_to_delete():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("DaemonSet", daemon_set("agent", updateStrategy={"type": "OnDelete"}))
        await cluster.sleep(2)
        value = template("agent")
        value["spec"]["containers"][0]["image"] = "nginx:1.28"
        await cluster.client.patch("DaemonSet", "agent", {"spec": {"template": value}}, "default")
        await cluster.sleep(3)
        pods = await cluster.items("Pod")
        assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {"nginx:1.27"}
        await cluster.client.delete("Pod", pods[0]["metadata"]["name"], "default")
        await cluster.sleep(3)
        images = sorted(pod["spec"]["containers"][0]["image"] for pod in await cluster.items("Pod"))
        assert images == ["nginx:1.27", "nginx:1.28"]

    play(story)


def test_with_surge_the_new_daemon_comes_first():
    async def story(cluster: Cluster) -> None:
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
        await cluster.client.create("DaemonSet", daemon_set("agent", updateStrategy=strategy))
        await cluster.sleep(2)
        value = template("agent")
        value["spec"]["containers"][0]["image"] = "nginx:1.28"
        await cluster.client.patch("DaemonSet", "agent", {"spec": {"template": value}}, "default")
        fewest, most = 2, 2
        for _ in range(100):
            await cluster.sleep(0.05)
            pods = await cluster.items("Pod")
            fewest = min(fewest, sum(map(is_ready, pods)))
            most = max(most, sum(map(is_active, pods)))
        images = [pod["spec"]["containers"][0]["image"] for pod in pods]
        assert (images, fewest, most) == (["nginx:1.28"] * 2, 2, 3)

    play(story)


# ---- nodes that fall silent --------------------------------------------------------------------------------


async def taints(cluster: Cluster, name: str) -> list[tuple[str, str]]:
    node = await cluster.client.get("Node", name)
    return [(each["key"], each["effect"]) for each in node["spec"].get("taints", [])]


def test_a_silent_node_is_unknown_after_40_s_and_its_pods_leave_after_300():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Deployment", deployment("nginx", replicas=2))
        await cluster.until(cluster.settled)
        await cluster.sleep(10)
        cluster.kubelet.silent.add("node-1")
        await cluster.sleep(30)
        assert await taints(cluster, "node-1") == []
        await cluster.sleep(20)
        unreachable = "node.kubernetes.io/unreachable"
        assert await taints(cluster, "node-1") == [(unreachable, "NoSchedule"), (unreachable, "NoExecute")]
        ready = condition(await cluster.client.get("Node", "node-1"), "Ready") or {}
        assert (ready["status"], ready["reason"], ready["message"]) == (
            "Unknown",
            "NodeStatusUnknown",
            "Kubelet stopped posting node status.",
        )
        (event,) = [
            event
            for event in await cluster.events("NodeNotReady")
            if event["involvedObject"]["kind"] == "Node"
        ]
        assert event["message"] == "Node node-1 status is now: NodeNotReady"
        (lost,) = [pod for pod in await cluster.items("Pod") if node_of(pod) == "node-1"]
        assert not is_ready(lost) and "deletionTimestamp" not in lost["metadata"]
        await cluster.sleep(300)
        lost = await cluster.client.get("Pod", lost["metadata"]["name"], "default")
        assert "deletionTimestamp" in lost["metadata"]
        assert (condition(lost, "DisruptionTarget") or {})["reason"] == "DeletionByTaintManager"
        assert len(await cluster.events("TaintManagerEviction")) == 1
        alive = [pod for pod in await cluster.items("Pod") if "deletionTimestamp" not in pod["metadata"]]
        assert [node_of(pod) for pod in alive] == ["node-2", "node-2"]

    play(story)


def test_a_node_that_returns_is_as_before():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Deployment", deployment("nginx", replicas=2))
        await cluster.until(cluster.settled)
        before = await nodes_of(cluster)
        cluster.kubelet.silent.add("node-1")
        await cluster.sleep(60)
        assert await taints(cluster, "node-1")
        cluster.kubelet.silent.clear()
        await cluster.sleep(15)
        assert await taints(cluster, "node-1") == []
        await cluster.sleep(400)
        assert await nodes_of(cluster) == before
        messages = [event["message"] for event in await cluster.events("TaintManagerEviction")]
        assert len(messages) == 1 and messages[0].startswith("Cancelling deletion of Pod default/nginx-")

    play(story)


def test_a_cordon_is_a_taint_and_its_end_takes_it_away():
    async def story(cluster: Cluster) -> None:
        await cluster.sleep(1)
        await cluster.client.patch("Node", "node-1", {"spec": {"unschedulable": True}})
        await cluster.sleep(0.5)
        assert await taints(cluster, "node-1") == [("node.kubernetes.io/unschedulable", "NoSchedule")]
        await cluster.client.patch("Node", "node-1", {"spec": {"unschedulable": None}})
        await cluster.sleep(0.5)
        assert await taints(cluster, "node-1") == []

    play(story)


def test_pods_of_a_node_that_is_gone_are_deleted():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Deployment", deployment("nginx", replicas=2))
        await cluster.until(cluster.settled)
        cluster.kubelet.silent.add("node-1")
        await cluster.client.delete("Node", "node-1")
        await cluster.sleep(30)
        assert await nodes_of(cluster) == ["node-1", "node-2"]
        await cluster.sleep(40)
        assert await nodes_of(cluster) == ["node-2", "node-2"]
        leases = [each["metadata"]["name"] for each in await cluster.items("Lease", "kube-node-lease")]
        assert "node-2" in leases

    play(story)
