"""What an element serves real programs: ports that give way or do not, Unix sockets, and connections that are reset."""

import asyncio
import errno
import socket
from pathlib import Path

import pytest

from actors.runtime.management import ManagementListeners, reset


class Greeter(asyncio.Protocol):
    """Says hello, and breaks off when it is answered."""

    def connection_made(self, transport):
        self.transport = transport
        transport.write(b"hello")

    def data_received(self, data):
        self.transport.write(bytes(100))
        reset(self.transport)


def with_listeners(story, path: Path):
    async def whole():
        listeners = ManagementListeners(path)
        try:
            async with asyncio.timeout(10):
                return await story(listeners)
        finally:
            await listeners.close()

    return asyncio.run(whole())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_a_port_that_is_taken_gives_way_to_the_next_or_is_an_error(tmp_path):
    port = free_port()

    async def story(listeners):
        first = await listeners.listen_raw(Greeter, port)
        second = await listeners.listen_raw(Greeter, port, 20)
        with pytest.raises(OSError) as raised:
            await listeners.listen_raw(Greeter, port)
        return first, second, raised.value.errno

    first, second, number = with_listeners(story, tmp_path)
    assert first == f"127.0.0.1:{port}" and second != first and number == errno.EADDRINUSE


def test_a_connection_that_is_reset_is_seen_as_such(tmp_path):
    async def story(listeners):
        host, _, port = (await listeners.listen_raw(Greeter, 0)).partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert await reader.readexactly(5) == b"hello"
        writer.write(b"go")
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()

    with_listeners(story, tmp_path)


def test_a_unix_socket_is_its_users_alone_and_replaces_one_that_was_left(tmp_path):
    path = tmp_path / "laptop.shell.sock"

    async def story(listeners):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        await listeners.listen_unix(path, Greeter)
        reader, writer = await asyncio.open_unix_connection(str(path))
        told = await reader.readexactly(5)
        writer.close()
        return told, path.stat().st_mode & 0o777

    assert with_listeners(story, tmp_path) == (b"hello", 0o600)
