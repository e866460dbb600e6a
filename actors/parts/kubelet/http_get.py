"""`httpGet` and `tcpSocket` of probes and hooks, from the node's own stack through the emulated network."""

import asyncio
import errno
from typing import Any

from actors.parts.http_probe import HttpProbe
from actors.protocols.http1 import BadResponse
from actors.protocols.kubelet.containers import Object
from actors.protocols.kubelet.probes import PASSED, Result
from actors.stack import Stack

_TIMED_OUT = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


class PortUnknown(LookupError):
    """The container has no port of that name."""


def port_of(container: Object, port: int | str) -> int:
    """A probe's port, by number or by its name in the container. Raises `PortUnknown`."""
    if isinstance(port, int):
        return port
    if port.isdigit():
        return int(port)
    for each in container.get("ports", ()):
        if each.get("name") == port:
            return int(each["containerPort"])
    raise PortUnknown(f"couldn't find port: {port}")


def _request(get: Object, host: str, port: int, agent: str) -> bytes:
    path = get.get("path") or "/"
    fields = {"Host": f"{host}:{port}", "User-Agent": agent, "Accept": "*/*", "Connection": "close"}
    for each in get.get("httpHeaders", ()):
        fields[next((name for name in fields if name.lower() == each["name"].lower()), each["name"])] = each[
            "value"
        ]
    lines = [f"GET {path if path.startswith('/') else '/' + path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def http_get(
    stack: Stack, get: Object, container: Object, pod_ip: str, timeout_s: float, agent: str
) -> Result:
    """GET as an HTTP probe does it: 200 to 399 passes."""
    host = get.get("host") or pod_ip
    try:
        port = port_of(container, get["port"])
    except PortUnknown as error:
        return Result(None, str(error))
    scheme, path = get.get("scheme", "HTTP").lower(), get.get("path") or "/"
    if scheme != "http":
        return Result(None, f"scheme {scheme} is not emulated")
    url = f'Get "{scheme}://{host}:{port}{path if path.startswith("/") else "/" + path}"'
    transport: Any = None
    try:
        async with asyncio.timeout(timeout_s):
            transport, probe = await stack.create_connection(
                lambda: HttpProbe(_request(get, host, port, agent)), host, port, timeout_s=2 * timeout_s
            )
            status = await probe.status
    except TimeoutError:
        return Result(False, f"{url}: {_TIMED_OUT}")
    except EOFError:
        return Result(False, f"{url}: EOF")
    except BadResponse as error:
        return Result(False, f"{url}: net/http: HTTP/1.x transport connection broken: {error}")
    except OSError as error:
        reset = None if transport is None else f"read tcp {probe.ends}: read: connection reset by peer"
        return Result(False, f"{url}: {reset or _words(error, host, port)}")
    finally:
        if transport is not None:
            transport.close()
    if 200 <= status < 400:
        return PASSED
    return Result(False, f"HTTP probe failed with statuscode: {status}")


async def tcp_connect(
    stack: Stack, socket: Object, container: Object, pod_ip: str, timeout_s: float
) -> Result:
    """Connect and close again, as a TCP probe does it."""
    host = socket.get("host") or pod_ip
    try:
        port = port_of(container, socket["port"])
    except PortUnknown as error:
        return Result(None, str(error))
    try:
        async with asyncio.timeout(timeout_s):
            transport, _ = await stack.create_connection(
                asyncio.Protocol, host, port, timeout_s=2 * timeout_s
            )
    except TimeoutError:
        return Result(False, f"dial tcp {host}:{port}: i/o timeout")
    except OSError as error:
        return Result(False, _words(error, host, port))
    transport.close()
    return PASSED


def _words(error: OSError, host: str, port: int) -> str:
    """Why there is no connection, as Go words it."""
    if isinstance(error, ConnectionRefusedError):
        why = "connection refused"
    elif error.errno == errno.EHOSTUNREACH:
        why = "no route to host"
    elif error.errno == errno.ENETUNREACH:
        why = "network is unreachable"
    elif isinstance(error, ConnectionResetError):
        why = "connection reset by peer"
    else:
        why = str(error)
    return f"dial tcp {host}:{port}: connect: {why}"
