"""Wireshark's verdict on what passes in a real world, as `journey capture` writes it down: a request, names by UDP and
TCP, pings, a route being looked for, and what a crashed laptop and a crashed router say when they come back."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.tools import needs

pytestmark = needs("tshark")

JOURNEY = [sys.executable, "-m", "orchestrator.cli"]
PATIENCE_S = 60.0
VERIFY = [f"-o{name}.check_checksum:TRUE" for name in ("ip", "tcp", "udp")]


class Captured(NamedTuple):
    path: Path
    journey: str
    host: str


def journey(*arguments: str, code: int = 0) -> str:
    done = subprocess.run([*JOURNEY, *arguments], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == code, done.stderr
    return done.stdout


def until_captured(spool: Path, what: bytes) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not (spool.exists() and spool.stat().st_size and what in spool.read_bytes()):
        assert time.monotonic() < deadline, f"{what!r} is not captured"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def captured(tmp_path_factory) -> Captured:
    """A capture on all links of a running world, during one traced request."""
    directory = tmp_path_factory.mktemp("capture")
    path = directory / "x.pcapng"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "JOURNEY_HOME", str(directory / "h"))
        try:
            journey("up", "--detach")
            capture = subprocess.Popen([*JOURNEY, "capture", "-o", str(path)], stderr=subprocess.DEVNULL)
            try:
                spool = path.with_name("x.pcapng.part")
                until_captured(spool, b"")  # health checks are always on the way
                journey("fault", "add", "element/transit-2", "crash")
                journey("fault", "add", "element/laptop", "crash")
                until_captured(spool, bytes.fromhex("63825363 350105".replace(" ", "")))  # a DHCP ACK
                until_captured(spool, b"\xff" * 16 + b"\0\x37\2")  # a BGP UPDATE of 55 bytes
                journey("ping", "resolver", "-c", "2")
                journey("traceroute", "resolver")
                journey("dig", "packet-journey.com", "@home-router", "+tcp")
                told = json.loads(journey("trace", "--json"))
                last = json.loads(journey("trace", "https://nowhere.example/", "--json", code=4))
                until_captured(spool, last["journey"].encode())  # and with it all that was before
                until_captured(spool, b"\x81\x83\0\1")  # its answer: NXDOMAIN
                capture.send_signal(signal.SIGINT)
                assert capture.wait(PATIENCE_S) == 0
            finally:
                capture.kill()
        finally:
            journey("down")
    assert told["status"] == 200
    return Captured(path, told["journey"], "packet-journey.com")


def tshark(path: Path, *arguments: str) -> list[str]:
    command = ["tshark", "-n", "-r", str(path), *VERIFY, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    return done.stdout.splitlines()


FIELDS = (
    "frame.interface_name", "frame.comment", "_ws.malformed", "icmp",
    "ip.checksum.status", "udp.checksum.status", "tcp.checksum.status",
    "tls", "http.request.method", "http.host", "http.request.uri", "http.response.code",
)  # fmt: skip
GOOD = "1"
"""Of a checksum; 2 is unverified, 0 bad."""


@pytest.fixture(scope="module")
def packets(captured) -> list[dict[str, str]]:
    """Each packet's fields: Wireshark reads the file once."""
    wanted = [part for name in FIELDS for part in ("-e", name)]
    rows = [line.split("\t") for line in tshark(captured.path, "-T", "fields", *wanted)]
    return [dict(zip(FIELDS, row, strict=True)) for row in rows]


def test_the_request_is_seen_on_its_whole_way(captured, packets):
    links = {each["frame.interface_name"] for each in packets if each["frame.comment"] == captured.journey}
    assert {"wifi", "fibre"} <= links
    assert any(link.startswith(("node-1.nginx-", "node-2.nginx-")) for link in links), links


def test_no_packet_is_malformed(packets):
    assert len(packets) > 100
    assert [each for each in packets if each["_ws.malformed"]] == []


SEEN = {
    "a request for an address": "dhcp.option.dhcp == 3",
    "its answer": "dhcp.option.dhcp == 5",
    "a name asked for with EDNS": "udp && dns.flags.response == 0 && dns.resp.type == 41",
    "an alias and addresses": "dns.flags.response == 1 && dns.cname && dns.a",
    "a name that there is not": "dns.flags.rcode == 3 && dns.soa.mname",
    "a name asked for by TCP": "tcp && dns.flags.response == 1 && dns.a",
    "a BGP OPEN with its capabilities": "bgp.type == 1 && bgp.cap.4as",
    "an UPDATE": "bgp.type == 2 && bgp.update.path_attribute.as_path_segment.as4",
    "a KEEPALIVE": "bgp.type == 4",
    "a ping": "icmp.type == 8",
    "its answer, matched": "icmp.type == 0 && icmp.resp_to",
    "a router that names itself": "icmp.type == 11",
    "all options of a SYN": "tcp.flags.syn == 1 && tcp.options.mss && tcp.options.wscale && tcp.options.sack_perm"
    " && tcp.options.timestamp.tsval",
}


def test_each_protocol_is_seen_and_understood(captured):
    """One pass over the file counts what each filter finds."""
    table = tshark(captured.path, "-q", "-z", ",".join(("io,stat,0", *SEEN.values())))
    (row,) = (
        line for line in table if "<>" in line and line.rstrip().endswith("|") and "Interval" not in line
    )
    frames = [int(cell) for cell in row.strip("| ").split("|")[1:]][::2]
    assert len(frames) == len(SEEN)
    assert [what for what, count in zip(SEEN, frames, strict=True) if not count] == []


@pytest.mark.parametrize("protocol", ["ip", "udp", "tcp"])
def test_no_checksum_is_bad(packets, protocol):
    statuses = {each[f"{protocol}.checksum.status"] for each in packets if not each["icmp"]}
    assert statuses - {""} == {GOOD}


def test_the_request_inside_tls_is_decrypted_with_the_keys_in_the_file(captured, packets):
    inside = [each for each in packets if each["tls"]]
    asked = {
        (each["http.host"], each["http.request.uri"], each["frame.comment"])
        for each in inside
        if each["http.request.method"] == "GET"
    }
    assert asked == {(captured.host, "/", captured.journey)}
    assert any(each["http.response.code"] == "200" for each in inside), "nor its answer"
