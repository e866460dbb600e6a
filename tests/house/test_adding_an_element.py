"""The page on adding an element is true: its file and its lines of YAML run, as they stand there."""

import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

import actors
from actors.runtime.virtual import VirtualNetwork
from orchestrator.config import World, default_world, load_world
from orchestrator.config.kinds import kind_names
from orchestrator.simulation import build, furnish, settled
from tests.house.rooms import ROOT, complaints

JOURNEY_ID = "0123456789abcdef" * 2
PAGE = (ROOT / "docs" / "adding-an-element.md").read_text()


def block(language: str) -> str:
    (only,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return only


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The default world with the page's lines in it, and the page's file among the kinds."""
    kinds = tmp_path / "kinds"
    kinds.mkdir()
    (kinds / "firewall.py").write_text(block("python"))
    monkeypatch.setattr(actors, "__path__", [*actors.__path__, str(kinds)])
    written, added = yaml.safe_load(default_world().read_text()), yaml.safe_load(block("yaml"))
    for section, entries in added.items():
        written[section].update(entries)
    (tmp_path / "world.yaml").write_text(yaml.safe_dump(written))
    for folder in ("zones", "manifests"):
        shutil.copytree(default_world().parent / folder, tmp_path / folder)
    yield load_world(tmp_path / "world.yaml")
    sys.modules.pop("actors.firewall", None)
    vars(actors).pop("firewall", None)


def fetch(world: World, directory: Path, url: str) -> tuple[dict, VirtualNetwork]:
    furnish(world, directory)
    network = build(world, 7, directory)

    async def story() -> dict:
        await settled(network, world)  # a load balancer's name is not in DNS before it has been made
        return dict(await network.host("laptop").answer("fetch", {"url": url, "journey": JOURNEY_ID}))

    return network.run(story()), network


def told(network: VirtualNetwork, kind: str) -> list[str]:
    return [record["flow"] for record in network.journal if record["kind"] == kind]


def test_a_request_passes_and_each_packet_is_told(world: World, tmp_path: Path):
    answer, network = fetch(world, tmp_path, "https://packet-journey.com/")
    assert answer["status"] == 200
    assert any(
        re.fullmatch(r"TCP .* > 198\.51\.100\.\d+:443", flow) for flow in told(network, "firewall.pass")
    )
    assert not told(network, "firewall.deny")


def test_a_request_to_a_closed_port_ends_there(world: World, tmp_path: Path):
    answer, network = fetch(world, tmp_path, "http://packet-journey.com/")
    assert answer["status"] == 0 and answer["error"]
    denied = told(network, "firewall.deny")
    assert denied and all(flow.endswith(":80") for flow in denied)
    assert network.host("firewall").metrics.values()["journey_firewall_denied_packets_total"] == len(denied)


def test_junk_is_counted_and_dropped(world: World, tmp_path: Path):
    furnish(world, tmp_path)
    network = build(world, 7, tmp_path)

    async def story() -> None:
        network.host("firewall").deliver("inside", b"junk")

    network.run(story())
    assert network.host("firewall").metrics.values()["journey_firewall_malformed_packets_total"] == 1


def test_the_file_keeps_to_its_room():
    assert not list(complaints(Path("firewall.py"), block("python"), {*kind_names(), "firewall"}))
