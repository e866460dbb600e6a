"""`journey inspect`: the state of elements as pages."""

import io
import json
from types import SimpleNamespace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from actors.element import CallFailed
from orchestrator import operations
from orchestrator.cli import app
from orchestrator.commands import inspection
from orchestrator.commands.inspect_pages import show
from orchestrator.control.api import RequestFailed
from tests.orchestrator.fake_world import FakeWorld

BALANCER = {
    "target_groups": {
        "nginx": {
            "algorithm": "round_robin",
            "fail_open": True,
            "targets": [
                {
                    "target": "10.0.10.20:80",
                    "state": "unhealthy",
                    "reason": "Target.Timeout",
                    "outstanding": 2,
                },
                {"target": "10.0.10.21:80", "state": "healthy", "reason": "", "outstanding": 0},
            ],
        },
        "empty": {"algorithm": "round_robin", "fail_open": False, "targets": []},
    },
    "listeners": ["HTTPS:443"],
    "connections": {"client": 3, "target": 1},
}
NODE = {
    "instance_type": "m5.large",
    "pods": {"default/nginx-0": "10.0.10.20"},
    "network_interfaces": [
        {"name": "eth0", "eni": "eni-1", "device": 0, "address": "10.0.10.10/24", "gateway": None}
    ],
    "veths": {"10.0.10.20": "eni7fcc33642a0"},
    "rules": ["512: from all to 10.0.10.20/32 lookup main"],
    "tables": {"main": ["10.0.10.20/32 dev eni7fcc33642a0"], "2": []},
    "conntrack": {"entries": 4, "limit": 131072},
}
AGENT = {
    "name": "cni-node-1",
    "state": {
        "addresses": {
            "10.0.10.20": {"state": "assigned", "pod": "default/nginx-0"},
            "10.0.10.21": {"state": "free", "pod": None},
            "10.0.10.22": {"state": "free", "pod": None},
        },
        "attachments": [],
    },
}


def page(**found) -> list[str]:
    console = Console(width=110, highlight=False, record=True, file=io.StringIO())
    show(console, found)
    return [" ".join(line.split()) for line in console.export_text().splitlines()]


def section(lines: list[str], heading: str) -> list[str]:
    rest = lines[lines.index(heading) + 1 :]
    return rest[: rest.index("")] if "" in rest else rest


def test_a_load_balancers_targets():
    lines = page(name="alb-1a", kind="alb", state=BALANCER)
    assert lines[0] == "alb-1a alb"
    assert section(lines, "target group nginx (round_robin, failing open)") == [
        "target state reason outstanding",
        "10.0.10.20:80 unhealthy Target.Timeout 2",
        "10.0.10.21:80 healthy - 0",
    ]
    assert section(lines, "target group empty (round_robin)") == ["no targets"]
    assert section(lines, "listeners") == ["HTTPS:443"]
    assert section(lines, "connections") == ["client 3", "target 1"]


def test_a_nodes_network_with_what_its_cni_agent_knows():
    lines = page(name="node-1", kind="eks_node", state=NODE, cni_agent=AGENT)
    assert section(lines, "network interfaces (ENIs)") == [
        "name eni device address gateway",
        "eth0 eni-1 0 10.0.10.10/24 -",
    ]
    assert section(lines, "addresses by state (cni-node-1)") == ["assigned 1", "free 2"]
    assert section(lines, "addresses")[1] == "10.0.10.20 assigned default/nginx-0"
    assert section(lines, "pods") == ["pod address", "default/nginx-0 10.0.10.20"]
    assert section(lines, "ip rule") == ["512: from all to 10.0.10.20/32 lookup main"]
    assert section(lines, "ip route show table main") == ["10.0.10.20/32 dev eni7fcc33642a0"]
    assert section(lines, "ip route show table 2") == ["none"]
    assert section(lines, "conntrack") == ["entries 4", "limit 131072"]
    assert "instance type m5.large" in lines


def test_a_node_whose_cni_agent_does_not_answer():
    lines = page(
        name="node-1", kind="eks_node", state=NODE, cni_agent={"name": "cni-node-1", "state": "is down"}
    )
    assert section(lines, "addresses (cni-node-1)") == ["is down"]


@pytest.mark.parametrize("state", [{}, {"a": 1, "b": [[1], {"c": 2}], "d": {"e": {"f": None}}, "g": "[x]"}])
def test_any_element(state):
    assert page(name="x", kind="vpc", state=state)[0] == "x vpc"


def test_long_values_make_lists_and_ids_are_cut():
    state = {"few": {"x": {"arn": "arn:" + "a" * 60, "id": "0123456789abcdef" * 4}}}
    lines = page(name="x", kind="vpc", state=state)
    assert section(lines, "few") == ["x", "arn arn:" + "a" * 60, "id 0123456789abc"]


def test_inspect_asks_the_world(monkeypatch):
    found = {"name": "alb-1a", "kind": "alb", "state": BALANCER}

    class Client:
        def request(self, verb, /, **arguments):
            assert (verb, arguments) == ("inspect", {"element": "alb-1a"})
            return found

    from orchestrator.commands import options

    monkeypatch.setattr(options, "running_world", Client)
    assert json.loads(CliRunner().invoke(app, ["inspect", "alb-1a", "--json"]).stdout) == found
    assert "Target.Timeout" in CliRunner().invoke(app, ["inspect", "alb-1a"]).stdout
    assert inspection.inspect.__doc__


async def test_a_nodes_agent_is_asked_too():
    class World(FakeWorld):
        agent_is_up = True

        async def _inspect(self):
            if self.calls[-1][0] == "cni-node-1" and not self.agent_is_up:
                raise CallFailed("cni-node-1 is down")
            return {"of": self.calls[-1][0]}

    world = World(SimpleNamespace(elements={"node-1": SimpleNamespace(raw={"cni": "cni-node-1"})}))
    assert await operations.inspect(world, "node-1") == {
        "name": "node-1",
        "kind": "eks_node",
        "state": {"of": "node-1"},
        "cni_agent": {"name": "cni-node-1", "state": {"of": "cni-node-1"}},
    }
    assert "cni_agent" not in await operations.inspect(world, "vpc")
    world.agent_is_up = False
    assert (await operations.inspect(world, "node-1"))["cni_agent"]["state"] == "cni-node-1 is down"
    with pytest.raises(RequestFailed, match="did you mean 'laptop'"):
        await operations.inspect(world, "labtop")
