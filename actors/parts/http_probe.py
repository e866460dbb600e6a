"""One GET on a connection of its own, of whose answer only the status matters: a health check, a kubelet's probe."""

import asyncio
from typing import Any

from actors.protocols.http1 import BadResponse, ResponseReader


class HttpProbe(asyncio.Protocol):
    """Sends one request; `status` is the code that comes back.

    It fails with `BadResponse`, with `EOFError` when the peer closes before it has answered, or with the OSError that
    ended the connection."""

    def __init__(self, request: bytes) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # A probe whose time is over as the connection opens asks for no status, and an error of it is nobody's.
        self.status.add_done_callback(lambda status: status.cancelled() or status.exception())
        self.ends = ""
        """The connection, as Go words it: `own address:port->peer's`."""
        self._request = request
        self._reader = ResponseReader()

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
            self.status.set_exception(error)
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
            self.status.set_exception(error or EOFError("closed before it answered"))
