"""Whole control loops on the virtual clock: workloads become what they are said to be."""

from tests.elements.cluster_bed import Cluster, deployment, play, service


def test_a_deployment_becomes_pods_that_run():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Deployment", deployment("nginx"))
        await cluster.until(cluster.settled)
        pods = await cluster.items("Pod")
        assert sorted(pod["spec"]["nodeName"] for pod in pods) in (
            ["node-1", "node-1", "node-2"],
            ["node-1", "node-2", "node-2"],
        )
        (replica_set,) = await cluster.items("ReplicaSet")
        name = replica_set["metadata"]["name"]
        assert all(pod["metadata"]["name"].startswith(f"{name}-") for pod in pods)
        assert replica_set["status"] == {
            "replicas": 3,
            "fullyLabeledReplicas": 3,
            "readyReplicas": 3,
            "availableReplicas": 3,
            "observedGeneration": 1,
        }
        await cluster.sleep(1)
        value = await cluster.client.get("Deployment", "nginx", "default")
        assert value["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
        conditions = value["status"].pop("conditions")
        assert value["status"] == {
            "observedGeneration": 1,
            "replicas": 3,
            "updatedReplicas": 3,
            "readyReplicas": 3,
            "availableReplicas": 3,
        }
        assert [(each["type"], each["status"], each["reason"], each["message"]) for each in conditions] == [
            ("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
            (
                "Progressing",
                "True",
                "NewReplicaSetAvailable",
                f'ReplicaSet "{name}" has successfully progressed.',
            ),
        ]
        (scaled,) = await cluster.events("ScalingReplicaSet")
        assert scaled["message"] == f"Scaled up replica set {name} from 0 to 3"
        assert len(await cluster.events("SuccessfulCreate")) == 3
        assert len(await cluster.events("Scheduled")) == 3

    play(story)


def test_a_services_slice_follows_its_pods():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Service", service("nginx"))
        await cluster.client.create("Deployment", deployment("nginx", replicas=2))
        await cluster.until(cluster.settled)
        await cluster.sleep(0.5)
        (found,) = await cluster.items("EndpointSlice")
        assert found["metadata"]["labels"]["kubernetes.io/service-name"] == "nginx"
        assert found["ports"] == [{"name": "http", "port": 80, "protocol": "TCP"}]
        pods = {pod["metadata"]["uid"]: pod for pod in await cluster.items("Pod")}
        assert len(found["endpoints"]) == 2
        for entry in found["endpoints"]:
            pod = pods[entry["targetRef"]["uid"]]
            assert entry["addresses"] == [pod["status"]["podIP"]]
            assert entry["conditions"] == {"ready": True, "serving": True, "terminating": False}
            zone = {"node-1": "eu-west-1a", "node-2": "eu-west-1b"}[pod["spec"]["nodeName"]]
            assert (entry["nodeName"], entry["zone"]) == (pod["spec"]["nodeName"], zone)
        (old,) = await cluster.items("Endpoints")
        assert len(old["subsets"][0]["addresses"]) == 2
        await cluster.client.delete("Pod", next(iter(pods.values()))["metadata"]["name"], "default")
        await cluster.sleep(0.1)
        (found,) = await cluster.items("EndpointSlice")
        assert {"ready": False, "serving": True, "terminating": True} in [
            entry["conditions"] for entry in found["endpoints"]
        ]
        await cluster.client.delete("Service", "nginx", "default")
        await cluster.sleep(1)
        assert await cluster.items("EndpointSlice") == await cluster.items("Endpoints") == []

    play(story)


def test_what_a_deployment_owned_goes_with_it():
    async def story(cluster: Cluster) -> None:
        for policy in ("Background", "Foreground"):
            await cluster.client.create("Deployment", deployment("nginx"))
            await cluster.until(cluster.settled)
            await cluster.client.delete("Deployment", "nginx", "default", propagation_policy=policy)
            left = [len(await cluster.items(kind)) for kind in ("Deployment", "ReplicaSet", "Pod")]
            assert left == ([0, 1, 3] if policy == "Background" else [1, 1, 3])
            await cluster.sleep(0.2)
            left = [len(await cluster.items(kind)) for kind in ("Deployment", "ReplicaSet", "Pod")]
            assert left == ([0, 0, 3] if policy == "Background" else [1, 1, 3])
            await cluster.sleep(2)
            assert [await cluster.items(kind) for kind in ("Deployment", "ReplicaSet", "Pod")] == [[], [], []]

    play(story)


def test_orphans_stay_and_are_adopted_again():
    async def story(cluster: Cluster) -> None:
        await cluster.client.create("Deployment", deployment("nginx"))
        await cluster.until(cluster.settled)
        await cluster.sleep(1)
        before = {pod["metadata"]["uid"] for pod in await cluster.items("Pod")}
        await cluster.client.delete("Deployment", "nginx", "default", propagation_policy="Orphan")
        await cluster.sleep(1)
        (replica_set,) = await cluster.items("ReplicaSet")
        assert "ownerReferences" not in replica_set["metadata"]
        made = await cluster.client.create("Deployment", deployment("nginx"))
        await cluster.sleep(1)
        (replica_set,) = await cluster.items("ReplicaSet")
        assert [each["uid"] for each in replica_set["metadata"]["ownerReferences"]] == [
            made["metadata"]["uid"]
        ]
        assert {pod["metadata"]["uid"] for pod in await cluster.items("Pod")} == before

    play(story)
