"""`httpGet` and `tcpSocket` of probes and hooks, from the node's own stack through the emulated network."""

import asyncio
import errno
from typing import Any

from actors.protocols.http1 import BadResponse, ResponseReader
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


class _Exchange(asyncio.Protocol):
    """One request, and the status that came back."""

    def __init__(self, request: bytes) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # A probe whose time is over as the connection opens asks for no status, and an error of it is nobody's.
        self.status.add_done_callback(lambda status: status.cancelled() or status.exception())
        self._request = request
        self._reader = ResponseReader()
        self.ends = ""

    def connection_made(self, transport: Any) -> None:
        own, peer = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        self.ends = f"{own[0]}:{own[1]}->{peer[0]}:{peer[1]}"
        self._reader.expect(b"GET")
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self.status.done():
            return
        try:
            self._reader.feed(data)
        except BadResponse as error:
            self.status.set_exception(
                ConnectionError(f"net/http: HTTP/1.x transport connection broken: {error}")
            )
            return
        response = self._reader.response
        if response is not None and response.complete:
            self.status.set_result(response.status)

    def connection_lost(self, error: Exception | None) -> None:
        if self.status.done():
            return
        if error is None and self._reader.end() and self._reader.response is not None:
            self.status.set_result(self._reader.response.status)
        else:
            reset = f"read tcp {self.ends}: read: connection reset by peer"
            self.status.set_exception(ConnectionError("EOF" if error is None else reset))


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
            transport, exchange = await stack.create_connection(
                lambda: _Exchange(_request(get, host, port, agent)), host, port, timeout_s=2 * timeout_s
            )
            status = await exchange.status
    except TimeoutError:
        return Result(False, f"{url}: {_TIMED_OUT}")
    except OSError as error:
        return Result(False, f"{url}: {_words(error, host, port, connected=transport is not None)}")
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
        return Result(False, _words(error, host, port, connected=False))
    transport.close()
    return PASSED


def _words(error: OSError, host: str, port: int, *, connected: bool) -> str:
    """An error as Go words it."""
    if connected:
        return str(error)
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
