import asyncio
import subprocess

import pytest

from actors.wire.pcapng import Capture
from orchestrator import capture as room
from orchestrator.capture import CaptureFile, capture
from orchestrator.control.api import RequestFailed
from tests.orchestrator.fake_world import FakeWorld
from tests.tools import needs

KEYS = "CLIENT_RANDOM 00 11\n"


@pytest.fixture
def world(tmp_path):
    return FakeWorld(directory=tmp_path)


async def captured(world, tmp_path, **arguments) -> bytes:
    file = CaptureFile(tmp_path / "x.pcapng")
    async for piece in capture(world, **arguments):
        file.add(piece)
    file.close()
    assert file.frames == len(arguments.get("links") or "12")
    assert list(tmp_path.glob("*.part")) == []
    return (tmp_path / "x.pcapng").read_bytes()


async def test_frames_are_written_in_the_order_of_departure(world, tmp_path):
    data = await captured(world, tmp_path, duration_s=0.01)
    assert data.startswith(Capture().start())
    assert 0 < data.index(b"fibre") < data.index(b"wifi")


async def test_secrets_stand_before_the_packets(world, tmp_path):
    (tmp_path / "tls-keys.log").write_text(KEYS)
    data = await captured(world, tmp_path, duration_s=0.01)
    assert data.startswith(Capture().start() + Capture().tls_keys(KEYS.encode()))
    assert data.count(KEYS.encode()) == 1


async def test_a_capture_may_last_as_long_as_one_fetch(world, tmp_path):
    await captured(world, tmp_path, url="https://packet-journey.com/")
    assert [verb for _, verb, _ in world.calls] == ["fetch"]


async def test_only_the_named_links_are_captured(world, tmp_path):
    data = await captured(world, tmp_path, links=["wifi"], duration_s=0.01)
    assert b"fibre" not in data


async def test_an_unknown_link_is_named_with_what_was_meant(world):
    with pytest.raises(RequestFailed, match="no link 'wify', did you mean 'wifi'"):
        await anext(capture(world, links=["wify"]))


async def test_keys_that_come_later_are_told_once(world, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "BATCH_S", 0.001)
    pieces = capture(world, duration_s=0.05)
    assert (await anext(pieces))["tls_keys"] == ""
    (tmp_path / "tls-keys.log").write_text(KEYS)
    assert "".join([piece["tls_keys"] async for piece in pieces]) == KEYS


@needs("tshark")
def test_tshark_reads_it(world, tmp_path):
    asyncio.run(captured(world, tmp_path, duration_s=0.01))
    told = subprocess.run(
        ["tshark", "-r", tmp_path / "x.pcapng", "-T", "fields", "-e", "frame.interface_name"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.split() == ["fibre", "wifi"]
