"""docker-compose.yml as it is written: no engine is needed to see that all is closed, and no container missing."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from actors.links.curve import ELEMENTS, load_keys, make_pair
from orchestrator.compose.early import Threshold
from orchestrator.config import default_world, load_world
from orchestrator.control.api import RequestFailed
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


def test_all_ports_are_on_the_loopback_address_only():
    ports = [port for said in SERVICES.values() for port in said.get("ports", ())]
    assert len(ports) == 6
    assert all(port.startswith("127.0.0.1:") for port in ports)


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
