"""An outpost as a real process, and the test as its orchestrator: what is offered, forked, signalled, ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq

PATIENCE_MS = 20_000


class Orchestrator:
    """One end of the control line; remembers who has spoken."""

    def __init__(self, address: str) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.bind(address)
        self._identities: dict[str, bytes] = {}

    def hear(self, what: str) -> dict[str, Any]:
        """The next message of this type; others are passed over."""
        while True:
            assert self._socket.poll(PATIENCE_MS), f"no {what} came"
            identity, data = self._socket.recv_multipart()
            for message in msgpack.unpackb(data):
                kind = str(message["t"])
                self._identities["outpost" if kind.startswith("outpost.") else "element"] = identity
                if kind == what:
                    return message

    def tell(self, what: str, /, **message: Any) -> None:
        packed = msgpack.packb([{"t": what, **message}])
        self._socket.send_multipart([self._identities["outpost"], packed])

    def close(self) -> None:
        self._context.destroy(linger=0)


@pytest.fixture
def orchestrator(tmp_path: Path) -> Iterator[Orchestrator]:
    one = Orchestrator(f"ipc://{tmp_path}/control.sock")
    yield one
    one.close()


@pytest.fixture
def outpost(tmp_path: Path, orchestrator: Orchestrator) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "actors", "--kind", "nginx_pod", "--alive", str(tmp_path / "alive")]
    process = subprocess.Popen([*command, "--control", f"ipc://{tmp_path}/control.sock"])
    yield process
    process.kill()
    process.wait()


def forked(orchestrator: Orchestrator, name: str) -> int:
    """The pid of an element that the outpost was told to fork, and that has said hello."""
    orchestrator.tell("fork", name=name)
    told = orchestrator.hear("outpost.forked")
    while (hello := orchestrator.hear("hello"))["name"] != name:
        pass  # others say hello again and again, as nobody welcomes them here
    assert (told["name"], told["pid"]) == (name, hello["pid"])
    return int(told["pid"])


def test_it_runs_what_it_is_told_to_and_tells_how_that_ended(orchestrator, outpost, tmp_path):
    assert orchestrator.hear("outpost.offer")["kind"] == "nginx_pod"
    orchestrator.tell("accepted", kind="nginx_pod")
    first, second = forked(orchestrator, "pod-1"), forked(orchestrator, "pod-2")
    orchestrator.hear("outpost.beat")
    assert (tmp_path / "alive").exists()

    orchestrator.tell(
        "signal", pid=os.getpid(), number=signal.SIGKILL
    )  # none of its children: nothing happens
    orchestrator.tell("signal", pid=first, number=signal.SIGKILL)
    ended = orchestrator.hear("outpost.exited")
    assert (ended["pid"], ended["status"]) == (first, -signal.SIGKILL)

    orchestrator.tell("stop")
    assert orchestrator.hear("outpost.exited")["pid"] == second
    assert orchestrator.hear("outpost.offer")["kind"] == "nginx_pod"

    outpost.send_signal(signal.SIGTERM)
    assert outpost.wait(10) == 0


def test_its_pods_may_be_moved_before_it_ends(orchestrator, outpost):
    orchestrator.hear("outpost.offer")
    orchestrator.tell("accepted", kind="nginx_pod")
    pid = forked(orchestrator, "pod-1")
    outpost.send_signal(signal.SIGTERM)
    orchestrator.hear("outpost.leaving")
    orchestrator.tell("signal", pid=pid, number=signal.SIGTERM)
    assert orchestrator.hear("outpost.exited")["pid"] == pid
    assert outpost.wait(10) == 0


def test_a_kind_that_does_not_load_is_an_element_that_ends(orchestrator, outpost):
    orchestrator.hear("outpost.offer")
    orchestrator.tell("accepted", kind="no_such_kind")
    orchestrator.tell("fork", name="pod-1")
    pid = orchestrator.hear("outpost.forked")["pid"]
    ended = orchestrator.hear("outpost.exited")
    assert (ended["pid"], ended["status"]) == (pid, 1)
