"""The processes in which an outpost runs elements: the one that stands by, and those that have a name.

An outpost imports nothing that only elements need. What it had imported would lie in its memory as well as in its
child's, for most pages are copied sooner or later: CPython counts references in them. So a child is forked before it
is wanted, loads the code of its kind, and waits for the name of the element that it will be.
"""

import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Iterator

from actors.links.curve import Keys

PR_SET_PDEATHSIG = 1
STOP_S = 3.0
"""How long elements may take to go down in order."""
LONGEST_NAME = 4096


class Children:
    """Forks elements of one kind, and knows which run."""

    def __init__(self, control: str, keys: Keys | None) -> None:
        self._control, self._keys = control, keys
        self._standby: tuple[int, int] | None = None
        """Its pid, and the pipe by which it gets its name."""
        self.running: dict[int, str] = {}
        """The element's name by its pid."""

    def stand_by(self, kind: str) -> None:
        """Have a child load what elements of this kind need, unless one has done so already."""
        if self._standby is not None:
            return
        name_read, name_write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _become(kind, name_read, self._control, self._keys)
        os.close(name_read)
        self._standby = pid, name_write

    def run(self, kind: str, name: str) -> int:
        """Let the child that stands by be the element of this name, or fork one; returns its pid."""
        self.stand_by(kind)
        assert self._standby is not None
        pid, name_write = self._standby
        self._standby = None
        self.running[pid] = name
        with contextlib.suppress(
            BrokenPipeError
        ):  # what could not load its kind has ended, and is reaped soon
            os.write(name_write, name.encode())
        os.close(name_write)
        return pid

    def signal(self, pid: int, number: int) -> None:
        """Send an element a signal; those of others get none."""
        if pid in self.running:
            os.kill(pid, number)

    def reap(self) -> Iterator[tuple[int, int]]:
        """Pid and exit status (minus the signal's number) of each element that has ended since the last call."""
        for pid in list(self.running):
            if (status := _ended(pid)) is not None:
                del self.running[pid]
                yield pid, status
        if self._standby is not None and _ended(self._standby[0]) is not None:
            os.close(self._standby[1])
            self._standby = None

    def end(self) -> Iterator[tuple[int, int]]:
        """End them all, in order or else by force; yields as `reap` does."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._all():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            until = time.monotonic() + STOP_S
            while self._all() and time.monotonic() < until:
                yield from self.reap()
                time.sleep(0.01)

    def _all(self) -> list[int]:
        return [*self.running, *([self._standby[0]] if self._standby else [])]


def _ended(pid: int) -> int | None:
    with contextlib.suppress(ChildProcessError):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
    return None


def _become(kind: str, name_read: int, control: str, keys: Keys | None) -> None:
    """The child's whole life: an element that ends with its outpost. Nothing of the parent's is closed in order here,
    for its sockets are the parent's; their descriptors alone are let go of."""
    code = 1
    try:
        with contextlib.suppress(OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.closerange(3, name_read)
        os.closerange(name_read + 1, os.sysconf("SC_OPEN_MAX"))
        code = _wait_and_run(kind, name_read, control, keys)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _wait_and_run(kind: str, name_read: int, control: str, keys: Keys | None) -> int:
    from actors.element import load_kind
    from actors.runtime.join import run_element

    load_kind(kind)
    gc.collect()
    gc.freeze()
    name = os.read(name_read, LONGEST_NAME).decode()
    os.close(name_read)
    return run_element(name, control, keys) if name else 0
