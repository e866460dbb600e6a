"""The verbs in kubectl's words, over a real API server without a world around it."""

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.commands import cluster as cluster_verbs
from orchestrator.commands import nodes as node_verbs
from orchestrator.commands import options
from orchestrator.kubernetes.cluster import Object
from orchestrator.kubernetes.workloads import progress
from tests.orchestrator.cluster_bed import ClusterClient, Steps


@pytest.fixture
def world(tmp_path, monkeypatch):
    client = ClusterClient(tmp_path)
    monkeypatch.setattr(options, "running_world", lambda: client)
    yield client
    client.close()


@pytest.fixture
def steps(monkeypatch):
    def make(*steps):
        time = Steps(*steps).time
        monkeypatch.setattr(cluster_verbs, "time", time)
        monkeypatch.setattr(node_verbs, "time", time)

    return make


def run(*arguments: str, code: int = 0):
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, result.output
    return result


# ---- scale ---------------------------------------------------------------------------------------------------


def test_scale_waits_until_all_pods_are_ready(world, steps):
    world.deployment(replicas=1)
    world.set_status(replicas=1, readyReplicas=1, availableReplicas=1)
    steps(
        lambda: world.set_status(replicas=3, readyReplicas=1, availableReplicas=1),
        lambda: world.set_status(replicas=3, readyReplicas=2, availableReplicas=2),
        lambda: None,
        lambda: world.set_status(replicas=3, readyReplicas=3, availableReplicas=3),
    )
    result = run("scale", "nginx", "3")
    assert result.stderr.splitlines() == [
        "deployment.apps/nginx scaled",
        "1 of 3 pods are ready",
        "2 of 3 pods are ready",
        "3 of 3 pods are ready",
    ]
    assert result.stdout == "deployment.apps/nginx has 3 of 3 pods ready\n"


def test_scale_without_waiting(world, steps):
    world.deployment()
    assert run("scale", "deploy/nginx", "7", "--no-wait").stdout == "deployment.apps/nginx scaled\n"
    assert world.cluster.get("Deployment", "nginx", "default")["spec"]["replicas"] == 7
    told = json.loads(run("scale", "nginx", "2", "--no-wait", "--json").stdout)
    assert told == {"deployment": "nginx", "namespace": "default", "replicas": 2, "ready": 0}


def test_scale_says_what_is_pending_and_why_when_time_is_up(world, steps):
    owner = world.replica_set(world.deployment(replicas=1), replicas=4)
    world.cluster.patch(
        "ReplicaSet", owner["metadata"]["name"], {"status": {"replicas": 2}}, "default", subresource="status"
    )
    no_room = world.pod("nginx-1", owner)
    world.event(no_room, "FailedScheduling", "0/2 nodes are available: 2 Too many pods.")
    for number in range(3, 8):
        world.event(
            world.pod(f"nginx-{number}", owner),
            "FailedScheduling",
            "0/2 nodes are available: 2 Too many pods.",
        )
    for number in (8, 9):
        failed = f'failed to setup network for sandbox "{number:064x}": no address'
        world.event(world.pod(f"nginx-{number}", owner), "FailedCreatePodSandBox", failed)
    pulling = world.pod("nginx-2", owner)
    world.event(pulling, "Failed", "Failed to pull image: no such image")
    world.event(pulling, "Failed", "Error: ImagePullBackOff")
    waiting = {"name": "nginx", "state": {"waiting": {"reason": "ImagePullBackOff"}}, "ready": False}
    waiting |= {"image": "nginx:1.27", "imageID": "", "restartCount": 0}
    world.cluster.patch(
        "Pod",
        pulling["metadata"]["name"],
        {"status": {"containerStatuses": [waiting]}},
        "default",
        subresource="status",
    )
    world.event(owner, "FailedCreate", "exceeded quota")
    steps()
    result = run("scale", "nginx", "4", "--timeout", "3s", code=4)
    assert result.stderr.splitlines()[-5:] == [
        "error: timed out waiting for the condition: 0 of 4 pods are ready",
        "  pod/nginx-1, pod/nginx-3, pod/nginx-4 and 3 more: Pending (FailedScheduling: 0/2 nodes are available: "
        "2 Too many pods.)",
        "  pod/nginx-2: ImagePullBackOff (Failed: Failed to pull image: no such image)",
        "  pod/nginx-8 and pod/nginx-9: Pending (FailedCreatePodSandBox: failed to setup network for sandbox "
        f'"{8:064x}": no address)',
        "  replicaset/nginx-5d8e6f7a1b: has 2 of 4 pods (FailedCreate: exceeded quota)",
    ]
    assert result.stdout == ""


@pytest.mark.parametrize(
    "verb", [["scale", "x", "3"], ["rollout", "restart", "x"], ["rollout", "status", "x"]]
)
def test_a_deployment_that_is_not_there(world, verb):
    said = run(*verb, code=2).stderr
    assert said == 'Error from server (NotFound): deployments.apps "x" not found\n'


@pytest.mark.parametrize(
    "arguments", [["service/nginx", "3"], ["nginx/", "3"], ["Nginx", "3"], ["nginx", "-1"]]
)
def test_arguments_that_make_no_sense(world, arguments):
    run("scale", *arguments, code=2)


# ---- rollout -------------------------------------------------------------------------------------------------


def test_rollout_restart_changes_the_template_as_kubectl_does(world):
    world.deployment()
    assert run("rollout", "restart", "nginx").stdout == "deployment.apps/nginx restarted\n"
    template = world.cluster.get("Deployment", "nginx", "default")["spec"]["template"]
    assert list(template["metadata"]["annotations"]) == ["kubectl.kubernetes.io/restartedAt"]


def test_rollout_status_tells_how_far_it_has_come(world, steps):
    world.deployment()
    steps(
        lambda: world.set_status(replicas=4, updatedReplicas=1, availableReplicas=3),
        lambda: world.set_status(replicas=4, updatedReplicas=3, availableReplicas=3),
        lambda: world.set_status(replicas=3, updatedReplicas=3, availableReplicas=2),
        lambda: world.set_status(replicas=3, updatedReplicas=3, availableReplicas=3),
    )
    result = run("rollout", "status", "nginx")
    waiting = 'Waiting for deployment "nginx" rollout to finish: '
    assert result.stderr.splitlines() == [
        "Waiting for deployment spec update to be observed...",
        f"{waiting}1 out of 3 new replicas have been updated...",
        f"{waiting}1 old replicas are pending termination...",
        f"{waiting}2 of 3 updated replicas are available...",
    ]
    assert result.stdout == 'deployment "nginx" successfully rolled out\n'
    assert run("rollout", "status", "nginx", "--no-watch").stdout == result.stdout


def test_rollout_status_of_one_that_will_not_end(world, steps):
    world.deployment()
    stuck = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    world.set_status(replicas=3, conditions=[stuck])
    steps()
    said = run("rollout", "status", "nginx", code=4).stderr
    assert 'error: deployment "nginx" exceeded its progress deadline' in said


def test_a_rollout_of_an_old_generation_is_not_done():
    found = {"metadata": {"name": "x", "generation": 2}, "spec": {}, "status": {"observedGeneration": 1}}
    assert not progress(found).done


# ---- nodes ---------------------------------------------------------------------------------------------------


@pytest.fixture
def node(world) -> ClusterClient:
    world.create("v1", "Node", "node-1", {})
    return world


def owner_of_kind(world: ClusterClient, kind: str, name: str) -> Object:
    spec = {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "x", "image": "x"}]},
        },
    }
    return world.create("apps/v1", kind, name, spec)


def test_cordon_and_uncordon(node):
    assert run("cordon", "node-1").stdout == "node/node-1 cordoned\n"
    assert node.cluster.get("Node", "node-1")["spec"]["unschedulable"] is True
    assert run("cordon", "node-1").stdout == "node/node-1 already cordoned\n"
    assert run("uncordon", "node-1").stdout == "node/node-1 uncordoned\n"
    assert "unschedulable" not in node.cluster.get("Node", "node-1")["spec"]
    assert run("uncordon", "node-1").stdout == "node/node-1 already uncordoned\n"
    for verb in ("cordon", "uncordon", "drain"):
        said = run(verb, "node-9", code=2).stderr
        assert said == 'Error from server (NotFound): nodes "node-9" not found\n'


def test_drain_evicts_pods_and_leaves_those_of_daemon_sets(node, steps):
    owner = node.replica_set(node.deployment(), replicas=2)
    for name in ("nginx-1", "nginx-2"):
        node.pod(name, owner, "node-1")
    node.pod("elsewhere", owner, "node-2")
    node.pod("aws-node-x", owner_of_kind(node, "DaemonSet", "aws-node"), "node-1")
    steps(lambda: node.remove("nginx-2"), lambda: node.remove("nginx-1"))
    result = run("drain", "node-1", "--json")
    assert result.stderr.splitlines() == [
        "node/node-1 cordoned",
        "Warning: ignoring DaemonSet-managed Pods: default/aws-node-x",
        "evicting pod default/nginx-1",
        "evicting pod default/nginx-2",
        "pod/nginx-2 evicted",
        "pod/nginx-1 evicted",
    ]
    assert json.loads(result.stdout) == {
        "node": "node-1",
        "evicted": ["default/nginx-1", "default/nginx-2"],
        "ignored": ["default/aws-node-x"],
    }
    assert run("drain", "node-1").stdout == "node/node-1 drained\n"


def test_drain_does_not_begin_where_something_would_be_lost(node, steps):
    node.pod("alone", node="node-1")
    node.pod("data", node="node-1", volumes=[{"name": "d", "emptyDir": {}}])
    steps()
    said = run("drain", "node-1", code=2).stderr
    assert "unable to drain node 'node-1', aborting command..." in said
    assert "no controller (use --force to override): default/alone, default/data" in said
    assert "local storage (use --delete-emptydir-data to override): default/data" in said
    steps(lambda: node.remove("alone"), lambda: node.remove("data"))
    run("drain", "node-1", "--force", "--delete-emptydir-data")


def test_drain_ends_with_4_when_pods_stay(node, steps):
    node.pod("alone", node="node-1")
    steps()
    said = run("drain", "node-1", "--force", "--timeout", "5s", "--grace-period", "7", code=4).stderr
    assert "unable to drain node 'node-1': timed out; still there: default/alone" in said
    left = node.cluster.get("Pod", "alone", "default")["metadata"]
    assert left["deletionGracePeriodSeconds"] == 7


# ---- kubectl -------------------------------------------------------------------------------------------------


@pytest.fixture
def becomes(monkeypatch) -> list[tuple[list[str], str]]:
    """What was run instead of the test, and with which KUBECONFIG."""
    calls: list[tuple[list[str], str]] = []

    def execve(program, arguments, environment):
        assert os.access(program, os.X_OK)
        calls.append((arguments, environment["KUBECONFIG"]))
        raise SystemExit(7)

    monkeypatch.setattr(os, "execve", execve)
    return calls


@pytest.fixture
def with_kubectl(world, tmp_path, monkeypatch) -> Path:
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    (tmp_path / "kubeconfig").write_text("")
    return tmp_path / "kubeconfig"


def test_kubectl_gets_everything_as_it_was_typed(with_kubectl, becomes):
    typed = ["get", "pods", "-o", "wide", "--help", "-n", "x", "--", "-h", "--json"]
    run("kubectl", *typed, code=7)
    assert becomes == [(["kubectl", *typed], str(with_kubectl))]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["undo", "nginx"], ["undo", "deployment/nginx", "-n", "default"]),
        (
            ["undo", "nginx", "--to-revision", "2"],
            ["undo", "deployment/nginx", "-n", "default", "--to-revision=2"],
        ),
        (["history", "deploy/nginx", "-n", "x"], ["history", "deployment/nginx", "-n", "x"]),
        (
            ["history", "nginx", "--revision", "3"],
            ["history", "deployment/nginx", "-n", "default", "--revision=3"],
        ),
    ],
)
def test_what_kubectl_does_better(with_kubectl, becomes, typed, expected):
    run("rollout", *typed, code=7)
    assert becomes[0][0] == ["kubectl", "rollout", *expected]


def test_without_kubectl_it_says_what_to_install(with_kubectl, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert shutil.which("kubectl") is None
    assert "kubectl is not installed: https://kubernetes.io/" in run("kubectl", "get", "pods", code=3).stderr


def test_a_world_without_an_api_server(tmp_path, monkeypatch):
    class Client:
        directory = tmp_path

        def request(self, verb, /, **arguments):
            return {"elements": [{"name": "vpc", "kind": "vpc"}]}

    monkeypatch.setattr(options, "running_world", Client)
    assert "has no Kubernetes API server" in run("kubectl", "get", "pods", code=3).stderr
    assert "has no Kubernetes API server" in run("scale", "nginx", "3", code=3).stderr


@pytest.mark.parametrize(
    "verb",
    [
        ["kubectl", "get", "pods"],
        ["scale", "x", "1"],
        ["drain", "x"],
        ["cordon", "x"],
        ["rollout", "status", "x"],
    ],
)
def test_they_need_a_running_world(tmp_path, monkeypatch, verb):
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path / "home"))
    assert run(*verb, code=3).stderr == "no world is running; `journey up --detach` starts one\n"
