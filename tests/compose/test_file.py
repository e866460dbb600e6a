"""docker-compose.yml as it is written: no engine is needed to see that all is closed, and no container missing."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from actors.links.curve import ELEMENTS, load_keys, make_pair
from orchestrator.compose.early import Threshold
from orchestrator.compose.ports import CONTROL, ports_of
from orchestrator.config import default_world, load_world
from orchestrator.control.api import RequestFailed
from orchestrator.tools.doors import who_answers
from tests.tools import needs

ROOT = Path(__file__).resolve().parents[2]
STACK: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = STACK["services"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_container_is_closed_limited_and_watched(service):
    said = SERVICES[service]
    assert said["read_only"] is True
    assert said["cap_drop"] == ["ALL"]
    assert said["security_opt"] == ["no-new-privileges:true"]
    assert said["mem_limit"]
    assert said["healthcheck"]["test"]


PUBLISHED = [port for said in SERVICES.values() for port in said.get("ports", ())]
VARIABLE = r"\$\{(\w+):-([\d-]+)\}"


def test_all_ports_are_on_the_loopback_address_only():
    assert len(PUBLISHED) == 11
    assert all(port.startswith("127.0.0.1:") for port in PUBLISHED)


def test_a_port_that_is_moved_is_moved_within_too_and_the_orchestrator_knows():
    """What it prints, links to and compares is then the same as outside."""
    told = SERVICES["orchestrator"]["environment"]
    for port in PUBLISHED:
        outside, within = re.fullmatch(rf"127\.0\.0\.1:({VARIABLE}):(\S+?)(?:/udp|/tcp)?", port).group(1, 4)
        variable, usual = re.fullmatch(VARIABLE, outside).groups()
        if variable in ("METRICS_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT"):
            assert within == usual
        else:
            assert within == outside == told[variable]
    assert told["METRICS_PORT"] == "${METRICS_PORT:-9464}"


def test_the_files_ports_are_those_that_the_orchestrator_takes_by_itself():
    told = {
        name: re.fullmatch(VARIABLE, value).group(2)
        for name, value in SERVICES["orchestrator"]["environment"].items()
    }
    assert ports_of(told) == ports_of({})


def test_every_dns_server_of_the_default_world_has_a_published_port():
    first, last = ports_of({}).dns
    assert last - first + 1 == len(who_answers(load_world(default_world()).elements))


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"PAGE_PORT": "http"}, "PAGE_PORT is a port from 1 to 65535, not 'http'"),
        ({"PROXY_PORT": "65536"}, "PROXY_PORT is a port"),
        ({"DNS_PORTS": "5305-5300"}, "DNS_PORTS is a range of ports such as 5300-5305, not '5305-5300'"),
        ({"PAGE_PORT": "7464"}, "JOURNEY_PORT 7464 is that of PAGE_PORT"),
        ({"PAGE_PORT": "9464", "METRICS_PORT": "9465"}, "PAGE_PORT 9464 is that of Prometheus"),
        ({"JOURNEY_PORT": "5302"}, "JOURNEY_PORT 5302 is that of DNS_PORTS"),
    ],
)
def test_ports_that_cannot_be_are_told(environment, why):
    with pytest.raises(ValueError, match=why):
        ports_of(environment)


def test_elements_call_by_a_name_of_their_own_network():
    """One that is in another network, too, would call from its address there, at which no neighbour can reach it."""
    networks = SERVICES["orchestrator"]["networks"]
    assert networks == {"journey": {"aliases": ["control"]}, "outside": {}}
    assert STACK["networks"]["journey"] == {"internal": True}
    elements = [
        said["command"] for said in SERVICES.values() if said.get("command", [])[:2] == ["-m", "actors"]
    ]
    assert elements and all(f"tcp://control:{CONTROL}" in command for command in elements)


def test_every_element_of_the_default_world_has_its_container():
    elements = load_world(default_world()).elements
    assert set(SERVICES) == {*elements, "orchestrator", "nginx-pod", "prometheus", "grafana"}
    assert all(SERVICES[name]["command"][2] == name for name in elements)


def test_nobody_is_root_and_only_the_orchestrator_may_write_keys():
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert dockerfile.index("USER journey") > dockerfile.rindex("RUN")
    assert SERVICES["prometheus"]["user"] == "65534:65534"
    for name, said in SERVICES.items():
        keys = [volume for volume in said.get("volumes", ()) if volume.startswith("keys:")]
        assert all(volume.endswith(":ro") for volume in keys) or name == "orchestrator"


def test_grafana_lets_everybody_look_and_nobody_change():
    said = SERVICES["grafana"]["environment"]
    assert (said["GF_AUTH_ANONYMOUS_ENABLED"], said["GF_AUTH_ANONYMOUS_ORG_ROLE"]) == ("true", "Viewer")
    assert (said["GF_AUTH_DISABLE_LOGIN_FORM"], said["GF_AUTH_BASIC_ENABLED"]) == ("true", "false")


@needs("docker-compose")
def test_compose_reads_it():
    commands = [["docker-compose"]]
    plugin = ["docker", "compose"]
    if shutil.which("docker") and not subprocess.run([*plugin, "version"], capture_output=True).returncode:
        commands.append(plugin)
    for command in commands:
        done = subprocess.run([*command, "config", "--quiet"], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_a_secret_key_is_its_owners_only_and_made_once(tmp_path):
    for _ in range(2):
        make_pair("orchestrator", tmp_path, tmp_path)
        make_pair(ELEMENTS, tmp_path, tmp_path)
    assert (tmp_path / "elements.key_secret").stat().st_mode & 0o777 == 0o600
    first = load_keys(ELEMENTS, tmp_path)
    make_pair(ELEMENTS, tmp_path, tmp_path)
    assert load_keys(ELEMENTS, tmp_path) == first
    (tmp_path / "elements.key").write_text("short")
    with pytest.raises(ValueError, match="holds no key"):
        load_keys(ELEMENTS, tmp_path)


class HalfUp:
    def ps(self) -> dict[str, Any]:
        return {"elements": [{"state": "up"}, {"state": "starting"}]}


async def test_what_would_send_a_frame_is_refused_until_the_world_is_up():
    async def answer() -> str:
        return "answered"

    async def stream():
        yield "streamed"

    threshold = Threshold(HalfUp())  # type: ignore[arg-type]
    answers = threshold.answers({"ps": answer, "trace": answer})
    load = threshold.streams({"load": stream})["load"]
    assert await answers["ps"]() == "answered"
    with pytest.raises(RequestFailed, match="1 of 2 elements"):
        await answers["trace"]()
    with pytest.raises(RequestFailed, match="still coming up"):
        [value async for value in load()]
    threshold.open = True
    assert await answers["trace"]() == "answered"
    assert [value async for value in load()] == ["streamed"]
