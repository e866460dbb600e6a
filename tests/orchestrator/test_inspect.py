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

MAC = "06:ab:cd:00:00:01"
"""Part of it would be an emoji for rich."""
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
    "interfaces": {"eth0": {"mac": MAC}},
    "connections": {"client": 3, "target": 1},
}
NODE = {
    "instance_type": "m5.large",
    "pods": {
        "default/nginx-0": {
            "phase": "Running",
            "terminating": False,
            "ip": "10.0.10.20",
            "veth": "eni7fcc33642a0",
        },
        "default/nginx-1": {"phase": "Running", "terminating": True, "ip": None, "veth": None},
    },
    "network_interfaces": [
        {"name": "eth0", "id": "eni-1", "device": 0, "address": "10.0.10.10/24", "gateway": None}
    ],
    "veths": {"cni-1": "eni7fcc33642a0"},
    "rules": ["512: from all to 10.0.10.20/32 lookup main"],
    "tables": {
        "main": [
            {"matched": "10.0.10.20/32", "next_hop": "direct", "port": "eni7fcc33642a0"},
            {"matched": "0.0.0.0/0", "next_hop": "10.0.10.1", "port": "eth0"},
        ],
        "2": [],
    },
    "interfaces": {"eth0": {"mtu": 9001}, "eni7fcc33642a0": {"mtu": 9001}},
    "conntrack": {"entries": 4, "limit": 131072},
    "tcp": {"listening": [], "connections": [{"local": "10.0.10.10:1", "state": "TIME_WAIT"}]},
}
AGENT = {
    "name": "cni-node-1",
    "state": {
        "ready": True,
        "network_interfaces": [
            {
                "id": "eni-1",
                "addresses": {"10.0.10.20": "assigned", "10.0.10.21": "free", "10.0.10.22": "free"},
            }
        ],
        "attachments": [{"pod": "default/nginx-0", "netns": "/run/netns/cni-1", "device": 0}],
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


def test_a_load_balancers_rules():
    rules = [
        {"priority": 1, "conditions": ["path-pattern is /*"], "action": "forward to nginx"},
        {"priority": "default", "conditions": [], "action": "fixed-response 404"},
    ]
    lines = page(name="alb-1a", kind="alb", state={**BALANCER, "rules": {"HTTPS:443": rules}})
    assert section(lines, "listener HTTPS:443") == [
        "priority conditions action",
        "1 path-pattern is /* forward to nginx",
        "default always fixed-response 404",
    ]
    assert "listeners" not in lines


def test_a_nodes_network_with_what_its_cni_agent_knows():
    lines = page(name="node-1", kind="eks_node", state=NODE, cni_agent=AGENT)
    assert section(lines, "network interfaces (ENIs)") == [
        "name id device address gateway for pods assigned cooling free",
        "eth0 eni-1 0 10.0.10.10/24 - 3 1 0 2",
    ]
    assert section(lines, "addresses for pods (cni-node-1)") == ["ready yes"]
    assert section(lines, "pods") == [
        "pod phase ip on veth",
        "default/nginx-0 Running 10.0.10.20 eth0 eni7fcc33642a0",
        "default/nginx-1 Terminating - - -",
    ]
    assert section(lines, "ip rule") == ["512: from all to 10.0.10.20/32 lookup main"]
    assert section(lines, "ip route show table main") == [
        "10.0.10.20 dev eni7fcc33642a0 scope link",
        "default via 10.0.10.1 dev eth0",
    ]
    assert section(lines, "ip route show table 2") == ["none"]
    assert section(lines, "network cards") == ["mtu", "eth0 9001"], "veths stand beside their pods"
    assert section(lines, "conntrack") == ["entries 4", "limit 131072"]
    assert section(lines, "tcp connections") == ["1 in TIME_WAIT"]
    assert "instance type m5.large" in lines


def test_a_node_whose_cni_agent_does_not_answer():
    lines = page(
        name="node-1", kind="eks_node", state=NODE, cni_agent={"name": "cni-node-1", "state": "is down"}
    )
    assert section(lines, "addresses for pods (cni-node-1)") == ["is down"]


@pytest.mark.parametrize("state", [{}, {"a": 1, "b": [[1], {"c": 2}], "d": {"e": {"f": None}}, "g": "[x]"}])
def test_any_element(state):
    assert page(name="x", kind="vpc", state=state)[0] == "x vpc"


def test_long_values_make_lists_and_ids_are_cut():
    state = {"few": {"x": {"arn": "arn:" + "a" * 60, "id": "0123456789abcdef" * 4}}}
    lines = page(name="x", kind="vpc", state=state)
    assert section(lines, "few") == ["x", "arn arn:" + "a" * 60, "id 0123456789abc"]


def test_an_agent_and_the_vpc_count_addresses():
    lines = page(name="cni-node-1", kind="cni_agent", state=AGENT["state"])
    assert section(lines, "network interfaces (ENIs)") == [
        "id for pods assigned cooling free",
        "eni-1 3 1 0 2",
    ]
    assert section(lines, "attachments") == ["pod device", "default/nginx-0 0"]
    interface = {"id": "eni-1", "port": "node-1", "subnet": "a", "private_ips": ["10.0.0.1", "10.0.0.2"]}
    lines = page(name="vpc", kind="vpc", state={"network_interfaces": [interface], "kept_decisions": 3})
    assert lines[1] == "kept decisions 3"
    assert section(lines, "network interfaces (ENIs)")[1] == "eni-1 node-1 a 10.0.0.1 1 -"


def test_long_lists_are_cut_in_the_middle():
    rules = [f"512: from all to 10.0.10.{number}/32 lookup main" for number in range(50)]
    told = section(page(name="node-1", kind="eks_node", state={"rules": rules}), "ip rule")
    assert (len(told), told[0], told[10], told[-1]) == (
        21,
        rules[0],
        "... 30 more, with --json ...",
        rules[-1],
    )


def test_a_table_that_does_not_fit_is_a_list_for_each_row():
    rows = [{"name": "a" * 40, "other": "b" * 40, "third": "c" * 40}] * 2
    told = section(page(name="x", kind="x", state={"rows": rows}), "rows")
    assert told == ["name " + "a" * 40, "other " + "b" * 40, "third " + "c" * 40]


def test_inspect_asks_the_world(monkeypatch):
    found = {"name": "alb-1a", "kind": "alb", "state": BALANCER}

    class Client:
        def request(self, verb, /, **arguments):
            assert (verb, arguments) == ("inspect", {"element": "alb-1a"})
            return found

    from orchestrator.commands import options

    monkeypatch.setattr(options, "running_world", Client)
    assert json.loads(CliRunner().invoke(app, ["inspect", "alb-1a", "--json"]).stdout) == found
    shown = CliRunner().invoke(app, ["inspect", "alb-1a"]).stdout
    assert "Target.Timeout" in shown and MAC in shown
    assert inspection.inspect.__doc__


CARD = "02:00:00:00:00:07"


def test_a_home_router_shows_leases_and_its_translation_table():
    session = {
        "protocol": "TCP", "inside": "192.168.1.100:50000", "outside": "203.0.113.10:50000",
        "remote": "198.51.100.10:443", "state": "established", "hairpin": False, "idle_s": 40.0, "timeout_s": 7440.0,
    }  # fmt: skip
    nat = {
        "mapping": "endpoint-independent",
        "ports_used": {"TCP": 1, "UDP": 0},
        "sessions": 1,
        "session_limit": 9,
    }
    state = {
        "leases": [{"address": "192.168.1.100", "mac": CARD, "host_name": "laptop", "remaining_s": 59.7}],
        "pool": {"size": 2, "free": 0, "declined": ["192.168.1.101"]},
        "nat": nat,
        "nat_sessions": [session],
        "stations": {CARD: "lan1"},
    }
    lines = page(name="home-router", kind="home_router", state=state)
    (lease,) = section(lines, "DHCP leases (0 of 2 addresses free, 192.168.1.101 declined)")[-1:]
    assert lease.split() == ["192.168.1.100", CARD, "laptop", "60"]
    (row,) = section(lines, "NAT table")[-1:]
    assert row.split()[-2:] == ["established", "7400"]
    assert "1 of 9" in "".join(section(lines, "NAT"))


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
