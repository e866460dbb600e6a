"""The pod that your app runs in (`image: asyncio://module:app`): its network, environment and log.

    from aiohttp import web
    from journey import pod

    async def stock(request: web.Request) -> web.Response:
        host, port = pod.environ()["STOCK_SERVICE_HOST"], pod.environ()["STOCK_SERVICE_PORT"]
        async with pod.session() as session, session.get(f"http://{host}:{port}/") as answer:
            return web.Response(text=await answer.text())

All of it is for code that runs in a container; elsewhere a RuntimeError says so.
"""

import asyncio
import ssl
from collections.abc import Mapping
from random import Random
from typing import Any

import aiohttp

from actors.parts.pod.app_client import Connector, connected
from actors.parts.pod.inside import here
from actors.units import SECOND

__all__ = ["args", "connector", "environ", "name", "open_connection", "random", "session", "time"]


def environ() -> Mapping[str, str]:
    """The container's environment: `env` of the manifest, and where each Service of the namespace is.

    `os.environ` has it while your module is imported, and not later: pods may share a process."""
    return here().environment


def args() -> list[str]:
    """`args` of the manifest; `sys.argv[1:]` while your module is imported."""
    return list(here().args)


def name() -> str:
    """The pod's name."""
    return here().environment["HOSTNAME"]


def time() -> float:
    """The model's time of day, in seconds since 1970: `time.time()` is the machine's."""
    return here().context.unix_ns() / SECOND


def random() -> Random:
    """Dice that fall alike for the same seed of the world."""
    return here().random


def connector(*, tls: ssl.SSLContext | None = None, **options: Any) -> aiohttp.BaseConnector:
    """A connector for `aiohttp.ClientSession` over the emulated network; `tls` if the emulator's own CA is not the one
    to trust, and the options of `aiohttp.BaseConnector` (`limit`, `force_close`, ...)."""
    return Connector(here(), tls, **options)


def session(**options: Any) -> aiohttp.ClientSession:
    """An `aiohttp.ClientSession` over the emulated network, with its options."""
    return aiohttp.ClientSession(connector=connector(), **options)


async def open_connection(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """As `asyncio.open_connection`, over the emulated network. Raises OSError."""
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    transport = await connected(here(), host, port)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    return reader, asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
