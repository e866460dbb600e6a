"""The doors that elements open to real programs."""

import ssl
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from actors.runtime.management import ManagementListeners
from orchestrator.pki import make_authority

SERVICE = "kubernetes.default.svc"


def hello() -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", answer)
    return app


async def fetch(url: str, tls: ssl.SSLContext | None = None) -> str:
    async with aiohttp.ClientSession() as session, session.get(url, ssl=tls or True) as response:
        return await response.text()


async def test_a_port_is_the_same_after_a_restart(tmp_path: Path):
    listeners = ManagementListeners(tmp_path)
    address = await listeners.listen(hello(), None, 0)
    assert address.startswith("127.0.0.1:") and await fetch(f"http://{address}/") == "hello"
    await listeners.close()
    assert await listeners.listen(hello(), None, int(address.partition(":")[2])) == address
    assert await fetch(f"http://{address}/") == "hello"
    await listeners.close()


async def test_a_port_that_somebody_has_is_refused(tmp_path: Path):
    listeners = ManagementListeners(tmp_path)
    address = await listeners.listen(hello(), None, 0)
    with pytest.raises(OSError, match="address already in use"):
        await listeners.listen(hello(), None, int(address.partition(":")[2]))
    await listeners.close()


async def test_https_shows_the_certificate_of_the_run_directory(tmp_path: Path):
    make_authority(tmp_path, [SERVICE])
    listeners = ManagementListeners(tmp_path)
    address = await listeners.listen(hello(), SERVICE, 0)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    assert await fetch(f"https://{address}/", trusting) == "hello"
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await fetch(f"https://{address}/")
    await listeners.close()
