"""kubectl and the default world: what people do with a cluster, and what comes of it. All tests share one world."""

import asyncio
import ipaddress
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import kubernetes
import pytest
import pytest_asyncio

from orchestrator import operations
from orchestrator.load.shapes import open_at
from tests.interop.kube_world import PATIENCE_S, Cluster, default_cluster
from tests.tools import needs

pytestmark = [needs("kubectl"), pytest.mark.asyncio(loop_scope="module")]

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: nginx
          image: nginx:1.27
          ports: [{containerPort: 80}]
          readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}
"""
SUBNETS = {"node-1": ipaddress.ip_network("10.0.10.0/24"), "node-2": ipaddress.ip_network("10.0.11.0/24")}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kube(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with default_cluster(tmp_path_factory.mktemp("kube")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def space(kube: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A namespace of the test's own, with the deployment `web` in it, ready."""
    name = await kube.space(request.node.name.replace("_", "-")[5:40].strip("-"))
    await kube.create(DEPLOYMENT, name)

    async def is_ready() -> bool:
        status = (await kube.objects.get("Deployment", "web", name))["status"]
        return bool(status.get("availableReplicas") == 2)

    await kube.until(is_ready, "both pods of the deployment are ready")
    yield name
    await kube.objects.delete("Namespace", name)


@asynccontextmanager
async def following(kube: Cluster, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """What a kubectl that goes on and on prints."""
    process = await kube.start_kubectl(*arguments)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def names(kube: Cluster, space: str) -> list[str]:
    return sorted(pod["metadata"]["name"] for pod in await kube.pods(space, "app=web"))


def table(text: str) -> list[dict[str, str]]:
    """The rows of a table that `get` printed, by its headings; cells stand below them."""
    head, *lines = text.strip().splitlines()
    begins = [match.start() for match in re.finditer(r"(?:(?<=^)|(?<=  ))[A-Z]", head)]
    ends = [*begins[1:], None]
    columns = [(head[begin:end].strip(), begin, end) for begin, end in zip(begins, ends, strict=True)]
    return [{name: line[begin:end].strip() for name, begin, end in columns} for line in lines]


# ---- looking -----------------------------------------------------------------------------------------------


async def test_everything_in_tables(kube: Cluster):
    told = await kube.kubectl("get", "nodes,pods,deploy,rs,svc,ing,endpointslices", "-A", "-o", "wide")
    nodes, pods, deployments, sets, services, ingresses, slices = map(table, told.strip().split("\n\n"))
    assert [(row["NAME"], row["STATUS"], row["INTERNAL-IP"]) for row in nodes] == [
        ("node/node-1", "Ready", "10.0.10.10"),
        ("node/node-2", "Ready", "10.0.11.10"),
    ]
    assert {row["VERSION"].partition("-")[2][:3] for row in nodes} == {"eks"}
    assert [(row["READY"], row["STATUS"], row["RESTARTS"]) for row in pods] == [("1/1", "Running", "0")] * 3
    for row in pods:
        assert ipaddress.ip_address(row["IP"]) in SUBNETS[row["NODE"]], "an address of the node's subnet"
    assert {row["NODE"] for row in pods} == SUBNETS.keys(), "both nodes have some"
    assert [(row["NAME"], row["READY"], row["IMAGES"]) for row in deployments] == [
        ("deployment.apps/nginx", "3/3", "nginx:1.27")
    ]
    assert [(row["DESIRED"], row["READY"]) for row in sets] == [("3", "3")]
    assert {row["NAME"]: row["PORT(S)"] for row in services} == {
        "service/kubernetes": "443/TCP",
        "service/nginx": "80/TCP",
    }
    assert [(row["CLASS"], row["HOSTS"]) for row in ingresses] == [("alb", "packet-journey.com")]
    assert set(slices[0]["ENDPOINTS"].split(",")) == {row["IP"] for row in pods}


async def test_events_of_a_pod_in_their_order(kube: Cluster):
    pod = (await kube.pods(selector="app=nginx"))[0]["metadata"]["name"]
    told = (await kube.kubectl("events", "--for", f"pod/{pod}", "--no-headers")).splitlines()
    assert [line.split()[2] for line in told] == ["Scheduled", "Pulled", "Created", "Started"]
    by_field = ("--field-selector", f"involvedObject.name={pod},reason=Scheduled")
    listed = await kube.kubectl("get", "events", *by_field, "--no-headers")
    assert f"Successfully assigned default/{pod} to node-" in listed


async def test_describe(kube: Cluster):
    pod = (await kube.pods(selector="app=nginx"))[0]
    name, node, address = pod["metadata"]["name"], pod["spec"]["nodeName"], pod["status"]["podIP"]
    told = await kube.kubectl("describe", "pod", name)
    assert re.search(rf"^Node: +{node}/10\.0\.1[01]\.10$", told, re.MULTILINE)
    assert re.search(rf"^IP: +{re.escape(address)}$", told, re.MULTILINE)
    assert re.search(r"^Controlled By: +ReplicaSet/nginx-[0-9a-z]+$", told, re.MULTILINE)
    assert re.search(r"Image ID: +docker\.io/library/nginx@sha256:[0-9a-f]{64}$", told, re.MULTILINE)
    assert "Readiness:    http-get http://:http/ delay=0s timeout=1s period=10s #success=1 #failure=3" in told
    assert re.search(r"Normal +Scheduled +\S+ +default-scheduler +Successfully assigned", told)
    assert re.search(r"Normal +Started +\S+ +kubelet +Started container nginx", told)
    of_node = await kube.kubectl("describe", "node", node)
    assert re.search(r"^ProviderID: +aws:///eu-west-1[ab]/i-[0-9a-f]{17}$", of_node, re.MULTILINE)
    assert re.search(rf"^  default +{name} +50m \(0%\) +0 \(0%\) +32Mi \(0%\)", of_node, re.MULTILINE)
    assert re.search(
        r"^  Ready +True .* KubeletReady +kubelet is posting ready status$", of_node, re.MULTILINE
    )
    of_deployment = await kube.kubectl("describe", "deploy", "nginx")
    assert "3 desired | 3 updated | 3 total | 3 available | 0 unavailable" in of_deployment
    assert "Scaled up replica set nginx-" in of_deployment


# ---- pods as processes, and requests to them -----------------------------------------------------------------


async def test_every_pod_is_a_process_that_answers_through_the_load_balancer(kube: Cluster):
    async def served() -> set[str]:
        told = [each async for each in operations.run_load(kube.world, open_at(100, 0.5))]
        assert set(told[-1]["statuses"]) == {"200"}, told[-1]
        return set(told[-1]["per_pod"])

    async def all_serve() -> bool:
        return await served() == {pod["metadata"]["name"] for pod in await kube.pods(selector="app=nginx")}

    await kube.kubectl("scale", "deploy/nginx", "--replicas=5")
    await kube.kubectl("rollout", "status", "deploy/nginx", "--timeout=20s")
    pods = await kube.pods(selector="app=nginx")
    processes = [kube.process_of(pod["metadata"]["name"]) for pod in pods]
    assert len({each["pid"] for each in processes if each}) == 5
    assert {each["kind"] for each in processes if each} == {"nginx_pod"}
    await kube.until(all_serve, "every one of five pods serves")
    journey = await operations.trace(kube.world)
    assert journey.succeeded and journey.hops[-1] in {pod["metadata"]["name"] for pod in pods}
    await kube.kubectl("scale", "deploy/nginx", "--replicas=3")
    gone = [pod["metadata"]["name"] for pod in pods]

    async def three_are_left() -> bool:
        return sum(kube.process_of(name) is not None for name in gone) == 3

    await kube.until(three_are_left, "two processes have ended")
    await kube.until(all_serve, "the three that are left serve")


async def test_logs(kube: Cluster):
    name = (await kube.pods(selector="app=nginx"))[0]["metadata"]["name"]
    lines = (await kube.kubectl("logs", name)).splitlines()
    assert re.fullmatch(r"\d{4}(/\d\d){2} [\d:]{8} \[notice\] 1#1: nginx/1\.27\.\d", lines[0])
    assert [line for line in lines if '"kube-probe/1.32"' in line]
    assert [line for line in lines if '"ELB-HealthChecker/2.0"' in line]
    visit = r'10\.0\.[01]\.\d+ - - \[.+\] "GET / HTTP/1\.1" 200 \d+ "-" "packet-journey.*" "203\.0\.113\.10"'
    assert [line for line in lines if re.fullmatch(visit, line)], lines[-1]
    stamped = await kube.kubectl("logs", "-l", "app=nginx", "--prefix", "--timestamps", "--tail=1")
    assert (
        len(re.findall(r"^\[pod/nginx-\S+/nginx\] \d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z ", stamped, re.MULTILINE))
        == 3
    )
    refusal = await kube.refusal("logs", name, "--previous")
    assert f'previous terminated container "nginx" in pod "{name}" not found' in refusal


async def test_logs_are_followed(kube: Cluster, space: str):
    name = (await names(kube, space))[0]
    async with following(kube, "-n", space, "logs", "-f", "--tail=0", name) as out:
        assert b'"kube-probe/1.32"' in await out.readline(), "the next probe"


# ---- changing ------------------------------------------------------------------------------------------------


async def test_a_watch_sees_pods_come_up(kube: Cluster, space: str):
    async with following(kube, "-n", space, "get", "pods", "-w") as out:
        head = (await out.readline()).split()
        assert head == [b"NAME", b"READY", b"STATUS", b"RESTARTS", b"AGE"]
        old = {(await out.readline()).split()[0].decode() for _ in range(2)}
        assert (
            await kube.kubectl("-n", space, "scale", "deploy/web", "--replicas=3")
            == "deployment.apps/web scaled\n"
        )
        seen: list[tuple[str, ...]] = []
        while not seen or seen[-1] != ("1/1", "Running"):
            name, *cells = (await out.readline()).decode().split()
            assert name not in old
            seen.append(tuple(cells[:2]))
    told = list(dict.fromkeys(seen))
    assert told[0] == ("0/1", "Pending") and told[1:] in (
        [("0/1", "ContainerCreating"), ("0/1", "Running"), ("1/1", "Running")],
        [
            ("0/1", "ContainerCreating"),
            ("1/1", "Running"),
        ],  # ready before the kubelet had written that it runs
    )


async def test_rollouts(kube: Cluster, space: str):
    inside = ("-n", space)
    apply = (*inside, "apply", "--server-side", "-f", "-")
    newer = DEPLOYMENT.replace("1.27", "1.28")
    assert "serverside-applied" in await kube.kubectl(*apply, "--force-conflicts", stdin=newer)
    status = (*inside, "rollout", "status", "deploy/web", "--timeout=20s")
    done = 'deployment "web" successfully rolled out\n'
    assert (await kube.kubectl(*status)).endswith(done)
    assert {pod["spec"]["containers"][0]["image"] for pod in await kube.pods(space) if is_live(pod)} == {
        "nginx:1.28"
    }
    history = await kube.kubectl(*inside, "rollout", "history", "deploy/web")
    assert re.findall(r"^(\d+) ", history, re.MULTILINE) == ["1", "2"]
    second = await kube.kubectl(*inside, "rollout", "history", "deploy/web", "--revision=2")
    assert re.search(r"Image:\s+nginx:1\.28", second)
    assert await kube.kubectl(*inside, "rollout", "undo", "deploy/web") == "deployment.apps/web rolled back\n"
    assert (await kube.kubectl(*status)).endswith(done)
    before = await names(kube, space)
    assert (
        await kube.kubectl(*inside, "rollout", "restart", "deploy/web") == "deployment.apps/web restarted\n"
    )
    assert (await kube.kubectl(*status)).endswith(done)
    live = {pod["metadata"]["name"] for pod in await kube.pods(space) if is_live(pod)}
    assert len(live) == 2 and not live & set(before)
    sizes = sorted(row["READY"] for row in table(await kube.kubectl(*inside, "get", "rs")))
    assert sizes == ["0", "0", "2"], "old replica sets are kept, empty"


def is_live(pod: dict[str, Any]) -> bool:
    return "deletionTimestamp" not in pod["metadata"]


async def test_a_rollout_that_hangs_says_why(kube: Cluster, space: str):
    inside = ("-n", space)
    await kube.kubectl(*inside, "set", "image", "deploy/web", "nginx=ngimx:1")
    refusal = await kube.refusal(*inside, "rollout", "status", "deploy/web", "--timeout=1s")
    assert "timed out waiting for the condition" in refusal

    async def backs_off() -> bool:
        return "ImagePullBackOff" in await kube.kubectl(*inside, "get", "pods")

    await kube.until(backs_off, "ImagePullBackOff is shown")
    told = await kube.kubectl(*inside, "events", "--types=Warning")
    assert 'failed to resolve reference "docker.io/library/ngimx:1"' in told
    running = [row["STATUS"] for row in table(await kube.kubectl(*inside, "get", "pods"))]
    assert running.count("Running") == 2, "the old ones go on serving"


async def test_pods_that_fit_nowhere_stay_pending(kube: Cluster):
    request = '{"spec":{"containers":[{"name":"c","image":"nginx","resources":{"requests":{"cpu":"99"}}}]}}'
    await kube.kubectl("run", "greedy", "--image=nginx", f"--overrides={request}")

    async def is_told() -> bool:
        told = await kube.kubectl("describe", "pod", "greedy")
        return bool(
            re.search(
                r"FailedScheduling .* default-scheduler +0/2 nodes are available: 2 Insufficient cpu", told
            )
        )

    await kube.until(is_told, "the scheduler's reason")
    assert table(await kube.kubectl("get", "pod", "greedy"))[0]["STATUS"] == "Pending"
    assert await kube.kubectl("delete", "pod", "greedy") == 'pod "greedy" deleted\n'


async def test_a_deleted_pod_is_replaced(kube: Cluster, space: str):
    before = await names(kube, space)
    assert await kube.kubectl("-n", space, "delete", "pod", before[0]) == f'pod "{before[0]}" deleted\n'
    assert f'pods "{before[0]}" not found' in await kube.refusal("-n", space, "get", "pod", before[0])
    assert kube.process_of(f"{space}--{before[0]}") is None, "its process has ended"
    await kube.kubectl("-n", space, "rollout", "status", "deploy/web", "--timeout=20s")
    after = await names(kube, space)
    assert len(after) == 2 and before[1] in after


async def test_drain_and_uncordon(kube: Cluster, space: str):
    async def where() -> set[str]:
        return {pod["spec"]["nodeName"] for pod in await kube.pods(space) if is_live(pod)}

    await kube.kubectl("run", "lonely", "--image=nginx", "--overrides", '{"spec":{"nodeName":"node-1"}}')
    selected = ("drain", "node-1", "--pod-selector", "app!=nginx")
    refusal = await kube.refusal(*selected)
    assert (
        "cannot delete Pods that declare no controller (use --force to override): default/lonely" in refusal
    )
    result = await kube.run(*selected, "--force")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0] == "node/node-1 already cordoned" and lines[-1] == "node/node-1 drained"
    assert "evicting pod default/lonely" in lines and "pod/lonely evicted" in lines
    node = table(await kube.kubectl("get", "node", "node-1"))[0]
    assert node["STATUS"] == "Ready,SchedulingDisabled"
    await kube.kubectl("-n", space, "rollout", "status", "deploy/web", "--timeout=20s")
    assert await where() == {"node-2"}
    assert await kube.kubectl("uncordon", "node-1") == "node/node-1 uncordoned\n"
    await kube.kubectl("-n", space, "scale", "deploy/web", "--replicas=6")
    await kube.kubectl("-n", space, "rollout", "status", "deploy/web", "--timeout=20s")
    assert await where() == {"node-1", "node-2"}


async def test_the_python_client_watches_a_scaling(kube: Cluster, space: str):
    def client() -> list[str]:
        with kubernetes.config.new_client_from_config(str(kube.kubeconfig)) as api_client:
            core = kubernetes.client.CoreV1Api(api_client)
            version = core.list_namespaced_pod(space).metadata.resource_version
            apps = kubernetes.client.AppsV1Api(api_client)
            apps.patch_namespaced_deployment_scale("web", space, {"spec": {"replicas": 4}})
            watch, ready = kubernetes.watch.Watch(), set()
            stream = watch.stream(
                core.list_namespaced_pod, space, resource_version=version, timeout_seconds=int(PATIENCE_S)
            )
            for each in stream:
                conditions = {it.type: it.status for it in each["object"].status.conditions or ()}
                if conditions.get("Ready") == "True":
                    ready.add(each["object"].metadata.name)
                if len(ready) == 2:
                    watch.stop()
            return sorted(ready)

    before = await names(kube, space)
    came = await asyncio.to_thread(client)
    assert sorted([*before, *came]) == await names(kube, space)


# ---- what dies -------------------------------------------------------------------------------------------------


async def test_a_killed_pod_is_restarted_by_its_kubelet(kube: Cluster, space: str):
    name = (await names(kube, space))[0]

    async def has_logged() -> bool:
        return '"kube-probe/1.32"' in await kube.kubectl("-n", space, "logs", name)

    await kube.until(has_logged, "a probe is in the log")
    kube.world.kill(f"{space}--{name}")

    async def has_restarted() -> bool:
        row = table(await kube.kubectl("-n", space, "get", "pod", name))[0]
        return row["READY"] == "1/1" and row["RESTARTS"].startswith("1 (")

    await kube.until(has_restarted, "RESTARTS is 1 and it is ready")
    told = await kube.kubectl("-n", space, "describe", "pod", name)
    assert re.search(r"Last State: +Terminated\n +Reason: +Error\n +Exit Code: +137\n", told)
    assert "Pod sandbox changed, it will be killed and re-created." in told
    assert '"kube-probe/1.32"' in await kube.kubectl("-n", space, "logs", name, "--previous")


async def test_a_killed_node_brings_its_pods_back(kube: Cluster, space: str):
    """The instance has lost power: its pods' processes are gone with it, and made anew when it has booted."""
    inside = ("-n", space)
    before = {pod["metadata"]["name"]: pod for pod in await kube.pods(space)}
    lost = [name for name, pod in before.items() if pod["spec"]["nodeName"] == "node-1"]
    pids = {name: kube.process_of(f"{space}--{name}") for name in before}
    kube.world.kill("node-1")

    async def are_back() -> bool:
        rows = {row["NAME"]: row for row in table(await kube.kubectl(*inside, "get", "pods"))}
        return rows.keys() == before.keys() and all(
            row["READY"] == "1/1" and row["RESTARTS"].startswith("1" if name in lost else "0")
            for name, row in rows.items()
        )

    await kube.until(are_back, "pods of the node have restarted, others have not")
    for name in before:
        now = kube.process_of(f"{space}--{name}")
        assert now is not None and (now == pids[name]) is (name not in lost)


async def test_what_steers_is_killed_and_goes_on(kube: Cluster, space: str):
    for element in ("kube-controller-manager", "kube-scheduler", "cni-node-1", "cni-node-2"):
        kube.world.kill(element)
    inside = ("-n", space)
    await kube.kubectl(*inside, "scale", "deploy/web", "--replicas=6")
    await kube.kubectl(*inside, "rollout", "status", "deploy/web", "--timeout=20s")
    addresses = {pod["status"]["podIP"] for pod in await kube.pods(None)}
    assert len(addresses) == len(await kube.pods(None)), "no address is given twice"


async def test_a_killed_api_server_is_waited_for(kube: Cluster, space: str):
    """Informers go on where they were: kubectl's own, the controllers', the scheduler's and the kubelets'."""
    inside = ("-n", space)
    await kube.kubectl(*inside, "set", "image", "deploy/web", "nginx=ngimx:1")
    watching = await kube.start_kubectl(*inside, "rollout", "status", "deploy/web", "--timeout=60s")
    assert watching.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert (await watching.stdout.readline()).startswith(b"Waiting for deployment")
            kube.world.kill("kube-api")
            while (await kube.run(*inside, "set", "image", "deploy/web", "nginx=nginx:1.28")).code != 0:
                await asyncio.sleep(0.1)
            out, _ = await watching.communicate()
    finally:
        if watching.returncode is None:
            watching.kill()
    assert out.endswith(b'deployment "web" successfully rolled out\n')
    assert {pod["status"]["phase"] for pod in await kube.pods(space) if is_live(pod)} == {"Running"}
    assert kube.process_of("kube-api")["restarts"] == 1
