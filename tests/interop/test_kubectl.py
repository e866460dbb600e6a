"""kubectl's verdict on the API server: what people type, and what they are shown."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import yaml

from tests.interop.kube_world import PATIENCE_S, READ_ONLY, Cluster, cluster
from tests.tools import needs

pytestmark = [needs("kubectl"), pytest.mark.asyncio(loop_scope="module")]

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: nginx}
spec:
  replicas: 2
  selector: {matchLabels: {app: nginx}}
  template:
    metadata: {labels: {app: nginx}}
    spec: {containers: [{name: nginx, image: "nginx:1.27", ports: [{containerPort: 80}]}]}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: nginx}
spec: {selector: {app: nginx}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""


def pod(name: str, **spec: object) -> str:
    containers = [{"name": "c", "image": "nginx:1.27"}]
    value = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": containers, **spec},
    }
    return yaml.safe_dump(value)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kube(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with cluster(tmp_path_factory.mktemp("kube")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def space(kube: Cluster, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own, as kubectl's `-n` wants it."""
    return await kube.space(request.node.name.replace("_", "-")[5:60].strip("-"))


# ---- looking -----------------------------------------------------------------------------------------------


async def test_the_version_is_that_of_eks(kube: Cluster):
    told = json.loads(await kube.kubectl("version", "-o", "json"))
    assert told["serverVersion"]["gitVersion"].startswith("v1.32.")
    assert "-eks-" in told["serverVersion"]["gitVersion"]


async def test_resources_have_their_short_names(kube: Cluster):
    lines = (await kube.kubectl("api-resources", "--no-headers")).splitlines()
    assert ["deployments", "deploy", "apps/v1", "true", "Deployment"] in [line.split() for line in lines]
    assert ["targetgroupbindings", "elbv2.k8s.aws/v1beta1", "true", "TargetGroupBinding"] in [
        line.split() for line in lines
    ]


async def test_get_prints_tables(kube: Cluster, space: str):
    await kube.create(DEPLOYMENT, space)
    lines = (await kube.kubectl("-n", space, "get", "deploy", "-o", "wide")).splitlines()
    assert lines[0].split() == [
        "NAME",
        "READY",
        "UP-TO-DATE",
        "AVAILABLE",
        "AGE",
        "CONTAINERS",
        "IMAGES",
        "SELECTOR",
    ]
    assert lines[1].split()[:4] == ["nginx", "0/2", "0", "0"]
    everywhere = await kube.kubectl("get", "deploy", "-A", "--no-headers")
    assert [space, "nginx", "0/2"] in [line.split()[:3] for line in everywhere.splitlines()]
    assert (await kube.kubectl("-n", space, "get", "all", "-o", "name")).split() == ["deployment.apps/nginx"]


async def test_get_yaml_is_what_was_created_with_its_defaults(kube: Cluster, space: str):
    await kube.kubectl("-n", space, "create", "-f", "-", stdin=DEPLOYMENT)
    shown = yaml.safe_load(await kube.kubectl("-n", space, "get", "deploy", "nginx", "-o", "yaml"))
    assert shown["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}
    assert shown["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert shown["metadata"]["generation"] == 1


async def test_a_watch_shows_what_happens(kube: Cluster, space: str):
    process = await kube.start_kubectl("-n", space, "get", "pods", "-w", "--output-watch-events")
    assert process.stdout is not None
    lines = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.sleep(0.3)
            await kube.create(pod("one"), space)
            await kube.kubectl("-n", space, "label", "pod", "one", "a=b")
            await kube.kubectl("-n", space, "delete", "pod", "one", "--wait=false")
            while not lines or lines[-1][0] != "DELETED":
                lines.append((await process.stdout.readline()).decode().split())
    finally:
        process.kill()
        await process.communicate()
    assert lines[0][:3] == ["EVENT", "NAME", "READY"], "the columns are told once"
    told = [(line[0], line[1]) for line in lines[1:]]
    assert told[0] == ("ADDED", "one")
    assert {("MODIFIED", "one"), ("DELETED", "one")} <= set(told)


async def test_describe_shows_an_object_and_its_events(kube: Cluster, space: str):
    await kube.create(pod("one"), space)
    told = await kube.kubectl("-n", space, "describe", "pod", "one")
    assert "QoS Class:        BestEffort" in told
    assert "node.kubernetes.io/not-ready:NoExecute op=Exists for 300s" in told


async def test_explain_knows_the_fields(kube: Cluster):
    assert "FIELD: containers <[]Container>" in await kube.kubectl("explain", "pod.spec.containers")
    assert "targetGroupARN" in await kube.kubectl("explain", "targetgroupbinding.spec")


async def test_selectors_choose(kube: Cluster, space: str):
    for name in ("one", "two"):
        await kube.create(pod(name), space)
    await kube.kubectl("-n", space, "label", "pod", "two", "tier=web")
    assert await kube.kubectl("-n", space, "get", "pods", "-l", "tier in (web)", "-o", "name") == "pod/two\n"
    by_field = ("-n", space, "get", "pods", "--field-selector", "metadata.name!=two", "-o", "name")
    assert await kube.kubectl(*by_field) == "pod/one\n"
    refusal = await kube.refusal("-n", space, "get", "pods", "--field-selector", "spec.colour=red")
    assert "field label not supported: spec.colour" in refusal


# ---- writing -----------------------------------------------------------------------------------------------


async def test_client_side_apply_creates_changes_and_leaves_alone(kube: Cluster, space: str):
    apply = ("-n", space, "apply", "-f", "-")
    assert await kube.kubectl(*apply, stdin=DEPLOYMENT) == "deployment.apps/nginx created\n"
    assert await kube.kubectl(*apply, stdin=DEPLOYMENT) == "deployment.apps/nginx unchanged\n"
    changed = DEPLOYMENT.replace("replicas: 2", "replicas: 5").replace("1.27", "1.28")
    assert await kube.kubectl(*apply, stdin=changed) == "deployment.apps/nginx configured\n"
    shown = await kube.objects.get("Deployment", "nginx", space)
    assert (shown["spec"]["replicas"], shown["metadata"]["generation"]) == (5, 2)
    assert shown["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.28"


async def test_server_side_apply_tells_of_conflicts(kube: Cluster, space: str):
    apply = ("-n", space, "apply", "--server-side", "-f", "-")
    assert await kube.kubectl(*apply, stdin=DEPLOYMENT) == "deployment.apps/nginx serverside-applied\n"
    changed = DEPLOYMENT.replace("replicas: 2", "replicas: 5")
    refusal = await kube.refusal(*apply, "--field-manager=other", stdin=changed)
    assert 'Apply failed with 1 conflict: conflict with "kubectl": .spec.replicas' in refusal
    await kube.kubectl(*apply, "--field-manager=other", "--force-conflicts", stdin=changed)
    replicas = ("-n", space, "get", "deploy", "nginx", "-o", "jsonpath={.spec.replicas}")
    assert await kube.kubectl(*replicas) == "5"


async def test_replace_of_an_old_version_is_refused(kube: Cluster, space: str):
    await kube.create(DEPLOYMENT, space)
    old = await kube.kubectl("-n", space, "get", "deploy", "nginx", "-o", "yaml")
    await kube.kubectl("-n", space, "scale", "deploy", "nginx", "--replicas=4")
    refusal = await kube.refusal("-n", space, "replace", "-f", "-", stdin=old)
    assert "the object has been modified; please apply your changes to the latest version" in refusal


@pytest.mark.parametrize(
    ("kind", "patch"),
    [
        ("strategic", '{"spec":{"template":{"spec":{"containers":[{"name":"nginx","image":"nginx:2"}]}}}}'),
        ("json", '[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"nginx:2"}]'),
        ("merge", '{"spec":{"template":{"spec":{"containers":[{"name":"nginx","image":"nginx:2"}]}}}}'),
    ],
)
async def test_patch(kube: Cluster, kind: str, patch: str):
    space = await kube.space(f"patch-{kind}")
    await kube.create(DEPLOYMENT, space)
    await kube.kubectl("-n", space, "patch", "deploy", "nginx", "--type", kind, "-p", patch)
    shown = await kube.objects.get("Deployment", "nginx", space)
    container = shown["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "nginx:2"
    assert ("ports" in container) is (kind != "merge")


async def test_imperative_commands_of_typed_clients(kube: Cluster, space: str):
    """They send protobuf."""
    inside = ("-n", space)
    await kube.kubectl(
        *inside, "create", "deployment", "web", "--image=nginx:1.27", "--replicas=3", "--port=80"
    )
    await kube.kubectl(*inside, "create", "configmap", "settings", "--from-literal=colour=red")
    await kube.kubectl(*inside, "create", "ingress", "web", "--class=alb", "--rule=a.example/*=web:80")
    await kube.kubectl(*inside, "create", "service", "clusterip", "other", "--tcp=80:8080")
    await kube.kubectl(*inside, "expose", "deployment", "web", "--port=80", "--type=NodePort")
    shown = json.loads(await kube.kubectl(*inside, "get", "deploy,cm,ing,svc", "-o", "json"))["items"]
    web, settings, ingress, other, exposed = (each.get("spec", each.get("data")) for each in shown)
    assert (web["replicas"], web["template"]["spec"]["containers"][0]["ports"][0]["containerPort"]) == (3, 80)
    assert settings == {"colour": "red"}
    assert ingress["rules"][0]["http"]["paths"][0]["backend"]["service"] == {
        "name": "web",
        "port": {"number": 80},
    }
    assert other["ports"] == [{"name": "80-8080", "port": 80, "protocol": "TCP", "targetPort": 8080}]
    assert 30_000 <= exposed["ports"][0]["nodePort"] <= 32_767 and exposed["clusterIP"].startswith("172.20.")


async def test_labels_and_annotations(kube: Cluster, space: str):
    await kube.create(pod("one"), space)
    await kube.kubectl("-n", space, "label", "pod", "one", "tier=web")
    await kube.kubectl("-n", space, "annotate", "pod", "one", "why=because")
    assert "tier=web" in await kube.kubectl("-n", space, "get", "pod", "one", "--show-labels")
    await kube.kubectl("-n", space, "label", "pod", "one", "tier-")
    assert "<none>" in await kube.kubectl("-n", space, "get", "pod", "one", "--show-labels")


async def test_delete_waits_until_the_object_is_gone(kube: Cluster, space: str):
    await kube.create(pod("one"), space)
    assert await kube.kubectl("-n", space, "delete", "pod", "one") == 'pod "one" deleted\n'
    assert "NotFound" in await kube.refusal("-n", space, "get", "pod", "one")
    await kube.create(DEPLOYMENT, space)
    await kube.kubectl("-n", space, "delete", "-f", "-", stdin=DEPLOYMENT)


async def test_a_bound_pod_waits_for_its_kubelet_unless_forced(kube: Cluster, space: str):
    await kube.create(pod("one", nodeName="nowhere"), space)
    await kube.kubectl("-n", space, "delete", "pod", "one", "--wait=false")
    assert " Terminating " in await kube.kubectl("-n", space, "get", "pod", "one")
    result = await kube.run("-n", space, "delete", "pod", "one", "--force", "--grace-period=0")
    assert result.code == 0 and "NotFound" in await kube.refusal("-n", space, "get", "pod", "one")


async def test_a_node_is_cordoned_and_drained(kube: Cluster, space: str):
    await kube.create("{kind: Node, apiVersion: v1, metadata: {name: drained}}")
    await kube.create(pod("one", nodeName="drained"), space)
    told = await kube.kubectl("drain", "drained", "--force", "--grace-period=0", "--timeout=10s")
    assert "node/drained cordoned" in told and "pod/one evicted" in told and "node/drained drained" in told
    assert "SchedulingDisabled" in await kube.kubectl("get", "node", "drained")
    await kube.kubectl("uncordon", "drained")
    assert "SchedulingDisabled" not in await kube.kubectl("get", "node", "drained")


async def test_a_rollout_is_restarted_paused_and_given_another_image(kube: Cluster, space: str):
    await kube.create(DEPLOYMENT, space)
    await kube.kubectl("-n", space, "rollout", "restart", "deploy", "nginx")
    await kube.kubectl("-n", space, "set", "image", "deploy/nginx", "nginx=nginx:1.29")
    await kube.kubectl("-n", space, "rollout", "pause", "deploy", "nginx")
    shown = await kube.objects.get("Deployment", "nginx", space)
    template = shown["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]
    assert template["spec"]["containers"][0]["image"] == "nginx:1.29"
    assert (shown["spec"]["paused"], shown["metadata"]["generation"]) == (True, 4)


async def test_a_namespace_takes_all_with_it(kube: Cluster, space: str):
    await kube.kubectl("-n", space, "create", "-f", "-", stdin=f"{DEPLOYMENT}---{SERVICE}---\n{pod('one')}")
    await kube.kubectl("delete", "namespace", space)
    assert await kube.kubectl("get", "deploy,svc,pods", "-n", space, "-o", "name") == ""
    refusal = await kube.refusal("-n", space, "create", "-f", "-", stdin=pod("one"))
    assert f'namespaces "{space}" not found' in refusal


async def test_finalizers_hold_an_object(kube: Cluster, space: str):
    await kube.kubectl("-n", space, "create", "configmap", "held")
    hold = '{"metadata":{"finalizers":["example.com/hold"]}}'
    await kube.kubectl("-n", space, "patch", "cm", "held", "--type=merge", "-p", hold)
    await kube.kubectl("-n", space, "delete", "cm", "held", "--wait=false")
    assert "deletionTimestamp" in await kube.kubectl("-n", space, "get", "cm", "held", "-o", "yaml")
    await kube.kubectl(
        "-n", space, "patch", "cm", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
    )
    assert "NotFound" in await kube.refusal("-n", space, "get", "cm", "held")


# ---- rights, and what goes wrong ---------------------------------------------------------------------------


async def test_who_am_i_and_what_may_i(kube: Cluster):
    assert "kubernetes-admin" in await kube.kubectl("auth", "whoami")
    assert await kube.kubectl("auth", "can-i", "delete", "nodes") in ("yes\n",)
    assert "*.*" in await kube.kubectl("auth", "can-i", "--list")


async def test_a_viewer_looks_and_touches_nothing(kube: Cluster, space: str, tmp_path):
    config = yaml.safe_load(kube.kubeconfig.read_text())
    config["users"][0]["user"]["token"] = READ_ONLY
    file = tmp_path / "viewer"
    file.write_text(yaml.safe_dump(config))
    viewer = ("--kubeconfig", str(file), "-n", space)
    await kube.kubectl(*viewer, "get", "pods")
    refusal = await kube.refusal(*viewer, "create", "configmap", "mine")
    assert (
        'configmaps is forbidden: User "viewer" cannot create resource "configmaps" in API group ""'
        in refusal
    )
    assert (await kube.run(*viewer, "auth", "can-i", "create", "pods")).out == "no\n"


async def test_somebody_else_may_be_asked_for(kube: Cluster):
    assert "jane" in await kube.kubectl("auth", "whoami", "--as", "jane")
    assert (await kube.run("auth", "can-i", "get", "pods", "--as", "jane")).out == "no\n"
    refusal = await kube.refusal("get", "pods", "--as", "jane")
    assert (
        'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace'
        in refusal
    )


async def test_a_wrong_token_is_unauthorized(kube: Cluster, tmp_path):
    config = yaml.safe_load(kube.kubeconfig.read_text())
    config["users"][0]["user"]["token"] = "guess"
    file = tmp_path / "stranger"
    file.write_text(yaml.safe_dump(config))
    assert "Unauthorized" in await kube.refusal("--kubeconfig", str(file), "get", "pods")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("containers", "contaners", 'strict decoding error: unknown field "spec.contaners"'),
        (
            "name: c\n",
            "name: C_\n",
            'spec.containers[0].name: Invalid value: "C_": a lowercase RFC 1123 label',
        ),
        ("nginx:1.27", "", "spec.containers[0].image: Required value"),
        ("kind: Pod", "kind: Pot", 'no matches for kind "Pot" in version "v1"'),
        ("apiVersion: v1", "apiVersion: v9", 'no matches for kind "Pod" in version "v9"'),
        ("name: wrong", "name: Wrong", 'metadata.name: Invalid value: "Wrong"'),
        ("image: nginx:1.27", "image: 7", "cannot unmarshal number into Go struct field Container"),
    ],
)
async def test_a_wrong_manifest_is_told_what_is_wrong(kube: Cluster, old: str, new: str, words: str):
    manifest = pod("wrong")
    assert old in manifest
    assert words in await kube.refusal("apply", "-f", "-", stdin=manifest.replace(old, new))


async def test_a_namespace_that_is_not_there(kube: Cluster):
    refusal = await kube.refusal("-n", "nowhere", "create", "-f", "-", stdin=pod("one"))
    assert "Error from server (NotFound)" in refusal and 'namespaces "nowhere" not found' in refusal


async def test_logs_that_cannot_be_had(kube: Cluster, space: str):
    assert 'pods "none" not found' in await kube.refusal("-n", space, "logs", "none")
    await kube.create(pod("one"), space)
    assert await kube.kubectl("-n", space, "logs", "one") == ""
    assert "container x is not valid for pod one" in await kube.refusal("-n", space, "logs", "one", "-c", "x")
    await kube.create(pod("lost", nodeName="nowhere"), space)
    assert "there is no element 'nowhere'" in await kube.refusal("-n", space, "logs", "lost")


async def test_debugging_is_refused_in_kubectls_words(kube: Cluster, space: str):
    """kubectl looks into the details of a 404, and panics if there are none."""
    await kube.create(pod("one"), space)
    refusal = await kube.refusal("-n", space, "debug", "one", "--image=busybox")
    assert "ephemeral containers are disabled for this cluster" in refusal


async def test_a_resource_that_is_not_there(kube: Cluster):
    assert 'the server doesn\'t have a resource type "jobs"' in await kube.refusal("get", "jobs")


# ---- restarts ----------------------------------------------------------------------------------------------


async def test_the_kubeconfig_stays_good_when_the_server_is_killed(kube: Cluster, space: str):
    await kube.create(DEPLOYMENT, space)
    before = kube.kubeconfig.read_text()
    kube.world.kill("kube-api")
    async with asyncio.timeout(PATIENCE_S):
        while (await kube.run("-n", space, "get", "deploy", "nginx", "-o", "name")).code != 0:
            await asyncio.sleep(0.05)
    assert kube.kubeconfig.read_text() == before
    assert kube.world.ps()["addresses"]["kube_api"] == kube.url
