"""One shell, from its beginning to its end: a child in namespaces of its own, and this process as its cable."""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from orchestrator.shell.namespace import Forbidden, Guest, enter, environment
from orchestrator.shell.relay import Door, Relay, join

NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""As shells say it."""
HANG_UP_S = 1.0


def run(command: Sequence[str], door: Door, world: Path, laptop: str) -> int:
    """Run a command behind the laptop with this door; its exit code. Raises `Forbidden` and OSError.

    Nothing is left behind: not when the command ends, nor when this process is killed, whose child goes with it."""
    tunnel, guest, heard = join(door())
    with contextlib.ExitStack() as end:
        end.callback(tunnel.close)
        directory = Path(tempfile.mkdtemp(prefix="shell-", dir=world))
        end.callback(shutil.rmtree, directory, ignore_errors=True)
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            ours.close()
            tunnel.close()
            _be_the_shell(command, guest, directory, theirs, world / "ca.pem", laptop)
        theirs.close()
        end.callback(_end, child)
        with ours:
            tun = _tun_of(ours)
        relay = Relay(tun, tunnel, heard, door, guest)
        ended = os.pidfd_open(child)
        try:
            with _left_to_the_shell():
                relay.run(ended)
        finally:
            os.close(ended)
            relay.close()
        return _wait(child)


def _tun_of(ours: socket.socket) -> int:
    """What the child has made, or why it could not."""
    message, descriptors, _, _ = socket.recv_fds(ours, 4096, 1)
    if descriptors:
        return descriptors[0]
    told = json.loads(message) if message else {"error": "the process in the namespace has died"}
    raise Forbidden(told["error"])


_codes: dict[int, int] = {}


def _wait(child: int) -> int:
    """The exit code of the child, as a shell would tell it; asked again, the same."""
    if child not in _codes:
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        _codes[child] = code if code >= 0 else 128 - code
    return _codes[child]


def _end(child: int) -> None:
    """Whatever has happened, the child does not outlive this: it is told to hang up, and then made to."""
    if child in _codes:
        return
    ended = os.pidfd_open(child)
    try:
        for number in (signal.SIGHUP, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)
            if select.select([ended], [], [], HANG_UP_S)[0]:
                break
    finally:
        os.close(ended)
    _wait(child)


@contextlib.contextmanager
def _left_to_the_shell() -> Iterator[None]:
    """Ctrl-C and Ctrl-\\ are for the program in the foreground; it is not for us to die of them.

    What tells us to end ends it in order."""
    kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGQUIT)}
    kept |= {number: signal.signal(number, _told_to_end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _told_to_end(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _be_the_shell(
    command: Sequence[str], guest: Guest, directory: Path, parent: socket.socket, ca: Path, laptop: str
) -> NoReturn:
    """In the child: enter, hand the device out, become the command."""
    code = NOT_EXECUTABLE
    try:
        try:
            tun = enter(guest, directory, ca)
        except Forbidden as error:
            parent.sendall(json.dumps({"error": str(error)}).encode())
        except OSError as error:
            parent.sendall(json.dumps({"error": f"the network in the shell: {error.strerror}"}).encode())
        else:
            socket.send_fds(parent, [b"{}"], [tun])
            os.close(tun)
            parent.close()
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            os.execvpe(command[0], list(command), environment(ca, laptop))
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr, flush=True)
        code = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    finally:
        os._exit(code)
