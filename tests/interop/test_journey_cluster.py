"""The README's session: `journey` verbs in kubectl's words, one after the other, in the default world of processes."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

JOURNEY = [sys.executable, "-m", "orchestrator.cli"]

Run = Callable[..., str]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs a command in a world that is up, and gives what it wrote to stdout."""
    home: Path = tmp_path_factory.mktemp("home")

    def run(*arguments: str) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JOURNEY_HOME", str(home))
            done = subprocess.run([*JOURNEY, *arguments], capture_output=True, text=True, timeout=90)
        believed_or_not = (0, 5) if arguments[0] == "load" else (0,)
        assert done.returncode in believed_or_not, done.stderr
        return done.stdout

    run("up", "--detach")
    yield run
    run("down")


def pods(journey: Run) -> dict[str, int]:
    """The processes of pods, by name."""
    elements = json.loads(journey("ps", "--json"))["elements"]
    return {each["name"]: each["pid"] for each in elements if each["kind"] == "nginx_pod"}


def test_scale_up_and_down(journey: Run):
    assert journey("scale", "nginx", "8") == "deployment.apps/nginx has 8 of 8 pods ready\n"
    assert len(pods(journey)) == 8
    told = json.loads(journey("scale", "nginx", "4", "--json"))
    assert told == {"deployment": "nginx", "namespace": "default", "replicas": 4, "ready": 4}


def test_a_node_tells_of_its_pods_and_their_addresses(journey: Run):
    found = json.loads(journey("inspect", "node-1", "--json"))
    own = {name for name, pod in found["state"]["pods"].items() if not pod["terminating"]}
    held = {each["pod"] for each in found["cni_agent"]["state"]["attachments"]}
    assert own and own <= held
    page = journey("inspect", "node-1")
    for name, pod in found["state"]["pods"].items():
        if name in own:
            assert f"{pod['ip']} dev {pod['veth']} scope link" in page
    assert "addresses for pods (cni-node-1)" in page


def test_a_restart_replaces_all_and_a_drain_moves_them(journey: Run):
    before = pods(journey)
    assert journey("rollout", "restart", "nginx") == "deployment.apps/nginx restarted\n"
    assert journey("rollout", "status", "nginx").endswith('deployment "nginx" successfully rolled out\n')
    new = pods(journey).keys() - before.keys()
    assert len(new) == 4
    assert journey("drain", "node-1") == "node/node-1 drained\n"
    assert json.loads(journey("inspect", "node-1", "--json"))["state"]["pods"] == {}
    journey("rollout", "status", "nginx")
    assert len(pods(journey)) == 4, "as many as before, all on the other node"
    assert journey("uncordon", "node-1") == "node/node-1 uncordoned\n"


def test_requests_are_served_meanwhile(journey: Run):
    load = json.loads(journey("load", "--json", "-c", "4", "-d", "1s"))
    assert set(load["statuses"]) == {"200"} and set(load["per_pod"]) == pods(journey).keys()
