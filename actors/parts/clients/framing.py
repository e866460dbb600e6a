"""How an answer reaches a program that may speak another HTTP/1 than the site has answered in."""

from typing import NamedTuple

from actors.parts.clients.head import response_head
from actors.protocols.http1 import Request, Response, chunk, last_chunk


class Framing(NamedTuple):
    """Whether its content goes in chunks, and whether the connection ends with it (RFC 9112 sections 6.3 and 9.6)."""

    chunked: bool
    last: bool
    connection: bytes
    """The field that says so."""

    @classmethod
    def of(cls, request: Request, response: Response) -> "Framing":
        endless = (response.chunked or response.until_close) and request.method != b"HEAD"
        modern = request.version == b"1.1"
        last = not request.keep_alive or not request.complete or (endless and not modern)
        connection = b"Connection: close\r\n" if last else b""
        if not last and not modern:
            connection = b"Connection: keep-alive\r\n"
        return cls(endless and modern, last, connection)

    def head(self, response: Response, ours: bytes) -> bytes:
        """The answer's head; `ours` is what we say beside."""
        return response_head(response, chunked=self.chunked, connection=self.connection, ours=ours)

    def take_body(self, response: Response) -> list[bytes]:
        """What has come of the answer's content and not been taken yet, framed, with its end if that has come."""
        pieces = [*map(chunk, response.body)] if self.chunked else [*response.body]
        response.body.clear()
        if self.chunked and response.complete:
            pieces.append(last_chunk(response.trailer_lines))
        return pieces
