"""`journey kubectl` and the verbs in its words, with the real kubectl and a world of real processes."""

import json
import os
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.journey_cli import said as journey
from tests.tools import needs

WORLD = """
    version: 1
    name: cluster
    elements:
      kube-api: {kind: kube_api}
"""
MANIFEST = """
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: nginx}
    spec:
      replicas: 3
      selector: {matchLabels: {app: nginx}}
      template:
        metadata: {labels: {app: nginx}}
        spec: {containers: [{name: nginx, image: "nginx:1.27"}]}
    ---
    apiVersion: v1
    kind: Node
    metadata: {name: node-1}
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path / "h"))
    (tmp_path / "world.yaml").write_text(textwrap.dedent(WORLD))
    (tmp_path / "nginx.yaml").write_text(textwrap.dedent(MANIFEST))

    yield
    journey("down")


def kubectl(*arguments: str) -> tuple[int, str, str]:
    """The same as `journey kubectl`, which becomes it, once it is known to find the cluster."""
    config = Path(json.loads(journey("ps", "--json").out)["directory"]) / "kubeconfig"
    environment = {**os.environ, "KUBECONFIG": str(config)}
    done = subprocess.run(
        ["kubectl", *arguments], capture_output=True, text=True, timeout=90, env=environment
    )
    return done.returncode, done.stdout, done.stderr


@needs("kubectl")
def test_kubectl_and_the_verbs_in_its_words_see_one_cluster(tmp_path: Path):
    code, _, said = journey("up", str(tmp_path / "world.yaml"), "--detach")
    assert code == 0, said
    assert journey("kubectl", "create", "-f", str(tmp_path / "nginx.yaml"))[0] == 0
    assert journey("scale", "nginx", "5", "--no-wait") == (0, "deployment.apps/nginx scaled\n", "")
    code, told, said = journey("kubectl", "get", "deployment", "nginx", "-o", "json")
    assert (code, json.loads(told)["spec"]["replicas"]) == (0, 5), said
    code, told, _ = kubectl("scale", "deployment/nginx", "--replicas=2")
    assert (code, told) == (0, "deployment.apps/nginx scaled\n")
    assert journey("rollout", "restart", "nginx")[:2] == (0, "deployment.apps/nginx restarted\n")
    assert journey("cordon", "node-1")[:2] == (0, "node/node-1 cordoned\n")
    assert "SchedulingDisabled" in kubectl("get", "nodes")[1]
    assert kubectl("uncordon", "node-1")[:2] == (0, "node/node-1 uncordoned\n")
    assert journey("uncordon", "node-1")[:2] == (0, "node/node-1 already uncordoned\n")
    code, _, said = journey("kubectl", "get", "pod", "nothing")
    assert (code, said) == (1, 'Error from server (NotFound): pods "nothing" not found\n')
    own, theirs = journey("scale", "x", "1"), kubectl("scale", "deployment/x", "--replicas=1")
    assert own[0] == 2
    assert 'deployments.apps "x" not found' in own[2] and 'deployments.apps "x" not found' in theirs[2]
    assert "objects" in json.loads(journey("inspect", "kube-api", "--json")[1])["state"]
