from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config import ConfigErrors, default_world, load_world, read_world

PATH = default_world()
TEXT = PATH.read_text()
LINES = TEXT.splitlines()


def test_the_default_world_has_no_fault():
    world = load_world(PATH)
    assert world.name == "journey"
    assert world.certificate_names() == ["kubernetes.default.svc", "packet-journey.com"]
    assert {spec.kind for spec in world.elements.values()} >= {
        "laptop",
        "home_router",
        "isp_as",
        "dns_server",
        "vpc",
    }


def test_its_zones_are_found_wherever_one_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    (zone,) = load_world(PATH).elements["root"].raw["authoritative"]["zones"]
    assert Path(zone).is_absolute() and Path(zone).is_file()


def faults_with(old: str, new: str) -> list[str]:
    assert TEXT.count(old) == 1, old
    with pytest.raises(ConfigErrors) as caught:
        read_world(TEXT.replace(old, new), PATH)
    return [str(error).removeprefix(f"{PATH}:").partition(" ")[2] for error in caught.value.errors]


def test_mistakes_that_people_make_are_told_once_each():
    assert faults_with("between: [laptop.wifi,", "between: [laptop.wlan,") == [
        "links.wifi.between[0]: laptop has no port 'wlan'; its ports are wifi"
    ]
    assert faults_with("lease_time: 24h", "lease_time: 24") == [
        "elements.home-router.dhcp.lease_time: duration needs a unit, such as 800us, 20ms or 1m30s"
    ]
    assert faults_with("zones/root.zone", "zones/rot.zone") == [
        "elements.root.authoritative.zones[0]: there is no file 'zones/rot.zone' beside the world file, "
        "did you mean 'zones/root.zone'?"
    ]
    assert faults_with("cni: cni-node-2", "cni: cni-node2") == [
        "elements.node-2.cni: there is no element 'cni-node2', did you mean 'cni-node-2'?"
    ]
    assert faults_with("cni: cni-node-2", "cni: cni") == [
        "elements.node-2.cni: there is no element 'cni', did you mean 'cni-node-1'?"
    ]
    assert faults_with("certificates: [packet-journey.com]", "certificates: [packet journey]") == [
        "elements.aws-api.certificates[0]: 'packet journey' is not a domain name such as packet-journey.com"
    ]
    assert faults_with("load_balancer_nodes: {alb-1a:", "load_balancer_nodes: {alb-1c:") == [
        "elements.aws-api.load_balancer_nodes.alb-1c: there is no element 'alb-1c', did you mean 'alb-1b'?"
    ]
    assert faults_with(
        "hosted_zones: [zones/packet-journey.com.zone]", "hosted_zones: [zones/nope.zone]"
    ) == [
        "elements.aws-api.hosted_zones[0]: there is no file 'zones/nope.zone' beside the world file, "
        "did you mean 'zones/com.zone'?"
    ]


@st.composite
def mutilated(draw: st.DrawFn) -> str:
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 4))):
        index = draw(st.integers(0, len(lines) - 1))
        line = lines[index]
        where = draw(st.integers(0, len(line)))
        match draw(st.integers(0, 4)):
            case 0:
                del lines[index]
            case 1:
                lines[index] = line[:where]
            case 2:
                lines[index] = line[:where] + draw(st.text("{}[]:,-*&!'\" 1aZ.#%", max_size=4)) + line[where:]
            case 3:
                lines[index] = lines[draw(st.integers(0, len(lines) - 1))]
            case _:
                lines[index] = (
                    line.partition(":")[0]
                    + ": "
                    + draw(st.sampled_from(["", "5", "x", "{}", "[]", "[1]", "~"]))
                )
    return "\n".join(lines)


@given(mutilated())
@settings(max_examples=150, deadline=None)
def test_a_mutilated_world_is_read_or_explained(text: str):
    try:
        read_world(text, PATH)
    except ConfigErrors as error:
        assert all(fault.position for fault in error.errors)


@pytest.mark.parametrize("file", sorted(default_world().parent.glob("*.yaml")), ids=lambda file: file.name)
def test_every_world_that_is_shipped_is_sound(file: Path):
    assert load_world(file).elements
