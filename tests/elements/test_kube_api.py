"""The API server as elements see it: writing and reading over the management network, on the virtual clock."""

from pathlib import Path
from typing import Any

import pytest

from actors.kube_api import Config
from actors.parts.kubernetes.apiserver import store as store_module
from actors.parts.kubernetes.apiserver.logs import follow
from actors.parts.kubernetes.apiserver.manifests import ManifestError
from actors.runtime.virtual_host import VirtualHost
from tests.elements.kube_bed import (
    Object,
    World,
    config_map,
    deployment,
    play,
    pod,
    refused,
    service,
)


def test_a_created_pod_is_pending_and_can_be_read_listed_and_deleted():
    async def story(world: World) -> None:
        made = await world.client.create("Pod", pod("one"))
        assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
        assert await world.client.get("Pod", "one", "default") == made
        listing = await world.client.list("Pod")
        assert listing.items == [made]
        assert int(listing.resource_version) >= int(made["metadata"]["resourceVersion"])
        await world.client.delete("Pod", "one", "default")
        await refused(world.client.get("Pod", "one", "default"), 404, 'pods "one" not found')

    play(story)


def test_an_update_of_an_old_version_is_refused():
    async def story(world: World) -> None:
        old = await world.client.create("Deployment", deployment("nginx"))
        new = await world.client.patch("Deployment", "nginx", {"spec": {"replicas": 5}}, "default")
        assert new["metadata"]["generation"] == 2
        words = 'Operation cannot be fulfilled on deployments.apps "nginx": the object has been modified; please apply'
        await refused(world.client.update("Deployment", old), 409, words)

    play(story)


def test_what_changes_nothing_is_no_new_version():
    async def story(world: World) -> None:
        old = await world.client.create("Deployment", deployment("nginx"))
        assert await world.client.update("Deployment", old) == old
        assert await world.client.patch("Deployment", "nginx", {"spec": {"replicas": 3}}, "default") == old

    play(story)


def test_status_and_spec_are_written_apart():
    async def story(world: World) -> None:
        value = await world.client.create("Deployment", deployment("nginx"))
        value = {**value, "spec": {**value["spec"], "replicas": 9}, "status": {"replicas": 2}}
        value = await world.client.update("Deployment", value, "status")
        assert (value["spec"]["replicas"], value["status"]["replicas"]) == (3, 2)
        value = {**value, "spec": {**value["spec"], "replicas": 9}, "status": {}}
        value = await world.client.update("Deployment", value)
        assert (value["spec"]["replicas"], value["status"]["replicas"]) == (9, 2)
        assert value["metadata"]["generation"] == 2

    play(story)


def test_a_bound_pod_goes_when_its_node_says_so():
    async def story(world: World) -> None:
        await world.client.create("Pod", pod("one"))
        binding = {"kind": "Binding", "target": {"kind": "Node", "name": "node-1"}}
        path = "/api/v1/namespaces/default/pods/one/binding"
        await world.client.request("POST", path, binding)
        await refused(world.client.request("POST", path, binding), 409, 'already assigned to node "node-1"')
        going = await world.client.delete("Pod", "one", "default")
        assert going["metadata"]["deletionGracePeriodSeconds"] == 30
        await world.client.get("Pod", "one", "default")
        await world.client.delete("Pod", "one", "default", grace_period_seconds=0)
        await refused(world.client.get("Pod", "one", "default"), 404, "not found")

    play(story)


def test_scale_is_a_view_of_the_replicas():
    async def story(world: World) -> None:
        await world.client.create("Deployment", deployment("nginx"))
        scale = await world.client.patch(
            "Deployment", "nginx", {"spec": {"replicas": 5}}, "default", subresource="scale"
        )
        assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == (
            "Scale",
            {"replicas": 5},
            "app=nginx",
        )
        assert (await world.client.get("Deployment", "nginx", "default"))["metadata"]["generation"] == 2

    play(story)


# ---- creating ----------------------------------------------------------------------------------------------


def test_a_generated_name_is_the_objects_own():
    async def story(world: World) -> None:
        value = pod("x", generateName="web-")
        del value["metadata"]["name"]
        names = [(await world.client.create("Pod", value))["metadata"]["name"] for _ in range(20)]
        assert len(set(names)) == 20
        assert all(name.startswith("web-") and len(name) == len("web-") + 5 for name in names)

    play(story)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"metadata": {"namespace": "default"}}, 422, "name or generateName is required"),
        (
            {"metadata": {"name": "x", "resourceVersion": "7"}},
            500,
            "resourceVersion should not be set on objects",
        ),
        (
            {"metadata": {"name": "x", "namespace": "other"}},
            400,
            "does not match the namespace sent on the request",
        ),
        ({"metadata": {"name": "X"}}, 422, 'Pod "X" is invalid: metadata.name: Invalid value: "X"'),
        ({"kind": "Service"}, 400, 'Service in version "v1" cannot be handled as a Pod'),
        (
            {"apiVersion": "v2"},
            400,
            "the API version in the data (v2) does not match the expected API version (v1)",
        ),
        ({"spec": {"containers": []}}, 422, "spec.containers: Required value"),
        ({"spec": 7}, 400, "cannot unmarshal number"),
    ],
)
def test_what_cannot_be_created(change: Object, code: int, words: str):
    async def story(world: World) -> None:
        path = "/api/v1/namespaces/default/pods"
        await refused(world.client.request("POST", path, {**pod("x"), **change}), code, words)
        assert (await world.client.list("Pod")).items == []

    play(story)


def test_a_dry_run_tells_what_would_be():
    async def story(world: World) -> None:
        path = "/api/v1/namespaces/default/pods"
        made = await world.client.request("POST", path, pod("x"), query={"dryRun": "All"})
        assert made["status"]["phase"] == "Pending"
        await refused(world.client.get("Pod", "x", "default"), 404, "not found")
        await refused(world.client.request("POST", path, pod("x"), query={"dryRun": "Some"}), 422, "dryRun")

    play(story)


def test_a_put_creates_what_may_be_made_so():
    async def story(world: World) -> None:
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {"holderIdentity": "me"}}
        lease["metadata"] = {"name": "node-1", "namespace": "kube-node-lease"}
        made = await world.client.update("Lease", lease)
        assert made["metadata"]["uid"]
        await refused(
            world.client.update("Lease", lease), 422, "metadata.resourceVersion: Invalid value: 0x0"
        )
        await refused(world.client.update("Pod", pod("x")), 404, 'pods "x" not found')

    play(story)


def test_who_has_written_what_is_kept():
    async def story(world: World) -> None:
        await world.client.create("Deployment", deployment("nginx"))
        await world.client.patch(
            "Deployment", "nginx", {"status": {"replicas": 1}}, "default", subresource="status"
        )
        value = await world.client.get("Deployment", "nginx", "default")
        entries = [(each["manager"], each.get("subresource")) for each in value["metadata"]["managedFields"]]
        assert entries == [("tester", None), ("tester", "status")]

    play(story)


# ---- patching ----------------------------------------------------------------------------------------------


def test_an_apply_creates_and_conflicts_and_forces():
    async def story(world: World) -> None:
        client = world.client
        path = "/apis/apps/v1/namespaces/default/deployments/nginx"

        async def apply(replicas: int, manager: str, **query: str) -> Object:
            content_type = "application/apply-patch+yaml"
            query = {"fieldManager": manager, **query}
            return await client.request(
                "PATCH", path, deployment("nginx", replicas=replicas), query=query, content_type=content_type
            )

        made = await apply(3, "one")
        assert made["metadata"]["generation"] == 1 and made["spec"]["revisionHistoryLimit"] == 10
        assert await apply(3, "one") == made, "nothing changes"
        error = await refused(apply(5, "two"), 409, 'conflict with "one": .spec.replicas')
        assert error.details and error.details["causes"][0]["reason"] == "FieldManagerConflict"
        assert (await apply(5, "two", force="true"))["spec"]["replicas"] == 5

    play(story)


def test_patches_that_are_refused():
    async def story(world: World) -> None:
        await world.client.create("Deployment", deployment("nginx"))
        path = "/apis/apps/v1/namespaces/default/deployments/nginx"

        async def patch(body: Any, content_type: str, **query: str) -> Object:
            return await world.client.request("PATCH", path, body, query=query, content_type=content_type)

        apply, merge = "application/apply-patch+yaml", "application/merge-patch+json"
        await refused(
            patch(deployment("nginx"), apply),
            422,
            "fieldManager: Required value: is required for",
        )
        await refused(
            patch({}, merge, force="true"), 422, "force: Forbidden: may not be specified for non-apply patch"
        )
        await refused(
            patch({}, "text/plain"), 415, "accepted media types include: application/json-patch+json"
        )
        await refused(patch([], merge), 400, "error decoding patch")
        await refused(
            patch({"metadata": {"name": "other"}}, merge), 400, "does not match the name on the URL"
        )
        await refused(
            patch({"metadata": {"resourceVersion": "1"}}, merge), 409, "the object has been modified"
        )
        await refused(patch({"spec": {"replicas": -1}}, merge), 422, "spec.replicas: Invalid value: -1")
        await refused(
            patch({"spec": {"colour": 1}}, merge, fieldValidation="Strict"), 400, "strict decoding error"
        )
        await refused(
            patch({"spec": {}}, merge, fieldValidation="Maybe"), 422, "fieldValidation: Unsupported value"
        )
        binding = {
            "metadata": {"name": "b"},
            "spec": {"serviceRef": {"name": "s", "port": 80}, "targetGroupARN": "a"},
        }
        binding |= {"apiVersion": "elbv2.k8s.aws/v1beta1", "kind": "TargetGroupBinding"}
        strategic = world.client.patch("TargetGroupBinding", "b", {}, "default", type="strategic")
        await refused(strategic, 415, "application/merge-patch+json, application/apply-patch+yaml")

    play(story)


# ---- deleting ----------------------------------------------------------------------------------------------


async def bind(world: World, name: str, node: str = "node-1") -> None:
    binding = {"kind": "Binding", "target": {"kind": "Node", "name": node}}
    await world.client.request("POST", f"/api/v1/namespaces/default/pods/{name}/binding", binding)


def test_a_grace_period_can_only_get_shorter():
    async def story(world: World) -> None:
        client = world.client
        await client.create("Pod", pod("one", {"terminationGracePeriodSeconds": 60}))
        await bind(world, "one")
        first = await client.delete("Pod", "one", "default")
        assert first["metadata"]["deletionGracePeriodSeconds"] == 60
        longer = await client.delete("Pod", "one", "default", grace_period_seconds=90)
        assert longer == first
        shorter = await client.delete("Pod", "one", "default", grace_period_seconds=10)
        assert shorter["metadata"]["deletionGracePeriodSeconds"] == 10
        assert shorter["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:10Z"

    play(story)


def test_a_pod_that_has_ended_goes_at_once():
    async def story(world: World) -> None:
        await world.client.create("Pod", pod("one"))
        await bind(world, "one")
        done = {"status": {"phase": "Succeeded"}}
        await world.client.patch("Pod", "one", done, "default", subresource="status")
        await world.client.delete("Pod", "one", "default")
        await refused(world.client.get("Pod", "one", "default"), 404, "not found")

    play(story)


def test_preconditions_of_a_delete():
    async def story(world: World) -> None:
        made = await world.client.create("ConfigMap", config_map("one"))
        words = "the UID in the precondition (other) does not match the UID in record"
        await refused(world.client.delete("ConfigMap", "one", "default", uid="other"), 409, words)
        path = "/api/v1/namespaces/default/configmaps/one"
        stale = {"preconditions": {"resourceVersion": "1"}}
        await refused(
            world.client.request("DELETE", path, stale), 409, "the ResourceVersion in the precondition (1)"
        )
        gone = await world.client.delete("ConfigMap", "one", "default", uid=made["metadata"]["uid"])
        assert gone["status"] == "Success"
        assert gone["details"] == {"name": "one", "kind": "configmaps", "uid": made["metadata"]["uid"]}

    play(story)


@pytest.mark.parametrize(
    ("policy", "finalizers"),
    [("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"]), ("Background", None)],
)
def test_what_becomes_of_dependents_stands_in_a_finalizer(policy: str, finalizers: list[str] | None):
    async def story(world: World) -> None:
        client = world.client
        await client.create("Deployment", deployment("nginx"))
        await client.delete("Deployment", "nginx", "default", propagation_policy=policy)
        if finalizers is None:
            await refused(client.get("Deployment", "nginx", "default"), 404, "not found")
            return
        going = await client.get("Deployment", "nginx", "default")
        assert going["metadata"]["finalizers"] == finalizers
        assert going["metadata"]["deletionTimestamp"] and going["metadata"]["generation"] == 2
        await client.patch("Deployment", "nginx", {"metadata": {"finalizers": None}}, "default")
        await refused(client.get("Deployment", "nginx", "default"), 404, "not found")

    play(story)


def test_a_policy_that_is_none():
    async def story(world: World) -> None:
        await world.client.create("ConfigMap", config_map("one"))
        delete = world.client.delete("ConfigMap", "one", "default", propagation_policy="Later")
        await refused(
            delete, 422, 'propagationPolicy: Unsupported value: "Later": supported values: "Foreground"'
        )

    play(story)


def test_a_collection_can_be_deleted_by_selector():
    async def story(world: World) -> None:
        for name in "abc":
            await world.client.create("ConfigMap", config_map(name, labels={"keep": str(name == "b")}))
        path, query = "/api/v1/namespaces/default/configmaps", {"labelSelector": "keep!=True"}
        gone = await world.client.request("DELETE", path, query=query)
        assert [each["metadata"]["name"] for each in gone["items"]] == ["a", "c"]
        assert [each["metadata"]["name"] for each in (await world.client.list("ConfigMap")).items] == ["b"]

    play(story)


def test_a_namespace_goes_when_its_pods_have_gone():
    async def story(world: World) -> None:
        client = world.client
        await client.create("Namespace", {"metadata": {"name": "shop"}})
        await client.create("ConfigMap", config_map("one", namespace="shop"))
        await client.create("Pod", pod("one", {"nodeName": "node-1"}, namespace="shop"))
        await client.delete("Namespace", "shop")
        await world.sleep(0.1)
        going = await client.get("Namespace", "shop")
        assert going["status"]["phase"] == "Terminating"
        assert (await client.list("ConfigMap", "shop")).items == []
        words = "unable to create new content in namespace shop because it is being terminated"
        await refused(client.create("ConfigMap", config_map("two", namespace="shop")), 403, words)
        await client.delete("Pod", "one", "shop", grace_period_seconds=0)
        await world.sleep(0.1)
        await refused(client.get("Namespace", "shop"), 404, 'namespaces "shop" not found')

    play(story)


def test_an_eviction_is_a_graceful_delete():
    async def story(world: World) -> None:
        await world.client.create("Pod", pod("one"))
        await bind(world, "one")
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "one"}}
        eviction["deleteOptions"] = {"gracePeriodSeconds": 7}
        await world.client.request("POST", "/api/v1/namespaces/default/pods/one/eviction", eviction)
        going = await world.client.get("Pod", "one", "default")
        assert going["metadata"]["deletionGracePeriodSeconds"] == 7

    play(story)


# ---- lists -------------------------------------------------------------------------------------------------


def test_pages_of_a_list_tell_of_one_moment(tmp_path: Path):
    async def story(world: World) -> None:
        for name in "abcdef":
            await world.client.create("ConfigMap", config_map(name))
        path, names, token = "/api/v1/namespaces/default/configmaps", [], ""
        for page in range(3):
            query = {"limit": "2", **({"continue": token} if token else {})}
            listed = await world.insist(lambda query=query: world.client.request("GET", path, query=query))
            names += [each["metadata"]["name"] for each in listed["items"]]
            token = listed["metadata"].get("continue", "")
            if page == 0:
                assert listed["metadata"]["remainingItemCount"] == 4
                await world.client.delete("ConfigMap", "d", "default")
                await world.client.create("ConfigMap", config_map("cc"))
                await world.net.restart("kube-api")
        assert (names, token) == (list("abcdef"), "")
        listed = await world.client.request("GET", path, query={"continue": "junk"})

    with pytest.raises(Exception, match="continue key is not valid"):
        play(story, tmp_path)


def test_a_page_that_comes_too_late_is_gone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store_module, "KEEP_AT_LEAST", 1)
    monkeypatch.setattr(store_module, "FORGET_EVERY", 5)

    async def story(world: World) -> None:
        for name in "abc":
            await world.client.create("ConfigMap", config_map(name))
        path = "/api/v1/namespaces/default/configmaps"
        first = await world.client.request("GET", path, query={"limit": "1"})
        await world.client.create("ConfigMap", config_map("bb"))
        await world.sleep(301)
        for name in "defghi":
            await world.client.create("ConfigMap", config_map(name))
        query = {"limit": "1", "continue": first["metadata"]["continue"]}
        words = "The provided continue parameter is too old to display a consistent list result"
        await refused(world.client.request("GET", path, query=query), 410, words)

    play(story)


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ({"limit": "many"}, 400, 'strconv.ParseInt: parsing "many"'),
        ({"resourceVersion": "x"}, 400, "resourceVersion: Invalid value"),
        ({"resourceVersion": "999999"}, 504, "Too large resource version: 999999"),
        ({"resourceVersionMatch": "Exact"}, 400, "resourceVersionMatch"),
        ({"labelSelector": "a in ("}, 400, "unable to parse requirement"),
        ({"fieldSelector": "spec.colour=red"}, 400, "field label not supported: spec.colour"),
    ],
)
def test_lists_that_cannot_be_had(query: dict[str, str], code: int, words: str):
    async def story(world: World) -> None:
        await refused(world.client.request("GET", "/api/v1/pods", query=query), code, words)

    play(story)


def test_a_list_can_be_had_as_it_was():
    async def story(world: World) -> None:
        await world.client.create("ConfigMap", config_map("one"))
        then = (await world.client.list("ConfigMap")).resource_version
        await world.client.create("ConfigMap", config_map("two"))
        query = {"resourceVersion": then, "resourceVersionMatch": "Exact"}
        listed = await world.client.request("GET", "/api/v1/configmaps", query=query)
        assert [each["metadata"]["name"] for each in listed["items"]] == ["one"]
        assert listed["metadata"]["resourceVersion"] == then

    play(story)


# ---- kinds with something of their own -----------------------------------------------------------------------


def test_services_get_addresses_of_the_range_and_keep_them():
    async def story(world: World) -> None:
        client = world.client
        first = await client.get("Service", "kubernetes", "default")
        assert first["spec"]["clusterIP"] == "172.20.0.1"
        made = [await client.create("Service", service(f"s{number}")) for number in range(10)]
        addresses = {each["spec"]["clusterIP"] for each in made}
        assert len(addresses) == 10 and all(each.startswith("172.20.") for each in addresses)
        assert made[0]["spec"]["clusterIPs"] == [made[0]["spec"]["clusterIP"]]
        changed = service("s0", selector={"app": "other"})
        assert (await client.update("Service", changed))["spec"]["clusterIP"] == made[0]["spec"]["clusterIP"]
        taken = service("x", clusterIP=made[0]["spec"]["clusterIP"])
        await refused(client.create("Service", taken), 422, "provided IP is already allocated")
        words = "The range of valid IPs is 172.20.0.0/16"
        await refused(client.create("Service", service("x", clusterIP="10.1.1.1")), 422, words)
        headless = await client.create("Service", service("headless", clusterIP="None"))
        assert headless["spec"]["clusterIPs"] == ["None"]

    play(story)


def test_node_ports_come_and_go_with_the_type():
    async def story(world: World) -> None:
        client = world.client
        made = await client.create("Service", service("web", type="NodePort"))
        port = made["spec"]["ports"][0]["nodePort"]
        assert 30_000 <= port <= 32_767
        other = service("other", type="NodePort", ports=[{"port": 80, "nodePort": port}])
        await refused(client.create("Service", other), 422, "provided port is already allocated")
        low = service("other", type="NodePort", ports=[{"port": 80, "nodePort": 80}])
        await refused(client.create("Service", low), 422, "The range of valid ports is 30000-32767")
        kept = await client.update("Service", service("web", type="LoadBalancer"))
        assert kept["spec"]["ports"][0]["nodePort"] == port
        plain = await client.patch("Service", "web", {"spec": {"type": "ClusterIP"}}, "default")
        assert "nodePort" not in plain["spec"]["ports"][0]

    play(story)


def test_a_full_range_of_addresses():
    async def story(world: World) -> None:
        for number in range(5):
            await world.client.create("Service", service(f"s{number}"))
        await refused(world.client.create("Service", service("last")), 500, "range is full")

    play(story, service_cidr="172.20.0.0/29")


def test_events_live_for_an_hour():
    async def story(world: World) -> None:
        event = {"metadata": {"name": "e", "namespace": "default"}, "reason": "Made", "type": "Normal"}
        event["involvedObject"] = {"kind": "Pod", "name": "p", "namespace": "default"}
        await world.client.create("Event", event)
        await world.sleep(3590)
        assert len((await world.client.list("Event")).items) == 1
        await world.sleep(100)
        assert (await world.client.list("Event")).items == []

    play(story)


def test_a_system_pods_priority():
    async def story(world: World) -> None:
        made = await world.client.create("Pod", pod("one", {"priorityClassName": "system-node-critical"}))
        assert made["spec"]["priority"] == 2_000_001_000
        other = pod("two", {"priorityClassName": "vip"})
        await refused(world.client.create("Pod", other), 403, "no PriorityClass with name vip was found")

    play(story)


# ---- logs --------------------------------------------------------------------------------------------------

LOG = "/api/v1/namespaces/default/pods/one/log"


async def log_of(world: World, **query: str) -> Any:
    response = await world.server.handle(world.request(LOG, **query))
    return response.body if response.code == 200 else (response.code, response.body["message"])


def test_logs_are_the_kubelets():
    async def story(world: World) -> None:
        await world.client.create("Pod", pod("one"))
        assert await log_of(world) == "", "no node has it yet"
        await bind(world, "one")
        world.net.element("node-1").log = "a\nb\nc\n"
        assert await log_of(world) == "a\nb\nc\n"
        assert await log_of(world, tailLines="2", sinceSeconds="5", timestamps="true") == "b\nc\n"
        asked = world.net.element("node-1").asked[-1]
        assert (asked["pod"], asked["container"], asked["since_seconds"]) == ("one", "nginx", 5)
        assert (asked["timestamps"], asked["previous"]) == (True, False)
        assert await log_of(world, tailLines="-1") == (
            422,
            'PodLogOptions "" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
        )
        moment = "2026-01-01T00:00:00Z"
        assert await log_of(world, sinceTime=moment) == "a\nb\nc\n"
        assert world.net.element("node-1").asked[-1]["since_time"] == moment
        assert (await log_of(world, sinceTime=moment, sinceSeconds="5"))[0] == 422
        assert (await log_of(world, sinceTime="yesterday"))[0] == 400
        words = 'previous terminated container "nginx" in pod "one" not found'
        assert await log_of(world, previous="true") == (400, words)
        waiting = {"name": "nginx", "state": {"waiting": {"reason": "ContainerCreating"}}}
        waiting |= {"image": "i", "imageID": "", "ready": False, "restartCount": 0}
        status = {"status": {"containerStatuses": [waiting]}}
        await world.client.patch("Pod", "one", status, "default", subresource="status")
        words = 'container "nginx" in pod "one" is waiting to start: ContainerCreating'
        assert await log_of(world) == (400, words)

    play(story)


def test_a_log_can_be_followed_until_the_container_ends():
    async def story(world: World) -> None:
        running = {
            "name": "nginx",
            "image": "i",
            "imageID": "",
            "ready": True,
            "restartCount": 0,
            "containerID": "c",
        }

        async def tell(state: Object) -> None:
            status = {"status": {"containerStatuses": [{**running, "state": state}]}}
            await world.client.patch("Pod", "one", status, "default", subresource="status")

        async def go_on() -> None:
            await world.sleep(5)
            world.net.element("node-1").log += "c\nd\n"
            await world.sleep(5)
            await tell({"terminated": {"exitCode": 0}})

        await world.client.create("Pod", pod("one", {"nodeName": "node-1"}))
        world.net.element("node-1").log = "a\nb\n"
        await tell({"running": {"startedAt": "2026-01-01T00:00:00Z"}})
        world.spawn(go_on())
        texts = await follow(world.server.registry, world.request(LOG, tailLines="1", follow="true"))
        assert [text async for text in texts] == ["b\n", "c\nd\n"]
        assert 10 <= world.net.host("tester").now_ns() / 1e9 < 10.5

    play(story)


def test_a_pod_of_several_containers_wants_one_named():
    async def story(world: World) -> None:
        containers = [{"name": name, "image": "i:1"} for name in ("web", "broken")]
        await world.client.create("Pod", pod("one", {"containers": containers, "nodeName": "node-1"}))
        words = "a container name must be specified for pod one, choose one of: [web broken]"
        assert await log_of(world) == (400, words)
        assert await log_of(world, container="other") == (400, "container other is not valid for pod one")
        assert await log_of(world, container="broken") == (500, "Internal error occurred: the log is broken")

    play(story)


# ---- manifests, and being settled ----------------------------------------------------------------------------

MANIFESTS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {a: b}
---
# nothing
---
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: two}}
  - {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
"""


def test_manifests_are_applied_once_in_a_clusters_life(tmp_path: Path):
    file = tmp_path / "all.yaml"
    file.write_text(MANIFESTS)

    async def story(world: World) -> None:
        made = await world.client.get("ConfigMap", "one", "default")
        assert made["metadata"]["managedFields"][0]["manager"] == "journey"
        assert made["metadata"]["managedFields"][0]["operation"] == "Apply"
        await world.client.get("Namespace", "shop")
        await world.client.delete("ConfigMap", "two", "default")
        await world.net.restart("kube-api")
        await refused(world.client.get("ConfigMap", "two", "default"), 404, "not found")

    play(story, tmp_path, manifests=[str(file)])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind: ConfigMap", "kind: Cm", 'document 1: Cm \'one\': no matches for kind "Cm" in version "v1"'),
        (
            "name: shop",
            "name: Shop",
            "document 3: Namespace 'Shop': Namespace \"Shop\" is invalid: metadata.name",
        ),
        (
            "data: {a",
            "dater: {a",
            "document 1: ConfigMap 'one': ConfigMap in version \"v1\" cannot be handled",
        ),
        ("{name: one}", "{name: one", "yaml: line"),
        ("{name: one}", "{}", "document 1: ConfigMap None: metadata.name: Required value"),
    ],
)
def test_a_wrong_manifest_says_where(tmp_path: Path, old: str, new: str, words: str):
    file = tmp_path / "wrong.yaml"
    file.write_text(MANIFESTS.replace(old, new, 1))

    async def story(world: World) -> None:
        raise AssertionError("it must not come up")

    with pytest.raises(ManifestError) as caught:
        play(story, manifests=[str(file)])
    assert str(caught.value).startswith(f"{file}: ") and words in str(caught.value)


def test_a_cluster_is_settled_when_all_replicas_are_available():
    async def story(world: World) -> None:
        async def settled() -> bool:
            answer = await world.net.host("tester").call("kube-api", "settled")
            assert isinstance(answer, bool)
            return answer

        assert await settled()
        await world.client.create("Deployment", deployment("nginx"))
        assert not await settled()
        status: Object = {"observedGeneration": 1, "availableReplicas": 3}
        await world.client.patch("Deployment", "nginx", {"status": status}, "default", subresource="status")
        assert await settled()
        await world.client.patch("Deployment", "nginx", {"spec": {"replicas": 2}}, "default")
        assert not await settled()

    play(story)


def test_inspect_counts():
    async def story(world: World) -> None:
        world.informer("Pod")
        await world.sleep(0.1)
        told = await world.net.host("tester").call("kube-api", "inspect")
        assert told["objects"]["Namespace"] == 4 and told["watchers"] == {"Pod": 1} and told["revision"] >= 5
        numbers = await world.net.host("tester").call("kube-api", "metrics")
        assert numbers['apiserver_request_total{code="200",resource="pods",subresource="",verb="LIST"}'] == 1

    play(story)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"service_cidr": "172.20.0.1/16"}, "is not an IPv4 prefix"),
        ({"port": 70_000}, "less than or equal to 65535"),
        ({"read_only_token": "x"}, "at least 8 characters"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_config_is_refused(changed: Object, words: str):
    with pytest.raises(ValueError, match=words):
        Config.model_validate(changed)


# ---- the door for kubectl --------------------------------------------------------------------------------------


def test_a_kubeconfig_stays_good_and_a_port_that_is_gone_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "kubernetes.default.svc.pem").write_text("a key that nobody knows")
    (tmp_path / "ca.pem").write_text("a certificate")
    asked: list[int] = []
    taken: set[int] = set()

    async def serve(host: Any, name: str, app: Any, *, certificate: str | None = None, port: int = 0) -> str:
        assert (name, certificate) == ("kube_api", "kubernetes.default.svc")
        asked.append(port)
        if port in taken:
            raise OSError("address already in use")
        return f"127.0.0.1:{port or 7000 + len(asked)}"

    monkeypatch.setattr(VirtualHost, "serve", serve)
    told = []

    async def story(world: World) -> None:
        for _ in range(2):
            told.append((tmp_path / "kubeconfig").read_text())
            await world.net.restart("kube-api")
        taken.add(7001)
        await world.net.restart("kube-api")
        told.append((tmp_path / "kubeconfig").read_text())

    play(story, tmp_path)
    assert asked == [0, 7001, 7001, 7001, 0]
    assert told[0] == told[1] and "server: https://127.0.0.1:7001" in told[0]
    assert "server: https://127.0.0.1:7005" in told[2]
    assert (tmp_path / "kubeconfig").stat().st_mode & 0o777 == 0o600
