"""Rollouts on the virtual clock, undisturbed and with everything being killed at random."""

from pathlib import Path
from random import Random
from typing import Any

import pytest

from actors.element import CallFailed
from actors.protocols.kubernetes.status import ApiError
from actors.protocols.kubernetes.workloads.pods import is_active, is_ready
from tests.elements.cluster_bed import Cluster, deployment, play, template

Object = dict[str, Any]


class Bounds:
    """Watches, straight in the store, that a Deployment never has too many pods nor too few."""

    def __init__(self, cluster: Cluster, most: int, fewest: int) -> None:
        self.cluster, self.most, self.fewest = cluster, most, fewest
        self.seen = [most, fewest]
        self.watching = True
        cluster.net.host("kubelet").spawn(self._watch(), "bounds")

    async def _watch(self) -> None:
        while self.watching:
            api = self.cluster.net.element("kube-api")
            if api is not None:
                pods = api.server.store.objects("Pod")
                live = [pod for pod in pods if is_active(pod)]
                ready = sum(map(is_ready, live))
                self.seen = [max(self.seen[0], len(live)), min(self.seen[1], ready)]
                assert len(live) <= self.most and ready >= self.fewest, (len(live), ready)
            await self.cluster.sleep(0.005)


async def new_image(cluster: Cluster, image: str) -> None:
    value = template("nginx")
    value["spec"]["containers"][0]["image"] = image
    while True:
        try:
            await cluster.client.patch("Deployment", "nginx", {"spec": {"template": value}}, "default")
        except (ApiError, CallFailed):
            await cluster.sleep(0.1)
        else:
            return


def test_a_rollout_keeps_its_bounds_step_by_step():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Deployment", deployment("nginx", replicas=4))
        await cluster.until(cluster.settled)
        await cluster.sleep(1)
        bounds = Bounds(cluster, most=5, fewest=3)
        await new_image(cluster, "nginx:1.28")
        await cluster.sleep(0.3)
        await cluster.until(cluster.settled)
        await cluster.sleep(2)
        bounds.watching = False
        old, new = sorted(
            await cluster.items("ReplicaSet"), key=lambda each: each["metadata"]["creationTimestamp"]
        )
        assert (old["spec"]["replicas"], new["spec"]["replicas"]) == (0, 4)
        events = [event["message"] for event in await cluster.events("ScalingReplicaSet")]
        names = {old["metadata"]["name"]: "old", new["metadata"]["name"]: "new"}
        told = [message.split() for message in events]
        steps = [(names[words[4]], int(words[6]), int(words[8])) for words in told]
        assert [step for step in steps if step[0] == "new"] == [
            ("new", 0, 1),
            ("new", 1, 2),
            ("new", 2, 3),
            ("new", 3, 4),
        ]
        assert [step for step in steps[1:] if step[0] == "old"] == [
            ("old", 4, 3),
            ("old", 3, 2),
            ("old", 2, 1),
            ("old", 1, 0),
        ]
        value = await cluster.client.get("Deployment", "nginx", "default")
        assert value["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
        reasons = {each["type"]: each["reason"] for each in value["status"]["conditions"]}
        assert reasons == {"Available": "MinimumReplicasAvailable", "Progressing": "NewReplicaSetAvailable"}

    play(story)


def test_an_undo_is_a_new_revision_of_the_old_replica_set():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Deployment", deployment("nginx"))
        await cluster.until(cluster.settled)
        (first,) = await cluster.items("ReplicaSet")
        await new_image(cluster, "nginx:1.28")
        await cluster.sleep(8)
        await new_image(cluster, "nginx:1.27")
        await cluster.sleep(8)
        sets = {each["metadata"]["name"]: each for each in await cluster.items("ReplicaSet")}
        assert len(sets) == 2
        again = sets[first["metadata"]["name"]]
        annotations = again["metadata"]["annotations"]
        assert annotations["deployment.kubernetes.io/revision"] == "3"
        assert annotations["deployment.kubernetes.io/revision-history"] == "1"
        assert again["spec"]["replicas"] == 3

    play(story)


def test_a_paused_deployment_scales_but_does_not_roll():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Deployment", deployment("nginx"))
        await cluster.until(cluster.settled)
        await cluster.client.patch("Deployment", "nginx", {"spec": {"paused": True}}, "default")
        await new_image(cluster, "nginx:1.28")
        await cluster.client.patch("Deployment", "nginx", {"spec": {"replicas": 5}}, "default")
        await cluster.sleep(3)
        (only,) = await cluster.items("ReplicaSet")
        assert only["status"]["availableReplicas"] == 5
        value = await cluster.client.get("Deployment", "nginx", "default")
        progressing = next(each for each in value["status"]["conditions"] if each["type"] == "Progressing")
        assert (progressing["status"], progressing["reason"]) == ("Unknown", "DeploymentPaused")
        await cluster.client.patch("Deployment", "nginx", {"spec": {"paused": None}}, "default")
        await cluster.sleep(10)
        assert len(await cluster.items("ReplicaSet")) == 2
        assert await cluster.settled()

    play(story)


def test_recreate_waits_until_the_old_pods_are_gone():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Deployment", deployment("nginx", strategy={"type": "Recreate"}))
        await cluster.until(cluster.settled)
        old = {pod["metadata"]["uid"] for pod in await cluster.items("Pod")}
        await new_image(cluster, "nginx:1.28")
        mixed = False
        for _ in range(60):
            await cluster.sleep(0.05)
            now = {pod["metadata"]["uid"] for pod in await cluster.items("Pod")}
            mixed = mixed or bool(now & old and now - old)
        assert not mixed and len(now) == 3 and not now & old

    play(story)


def test_a_rollout_that_hangs_exceeds_its_deadline():
    async def story(cluster: Cluster) -> None:
        value = deployment("nginx", replicas=4, progressDeadlineSeconds=30)
        await cluster.client.create("Deployment", value)
        await cluster.until(cluster.settled)
        cluster.kubelet.broken = lambda pod: pod["spec"]["containers"][0]["image"] == "nginx:broken"
        await new_image(cluster, "nginx:broken")
        await cluster.sleep(20)
        value = await cluster.client.get("Deployment", "nginx", "default")
        told = {each["type"]: (each["status"], each["reason"]) for each in value["status"]["conditions"]}
        assert told["Progressing"] == ("True", "ReplicaSetUpdated")
        assert (value["status"]["availableReplicas"], value["status"]["updatedReplicas"]) == (3, 2)
        await cluster.sleep(20)
        value = await cluster.client.get("Deployment", "nginx", "default")
        (progressing,) = (each for each in value["status"]["conditions"] if each["type"] == "Progressing")
        assert (progressing["status"], progressing["reason"]) == ("False", "ProgressDeadlineExceeded")
        assert progressing["message"].endswith("has timed out progressing.")

    play(story)


def test_old_replica_sets_are_kept_up_to_the_limit():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Deployment", deployment("nginx", replicas=1, revisionHistoryLimit=2))
        for number in range(5):
            await new_image(cluster, f"nginx:1.{number}")
            await cluster.sleep(4)
        sets = await cluster.items("ReplicaSet")
        revisions = sorted(
            int(each["metadata"]["annotations"]["deployment.kubernetes.io/revision"]) for each in sets
        )
        assert revisions == [3, 4, 5]

    play(story)


def make_unreliable(cluster: Cluster, name: str, dice: Random) -> None:
    """An element whose copies are old, and to whose requests answers get lost."""
    host = cluster.net.host(name)
    reliable = host.call

    async def call(element: str, verb: str, /, **arguments: Any) -> Any:
        answer = await reliable(element, verb, **arguments)
        if verb == "watch":
            await host.sleep(dice.random() * 0.2)
        elif dice.random() < 0.1:
            raise CallFailed("the answer got lost")
        return answer

    host.call = call  # type: ignore[method-assign]


@pytest.mark.parametrize("seed", range(12))
def test_old_copies_and_lost_answers_do_no_harm(seed: int):
    async def story(cluster: Cluster) -> None:
        dice = Random(seed)
        for name in ("kube-controller-manager", "kube-scheduler"):
            make_unreliable(cluster, name, dice)
        bounds = Bounds(cluster, most=8, fewest=0)
        await cluster.client.create("Deployment", deployment("nginx", replicas=6))
        await cluster.until(cluster.settled)
        await cluster.sleep(3)
        bounds.fewest = 5
        await new_image(cluster, "nginx:1.28")
        await cluster.sleep(1)
        await cluster.until(cluster.settled)
        await cluster.sleep(8)
        bounds.watching = False
        images = [pod["spec"]["containers"][0]["image"] for pod in await cluster.items("Pod")]
        assert images == ["nginx:1.28"] * 6

    play(story, seed=seed)


@pytest.mark.parametrize("seed", range(12))
def test_whoever_is_killed_the_rollout_ends_well_and_within_bounds(seed: int, tmp_path: Path):
    async def story(cluster: Cluster) -> None:
        dice = Random(seed)
        await cluster.client.create("Deployment", deployment("nginx", replicas=6))
        await cluster.until(cluster.settled)
        await cluster.sleep(1)
        bounds = Bounds(cluster, most=8, fewest=5)
        await new_image(cluster, "nginx:1.28")
        for _ in range(12):
            await cluster.sleep(dice.expovariate(2))
            await cluster.net.restart(
                dice.choice(
                    ["kube-api", "kube-controller-manager", "kube-controller-manager", "kube-scheduler"]
                )
            )
        await cluster.sleep(1)
        await cluster.until(cluster.settled)
        await cluster.sleep(5)
        bounds.watching = False
        pods = await cluster.items("Pod")
        images = [pod["spec"]["containers"][0]["image"] for pod in pods]
        assert images == ["nginx:1.28"] * 6
        assert all(map(is_ready, pods))
        assert len(await cluster.items("ReplicaSet")) == 2

    play(story, tmp_path, seed=seed)
