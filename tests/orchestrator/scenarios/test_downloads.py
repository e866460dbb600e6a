"""Answers of any size through the whole default world: every byte arrives, and a mix can ask for them."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import pytest

from actors.parts.pod.nginx_files import content
from orchestrator.config import ConfigErrors, default_world, load_world
from orchestrator.scenarios.loader import load_scenario
from orchestrator.scenarios.play import play
from orchestrator.scenarios.virtual import VirtualScene
from orchestrator.simulation import build, furnish

ROOT = Path(__file__).parents[3]
SIZE = 10_000_000
MIX = f"""\
version: 1
name: downloads
title: Do downloads hurt pages?
world: {ROOT}/configs/journey.yaml
load:
  requests:
    - {{path: /, weight: 9}}
    - {{path: /bytes/256k}}
    - {{path: /bytes/1k, headers: {{Range: "bytes=-24"}}, expect: {{status: 206}}}}
  arrivals: uniform
  warm_up: 1s
  stages: [{{for: 2s, rate: 60/s}}]
"""


def test_ten_megabytes_arrive_byte_for_byte():
    config = load_world(default_world())
    with tempfile.TemporaryDirectory(prefix="journey-") as name:
        furnish(config, Path(name))
        network = build(config, 1, Path(name))

        async def story() -> dict[str, Any]:
            await VirtualScene(network, config).settled()
            assert config.url is not None
            found: dict[str, Any] = await network.host("laptop").answer(
                "fetch", {"url": f"{config.url.rstrip('/')}/bytes/10MB"}
            )
            return found

        fetched = network.run(story())
    assert (fetched["status"], fetched["body_bytes"], fetched["error"]) == (200, SIZE, None)
    assert fetched["body_sha256"] == hashlib.sha256(content(0, SIZE)).hexdigest()
    rate = config.links["fibre"].rate
    assert rate is None or fetched["phases"]["download"] > SIZE * 8 / rate * 1000, "no faster than the line"


def test_a_mix_asks_for_answers_of_several_sizes(tmp_path: Path):
    (tmp_path / "downloads.yaml").write_text(MIX)
    load = play(load_scenario(tmp_path / "downloads.yaml"), on_virtual_clock=True)["variants"][""]["load"]
    assert load["errors"] == {}
    took = {name: each["latency_ms"]["p50"] for name, each in load["per_request"].items()}
    assert sum(each["requests"] for each in load["per_request"].values()) == 120
    assert took["GET /bytes/256k"] > 1.5 * took["GET /"] and took["GET /bytes/1k"] < 1.5 * took["GET /"]


def test_a_size_that_is_none_is_said_with_its_place(tmp_path: Path):
    path = tmp_path / "downloads.yaml"
    path.write_text(MIX.replace("/bytes/256k", "/bytes/256x"))
    with pytest.raises(ConfigErrors) as caught:
        load_scenario(path)
    (error,) = str(caught.value).splitlines()
    assert "downloads.yaml:8:" in error
    assert "/bytes/256x: '256x' is not a size; write it like 512, 64k, 10MB or 1GiB" in error
