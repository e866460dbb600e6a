"""curl's verdict on the ALB's HTTP/1.1 and HTTP/2."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
from aiohttp import web

from orchestrator.pki import make_authority
from tests.interop.alb_on_sockets import RealAlb
from tests.tools import needs, wants

pytestmark = needs("curl")


def curl_speaks_http_2() -> bool:
    try:
        return "HTTP2" in subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout
    except OSError:
        return False


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pki")
    make_authority(directory, ["example.com"])
    return directory


async def answer(request: web.Request) -> web.Response:
    """What was asked, as JSON; `/big` is two megabytes."""
    if request.path == "/big":
        return web.Response(body=b"y" * 2_000_000)
    body = await request.read()
    told = {"method": request.method, "path": request.path_qs, "size": len(body), **request.headers}
    return web.json_response(told)


def fetch(directory: Path, *calls: list[str]) -> list[str]:
    """What curl prints for each of these argument lists."""

    async def story() -> list[str]:
        runner = web.AppRunner(web.Application(client_max_size=10_000_000))
        runner.app.router.add_route("*", "/{path:.*}", answer)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        alb = RealAlb(directory, runner.addresses[0][1])
        try:
            async with asyncio.timeout(20):
                await alb.healthy()
                return [await curl(alb, directory, call) for call in calls]
        finally:
            await alb.close()
            await runner.cleanup()

    return asyncio.run(story())


async def curl(alb: RealAlb, directory: Path, arguments: list[str]) -> str:
    base = f"https://example.com:{alb.port}"
    arguments = [each.replace("ALB", base, 1) for each in arguments]
    process = await asyncio.create_subprocess_exec(
        "curl",
        "--silent",
        "--show-error",
        "--cacert",
        str(directory / "ca.pem"),
        "--resolve",
        f"example.com:{alb.port}:127.0.0.1",
        *arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode()


VERSIONS = [
    pytest.param("--http1.1", id="http/1.1"),
    pytest.param("--http2", id="http/2", marks=wants({"curl with HTTP/2": curl_speaks_http_2()})),
]


@pytest.mark.parametrize("version", VERSIONS)
def test_requests_of_all_kinds(directory, tmp_path, version):
    upload = tmp_path / "upload"
    upload.write_bytes(b"x" * 3_000_000)
    sizes = "%{http_version} %{size_download} %{response_code}\n"
    files = [tmp_path / "a", tmp_path / "b"]
    outputs = [word for file in files for word in ("-o", str(file))]
    got, put, big, head, _ = fetch(
        directory,
        [version, "ALB/a?b=c", "-H", "X-Mine: 1", "-b", "one=1; two=2"],
        [version, "ALB/up", "-X", "PUT", "-T", str(upload)],
        [version, "ALB/big", "-o", "/dev/null", "-w", sizes],
        [version, "ALB/x", "-I"],
        [version, "--parallel", "ALB/big", "ALB/a", "ALB/b", "-o", "/dev/null", *outputs],
    )
    told = json.loads(got)
    assert (told["method"], told["path"], told["X-Forwarded-Proto"]) == ("GET", "/a?b=c", "https")
    cookies = told.get("Cookie") or told["cookie"]
    assert cookies == "one=1; two=2"
    assert json.loads(put)["size"] == 3_000_000
    assert big.split() == ["2" if version == "--http2" else "1.1", "2000000", "200"]
    assert head.startswith("HTTP/2 200" if version == "--http2" else "HTTP/1.1 200 OK")
    assert [json.loads(file.read_text())["path"] for file in files] == ["/a", "/b"]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_of_the_load_balancers_own(directory, version):
    [page] = fetch(directory, [version, "ALB/", "-X", "TRACE", "-w", "%{response_code}"])
    assert "<h1>405 Not Allowed</h1>" in page
    assert page.endswith("405")
