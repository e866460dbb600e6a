"""The README's session: `journey` verbs in kubectl's words, one after the other, in the default world of processes."""

import json
from collections.abc import Iterator

import pytest

from tests.journey_cli import BELIEVED_OR_NOT, journey


@pytest.fixture(scope="module", autouse=True)
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One that is up, for the tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNEY_HOME", str(tmp_path_factory.mktemp("home")))
        journey("up", "--detach")
        yield
        journey("down")


def pods() -> dict[str, int]:
    """The processes of pods, by name."""
    elements = json.loads(journey("ps", "--json"))["elements"]
    return {each["name"]: each["pid"] for each in elements if each["kind"] == "nginx_pod"}


def test_scale_up_and_down():
    assert journey("scale", "nginx", "8") == "deployment.apps/nginx has 8 of 8 pods ready\n"
    assert len(pods()) == 8
    told = json.loads(journey("scale", "nginx", "4", "--json"))
    assert told == {"deployment": "nginx", "namespace": "default", "replicas": 4, "ready": 4}


def test_a_node_tells_of_its_pods_and_their_addresses():
    found = json.loads(journey("inspect", "node-1", "--json"))
    own = {name for name, pod in found["state"]["pods"].items() if not pod["terminating"]}
    held = {each["pod"] for each in found["cni_agent"]["state"]["attachments"]}
    assert own and own <= held
    page = journey("inspect", "node-1")
    for name, pod in found["state"]["pods"].items():
        if name in own:
            assert f"{pod['ip']} dev {pod['veth']} scope link" in page
    assert "addresses for pods (cni-node-1)" in page


def test_a_restart_replaces_all_and_a_drain_moves_them():
    before = pods()
    assert journey("rollout", "restart", "nginx") == "deployment.apps/nginx restarted\n"
    assert journey("rollout", "status", "nginx").endswith('deployment "nginx" successfully rolled out\n')
    new = pods().keys() - before.keys()
    assert len(new) == 4
    assert journey("drain", "node-1") == "node/node-1 drained\n"
    assert json.loads(journey("inspect", "node-1", "--json"))["state"]["pods"] == {}
    journey("rollout", "status", "nginx")
    assert len(pods()) == 4, "as many as before, all on the other node"
    assert journey("uncordon", "node-1") == "node/node-1 uncordoned\n"


def test_requests_are_served_meanwhile():
    load = json.loads(journey("load", "--json", "-c", "4", "-d", "1s", code=BELIEVED_OR_NOT))
    assert set(load["statuses"]) == {"200"} and set(load["per_pod"]) == pods().keys()
