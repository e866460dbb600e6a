"""How a `journey` command in another terminal talks to a running world: lines of JSON over a Unix socket.

    {"verb": "ps", "arguments": {}}      one request per connection
    {"value": ...}                       one line for an answer; several for a verb that streams
    {"error": ..., "exit": 3}            instead, or in the middle of a stream: what went wrong, and its exit code
    {"end": true}                        always the last line

The socket lies in the run directory, mode 0700: who can reach it is the user who started the world. A world in
containers is asked over tcp instead, and every request carries a `token` that was made at its first start.
"""

import asyncio
import contextlib
import hmac
import json
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from actors.element import CallFailed
from actors.protocols.kubernetes.status import ApiError

log = logging.getLogger("orchestrator")

API_SOCKET = "api.sock"
LOAD_SOCKET = "loads.sock"
"""Of a world that is for one command only: its load can be changed all the same."""
MOST_BYTES = 1 << 24
"""Of a request: a trace of a million moments has so many."""
ENVIRONMENT, USAGE = 3, 2
BAD_TOKEN = "this world wants its token: the file api.token of its orchestrator's state"

Answer = Callable[..., Awaitable[Any]]
Stream = Callable[..., AsyncGenerator[Any, None]]


class RequestFailed(Exception):
    """The world refused; carries the exit code that the command should end with."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Remote(NamedTuple):
    """Where a world is asked over tcp, and what lets one ask."""

    host: str
    port: int
    token: str

    def admits(self, token: Any) -> bool:
        return isinstance(token, str) and hmac.compare_digest(token.encode(), self.token.encode())


class ApiServer:
    """Serves verbs to commands in other processes: `answers` return a value, `streams` yield several."""

    def __init__(
        self,
        where: "Path | Remote",
        answers: Mapping[str, Answer],
        streams: Mapping[str, Stream],
    ) -> None:
        self._where, self._answers, self._streams = where, answers, streams
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        if isinstance(self._where, Remote):
            self._server = await asyncio.start_server(
                self._serve, self._where.host, self._where.port, limit=MOST_BYTES
            )
            return
        self._server = await asyncio.start_unix_server(self._serve, str(self._where), limit=MOST_BYTES)
        self._where.chmod(0o600)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._connections:
                task.cancel()
            if isinstance(self._where, Path):
                self._where.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(**message: Any) -> None:
            writer.write(json.dumps(message).encode() + b"\n")
            await writer.drain()

        try:
            request = json.loads(await reader.readline())
            verb, arguments = request["verb"], request["arguments"]
            if isinstance(self._where, Remote) and not self._where.admits(request.get("token")):
                await say(error=BAD_TOKEN, exit=ENVIRONMENT)
            elif verb in self._streams:
                await self._stream(reader, self._streams[verb](**arguments), say)
            elif verb in self._answers:
                await say(value=await self._answers[verb](**arguments))
            else:
                known = ", ".join(sorted([*self._answers, *self._streams]))
                await say(error=f"unknown verb {verb!r}; known are {known}", exit=USAGE)
        except RequestFailed as error:
            await say(error=str(error), exit=error.code)
        except CallFailed as error:
            await say(error=str(error), exit=ENVIRONMENT)
        except ApiError as error:
            words = f"Error from server ({error.reason}): {error.message}"
            await say(error=words, exit=USAGE if error.code < 500 else ENVIRONMENT)
        except (ValueError, TypeError, KeyError, LookupError) as error:
            await say(error=f"{type(error).__name__}: {error}", exit=USAGE)
        await say(end=True)

    @staticmethod
    async def _stream(
        reader: asyncio.StreamReader, values: AsyncGenerator[Any, None], say: Callable[..., Awaitable[None]]
    ) -> None:
        """Pass values on until they end or the client hangs up."""

        async def pass_on() -> None:
            async with contextlib.aclosing(values):
                async for value in values:
                    await say(value=value)

        passing = asyncio.ensure_future(pass_on())
        hung_up = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({passing, hung_up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hung_up.cancel()
            if not passing.done():
                passing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await passing
        passing.result()


class Client:
    """A command's end of the line. Blocking, and light to import."""

    def __init__(self, where: Path | Remote) -> None:
        self.where = where

    @property
    def directory(self) -> Path | None:
        """The world's run directory, if it runs on this machine and not in containers."""
        return self.where.parent if isinstance(self.where, Path) else None

    @classmethod
    def find(cls, home: Path, socket: str = API_SOCKET) -> "Client | None":
        """The world that was started last and still answers, if any; `socket` is the name that it answers at."""
        sockets = sorted(home.glob(f"*/{socket}"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in sockets:
            with contextlib.suppress(OSError):
                cls._connect(path).close()
                return cls(path)
        return None

    @staticmethod
    def _connect(where: Path | Remote) -> socket.socket:
        if isinstance(where, Remote):
            return socket.create_connection((where.host, where.port), timeout=None)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(where))
        except BaseException:
            connection.close()
            raise
        return connection

    def request(self, verb: str, /, **arguments: Any) -> Any:
        """The answer to one verb. Raises `RequestFailed`."""
        values = list(self.stream(verb, **arguments))
        return values[-1] if values else None

    def stream(self, verb: str, /, **arguments: Any) -> Iterator[Any]:
        """The values that a verb yields, as they come. Raises `RequestFailed`."""
        try:
            request = {"verb": verb, "arguments": arguments}
            if isinstance(self.where, Remote):
                request["token"] = self.where.token
            with self._connect(self.where) as connection, connection.makefile("rwb") as file:
                file.write(json.dumps(request).encode() + b"\n")
                file.flush()
                for line in file:
                    message = json.loads(line)
                    if "error" in message:
                        raise RequestFailed(message["error"], message["exit"])
                    if message.get("end"):
                        return
                    yield message["value"]
        except OSError as error:
            raise RequestFailed(f"the world does not answer: {error}", ENVIRONMENT) from None
        raise RequestFailed("the world has ended", ENVIRONMENT)
