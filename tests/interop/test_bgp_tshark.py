"""Wireshark's verdict on a session of ours, from the first SYN to a NOTIFICATION: all understood, nothing malformed."""

import subprocess
from pathlib import Path

import pytest

from actors.wire.pcapng import Capture
from tests.elements.bgp_bed import Internet
from tests.tools import needs

pytestmark = needs("tshark")


@pytest.fixture(scope="module")
def capture_file(tmp_path_factory) -> Path:
    """What passes between isp and transit-1, as either hears it."""
    internet, capture = Internet(), Capture()
    blocks = [capture.start()]

    async def story():
        for name, port in (("isp", "transit-1"), ("transit-1", "isp")):
            _listen(internet, name, port, capture, blocks)
        await internet.sleep(8)
        internet.router("isp").bgp.speaker.stop(internet.net.host("isp").now_ns())
        await internet.sleep(1)

    internet.net.run(story())
    path = tmp_path_factory.mktemp("capture") / "bgp.pcapng"
    path.write_bytes(b"".join(blocks))
    return path


def _listen(internet: Internet, name: str, port: str, capture: Capture, blocks: list[bytes]) -> None:
    router, host = internet.router(name), internet.net.host(name)
    hear = router.on_frame

    def on_frame(at: str, frame: bytes) -> None:
        if at == port:
            blocks.append(capture.frame("isp-transit-1", host.unix_ns(), frame))
        hear(at, frame)

    router.on_frame = on_frame


def tshark(path: Path, *arguments: str) -> list[str]:
    command = ["tshark", "-n", "-r", str(path), "-otcp.check_checksum:TRUE", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


def test_every_type_of_message_is_understood_and_nothing_is_malformed(capture_file):
    types = ",".join(tshark(capture_file, "-Y", "bgp", "-T", "fields", "-e", "bgp.type")).split(",")
    assert {"1", "2", "3", "4"} <= set(types)
    assert tshark(capture_file, "-Y", "_ws.malformed || (bgp && _ws.expert.severity >= 0x600000)") == []


def test_it_reads_what_we_meant(capture_file):
    fields = ["-T", "fields", "-e", "bgp.update.path_attribute.as_path_segment.as4"]
    paths = tshark(capture_file, "-Y", "bgp.type == 2 && ip.src == 100.64.1.1", *fields)
    assert "64510,16509" in ",".join(paths)
    holds = tshark(capture_file, "-Y", "bgp.type == 1", "-T", "fields", "-e", "bgp.open.holdtime")
    assert set(holds) == {"9"}
    ends = tshark(capture_file, "-Y", "bgp.type == 3", "-T", "fields", "-e", "bgp.notify.minor_error_cease")
    assert "2" in ",".join(ends)
