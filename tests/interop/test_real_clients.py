"""curl, wrk and Chromium walk into a real world: by the ingress, and by both kinds of proxy."""

import asyncio
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.journey_cli import journey, program, said
from tests.tools import needs

SITE = "https://packet-journey.com/"
MEGABYTES = 5 if os.environ.get("JOURNEY_SOAK") else 2
WRK_S = 10 if os.environ.get("JOURNEY_SOAK") else 2

pytestmark = needs("curl")


class Doors(NamedTuple):
    ingress: str
    proxy: str
    ca: Path


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOURNEY_HOME", str(tmp_path_factory.mktemp("h")))
        options = ("--http", "127.0.0.1:0", "--proxy", "127.0.0.1:0", "--dns", "off", "--metrics", "off")
        journey("up", "--detach", *options)
        told = json.loads(journey("ps", "--json"))
        addresses = told["addresses"]
        yield Doors(addresses["ingress"], addresses["proxy"], Path(told["ca"]))
        journey("down")


def curl(*arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        ["curl", "-sS", "-m", "30", *arguments], capture_output=True, text=True, timeout=40, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def test_what_it_prints_can_be_pasted(doors):
    lines = [line for line in journey("ps").replace("\n", " ").split("  ") if line]
    told = " ".join(lines)
    assert f"curl -i http://{doors.ingress}/" in told
    assert f"curl --proxy socks5h://{doors.proxy} --cacert {doors.ca} {SITE}" in told


def test_a_request_by_the_laptop_can_be_explained(doors):
    head, _, body = curl("-i", f"http://{doors.ingress}/").partition("\n\n")
    assert head.startswith("HTTP/1.1 200 OK") and "nginx" in body
    identity = re.search(r"#journey=([0-9a-f]{32})>; rel=\"describedby\"", head)
    times = re.findall(r"(\w+)(?:;desc=\"[^\"]*\")?;dur=([\d.]+)", head)
    assert [name for name, _ in times] == ["dns", "connect", "tls", "network", "alb", "target", "total"]
    parts = [float(value) for _, value in times]
    assert abs(sum(parts[:-1]) - parts[-1]) < 0.01 and identity is not None
    until = time.monotonic() + 20
    while "the answer was 200" not in (told := said("explain", "request", identity[1]).out):
        assert time.monotonic() < until, told
        time.sleep(0.2)
    assert "chose 10.0." in told


def test_what_failed_and_what_was_a_tunnel_is_explained_too(doors):
    failed = curl("-i", "--proxy", f"http://{doors.proxy}", "http://nowhere.invalid/")
    assert "got no answer: there is no nowhere.invalid (NXDOMAIN)" in _explained(failed)
    opened = curl("-i", "-p", "--proxy", f"http://{doors.proxy}", "http://packet-journey.com/")
    assert "tunnel to packet-journey.com:80" in _explained(opened)


def _explained(head: str) -> str:
    """What is told of the journey in the answer's Link field, once it has all been written down."""
    identity = re.search(r"#journey=([0-9a-f]{32})", head)
    assert identity is not None, head
    time.sleep(0.1)
    return " ".join(journey("explain", "request", identity[1]).split())


@pytest.mark.parametrize("scheme", ["socks5h", "http"])
def test_the_clients_own_tls_ends_at_the_load_balancer(doors, scheme):
    told = curl("--proxy", f"{scheme}://{doors.proxy}", "--cacert", str(doors.ca), "-v", "-o", os.devnull, SITE, "-w",
                "%{http_code} %{ssl_verify_result} %{http_version}")  # fmt: skip
    assert told == "200 0 2"


def test_plain_requests_and_failures_through_the_proxy(doors):
    assert "301 Moved" in curl("-i", "--proxy", f"http://{doors.proxy}", "http://packet-journey.com/")
    failed = curl("-i", "--proxy", f"http://{doors.proxy}", "http://nowhere.invalid/")
    assert failed.startswith("HTTP/1.1 502 ") and "NXDOMAIN" in failed
    assert "(4)" in curl("--proxy", f"socks5h://{doors.proxy}", "https://nowhere.invalid/", code=97)
    assert "(2)" in curl("--proxy", f"socks5h://{doors.proxy}", "http://127.0.0.1:22/", code=97)


@pytest.mark.parametrize("way", ["ingress", "socks"])
def test_a_long_file_comes_whole(doors, way, tmp_path):
    target = tmp_path / "file"
    url = (f"http://{doors.ingress}/",) if way == "ingress" else (
        "--proxy", f"socks5h://{doors.proxy}", "--cacert", str(doors.ca), SITE,
    )  # fmt: skip
    curl(*url[:-1], f"{url[-1]}bytes/{MEGABYTES}m", "-o", str(target))
    content = target.read_bytes()
    assert len(content) == MEGABYTES << 20
    other = tmp_path / "again"
    curl(*url[:-1], f"{url[-1]}bytes/{MEGABYTES}m", "-o", str(other))
    assert hashlib.sha256(other.read_bytes()).digest() == hashlib.sha256(content).digest()


def test_what_http_has_beside_get(doors, tmp_path):
    url = f"http://{doors.ingress}/"
    for method in ("BREW", "PROPFIND", "DELETE"):  # as nginx answers them
        assert "Server: nginx" in curl("-X", method, "-i", url)
    refused = curl("-X", "TRACE", "-i", url)
    assert refused.startswith("HTTP/1.1 405 ") and "Server: awselb" in refused
    head = curl("-I", url)
    assert "Content-Length: 614" in head
    etag = re.search(r'ETag: (".*?")', head)
    assert etag is not None
    same = ("-H", f"If-None-Match: {etag[1]}", "-w", "%{http_code} %{size_download} ", "-o", os.devnull)
    plain = ("--next", "-sS", "-o", os.devnull, "-w", "%{http_code} %{size_download} %{num_connects}", url)
    assert curl(*same, url, *plain) == "304 0 200 614 0"
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(1_500_000))
    told = curl("-v", "-T", str(upload), "-o", os.devnull, "--stderr", "-", url)
    assert "Expect: 100-continue" in told and "100 Continue" in told and "< HTTP/1.1 405" in told


def test_what_bare_sockets_do(doors):
    host, _, port = doors.ingress.partition(":")

    def opened(request: bytes) -> socket.socket:
        talk = socket.create_connection((host, int(port)), timeout=30)
        talk.sendall(request)
        return talk

    def everything(talk: socket.socket) -> bytes:
        with talk:
            return b"".join(iter(lambda: talk.recv(65_536), b""))

    get = b"GET /%b HTTP/1.1\r\nHost: x\r\n%b\r\n"
    ahead = get % (b"", b"") + get % (b"nothing", b"") + get % (b"", b"Connection: close\r\n")
    assert re.findall(rb"HTTP/1.1 (\d+)", everything(opened(ahead))) == [b"200", b"404", b"200"]
    slow = opened(get % (b"bytes/1m", b"Connection: close\r\n"))
    time.sleep(0.2)
    assert len(everything(slow).partition(b"\r\n\r\n")[2]) == 1 << 20
    away = opened(get % (b"bytes/20m", b""))
    head = away.recv(1000).decode("latin-1")
    away.close()
    until = time.monotonic() + 20
    while "the program that had asked has gone away" not in (told := _explained(head)):
        assert time.monotonic() < until, told


@needs("wrk")
def test_a_load_generator_meets_no_error(doors):
    done = subprocess.run(
        ["wrk", "-t1", "-c32", f"-d{WRK_S}s", f"http://{doors.ingress}/"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
    requests = re.search(r"(\d+) requests in", done.stdout)
    assert requests is not None and int(requests[1]) > 100


def test_hundreds_of_tunnels_at_once(doors):
    async def one(number: int) -> bytes:
        host, _, port = doors.proxy.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"CONNECT packet-journey.com:80 HTTP/1.1\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        writer.write(b"GET /%d HTTP/1.1\r\nHost: packet-journey.com\r\nConnection: close\r\n\r\n" % number)
        answer = await reader.read()
        writer.close()
        return answer

    async def all_of_them() -> list[bytes]:
        async with asyncio.timeout(60):
            return await asyncio.gather(*map(one, range(300)))

    answers = asyncio.run(all_of_them())
    assert all(b"https://packet-journey.com:443/%d\r\n" % at in answer for at, answer in enumerate(answers))


def test_a_laptop_that_comes_back_opens_its_doors_where_they_were(doors):
    laptop = next(e for e in json.loads(journey("ps", "--json"))["elements"] if e["name"] == "laptop")
    os.kill(laptop["pid"], signal.SIGKILL)
    until = time.monotonic() + 20
    while json.loads(journey("ps", "--json"))["elements"][0]["pid"] in (laptop["pid"], None) or not _open(
        doors
    ):
        assert time.monotonic() < until, "the doors do not come back"
        time.sleep(0.1)
    assert curl("-i", f"http://{doors.ingress}/").startswith("HTTP/1.1 200 OK")


def _open(doors: Doors) -> bool:
    host, _, port = doors.ingress.partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


def test_other_machines_are_not_let_in(doors, tmp_path, monkeypatch):
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path))
    done = program("up", "--http", "0.0.0.0:0")
    assert done.code == 3 and "for this machine only" in done.err


@needs("chromium", "certutil")
@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_a_browser_that_trusts_the_ca_sees_the_site(doors, scheme, tmp_path):
    database = tmp_path / ".pki" / "nssdb"
    database.mkdir(parents=True)
    certutil = ["certutil", "-d", f"sql:{database}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True)
    subprocess.run([*certutil, "-A", "-t", "C,,", "-n", "packet-journey", "-i", str(doors.ca)], check=True)
    seen = json.loads(_browse(f"{scheme}://{doors.proxy}", tmp_path))
    assert seen == {
        "status": 200,
        "title": "You have reached nginx",
        "protocol": "TLS 1.3",
        "issuer": seen["issuer"],
    }
    assert "packet-journey" in seen["issuer"]


_BROWSE = """
import json, shutil, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"), proxy={"server": sys.argv[1]},
        args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    )
    page = browser.new_page()
    answer = page.goto(sys.argv[2])
    secured = answer.security_details()
    print(json.dumps({"status": answer.status, "title": page.title(), "protocol": secured["protocol"],
                      "issuer": secured["issuer"]}))
    browser.close()
"""


def _browse(proxy: str, home: Path) -> Any:
    """In a process of its own, whose home holds the certificates that it trusts."""
    done = subprocess.run(
        [sys.executable, "-c", _BROWSE, proxy, SITE],
        env={**os.environ, "HOME": str(home)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
