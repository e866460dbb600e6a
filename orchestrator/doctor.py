"""Whether this machine can run a world well, and what to do where it cannot: the checks behind `journey doctor`."""

import importlib
import importlib.metadata
import os
import platform
import re
import resource
import selectors
import shutil
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from orchestrator.directory import WorldFailed, home

MIB = 1 << 20

NEEDED_MEMORY_MIB = 400
"""The default world: about 25 processes of 10 MiB, the orchestrator, and a load."""
NEEDED_SPACE_MIB = 200
NEEDED_FILES = 1024
SOCKET_PATH_BYTES = 107
LONGEST_SOCKET_NAME = len("/abcdef/links/") + 63
STARTING_S = 60.0
LATE_MS = 1.5

_MODULES = {"google-re2": "re2", "PyYAML": "yaml", "dnspython": "dns", "hdrhistogram": "hdrh", "pyzmq": "zmq"}
_PROGRAMS = {
    "tshark": "reads captures; apt-get install tshark",
    "dig": "asks name servers; apt-get install dnsutils",
    "curl": "sends requests; apt-get install curl",
}


class Check(NamedTuple):
    """One finding. `status`: ok; warn, worlds run but less well; fail, they do not. `advice` mends what is not ok."""

    name: str
    status: str
    found: str
    advice: str = ""


def examine() -> list[Check]:
    """All checks, those that worlds cannot do without first. Takes about 0.3 s."""
    return [
        _python(),
        _system(),
        _libraries(),
        _loopback(),
        *_run_directory(),
        _memory(),
        _open_files(),
        _cores(),
        _timer(),
        _shell(),
        *_programs(),
    ]


def _python() -> Check:
    found = f"{platform.python_implementation()} {platform.python_version()}"
    if platform.python_implementation() != "CPython":
        return Check("python", "warn", found, "tested with CPython only")
    return Check("python", "ok", found)


def _system() -> Check:
    found = f"{platform.system()} {platform.release()}"
    if not hasattr(os, "fork"):
        return Check("system", "fail", found, "elements are forked: use Linux or macOS, or WSL on Windows")
    if sys.platform != "linux":
        return Check(
            "system", "warn", found, "tested on Linux only; after a crash look for elements left behind"
        )
    return Check("system", "ok", found)


def _libraries() -> Check:
    faults, versions = [], []
    for requirement in importlib.metadata.requires("packet-journey") or []:
        needed = re.fullmatch(r"([\w.-]+)(?:.*?>=([\d.]+))?[^;]*", requirement)
        if needed is None:  # it belongs to an extra
            continue
        name, oldest = needed[1], needed[2] or "0"
        try:
            importlib.import_module(module_of(name))
            version = importlib.metadata.version(name)
        except ImportError as error:
            faults.append(str(error))
            continue
        versions.append(f"{name} {version}")
        if _numbers(version) < _numbers(oldest):
            faults.append(f"{name} {version} is older than {oldest}")
    if faults:
        return Check(
            "libraries", "fail", "; ".join(faults), "install packet-journey into a fresh environment"
        )
    return Check("libraries", "ok", ", ".join(versions))


def module_of(distribution: str) -> str:
    """The module that this distribution brings."""
    return _MODULES.get(distribution, distribution.replace("-", "_"))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _loopback() -> Check:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return Check("loopback", "ok", "127.0.0.1 can be listened on")
    except OSError as error:
        return Check("loopback", "fail", f"127.0.0.1: {error.strerror}", "bring it up: ip link set lo up")


def _run_directory() -> Iterator[Check]:
    advice = "set JOURNEY_HOME to a short path that is yours, such as ~/.journey"
    try:
        path = home()
        probe = path / f".doctor-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except (OSError, WorldFailed) as error:
        yield Check("run directory", "fail", str(error), advice)
        return
    length = len(os.fsencode(path)) + LONGEST_SOCKET_NAME
    if length > SOCKET_PATH_BYTES:
        found = f"{path} is long: sockets there may need {length} bytes, and have {SOCKET_PATH_BYTES}"
        yield Check("run directory", "warn", found, advice)
    else:
        yield Check("run directory", "ok", str(path))
    yield _enough(
        "space", shutil.disk_usage(path).free // MIB, NEEDED_SPACE_MIB, "MiB free", f"make room in {path}"
    )
    stale = [directory for directory in sorted(path.iterdir()) if directory.is_dir() and _is_stale(directory)]
    if stale:
        names = " ".join(map(str, stale))
        yield Check("old runs", "warn", f"{len(stale)} left behind by worlds that are gone", f"rm -r {names}")
    else:
        yield Check("old runs", "ok", "none left behind")


def _is_stale(directory: Path) -> bool:
    """A run directory in which nobody listens, and which is not just being made."""
    if time.time() - directory.stat().st_mtime < STARTING_S:
        return False
    return not any(_is_answered(path) for path in directory.glob("*.sock"))


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def _memory() -> Check:
    return _enough(
        "memory", _available_bytes() // MIB, NEEDED_MEMORY_MIB, "MiB available", "close something large"
    )


def _available_bytes() -> int:
    """What the machine has left, or the container, whichever is less."""
    try:
        words = Path("/proc/meminfo").read_text().split()
        machine = int(words[words.index("MemAvailable:") + 1]) * 1024
    except (OSError, ValueError):
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / name).read_text() for name in ("memory.max", "memory.current"))
        return min(machine, int(limit) - int(used))
    except (OSError, ValueError):  # no control group, or no limit: it says "max"
        return machine


def _open_files() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = sys.maxsize if soft == resource.RLIM_INFINITY else soft
    more = NEEDED_FILES if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    return _enough("open files", files, NEEDED_FILES, "for each process", f"ulimit -n {more}")


def _cores() -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return _enough(
        "cores",
        cores,
        2,
        "usable",
        "worlds run on one, but loads measure the machine then; or `journey simulate`",
    )


def _timer() -> Check:
    """How late a wait of one millisecond ends, as the event loop waits."""
    with selectors.DefaultSelector() as selector:
        late_ms = sorted(_wait_ms(selector, 0.001) - 1 for _ in range(50))
    typical, worst = statistics.median(late_ms), late_ms[-1]
    found = f"a wait of 1 ms ends {typical:.2f} ms late, {worst:.2f} ms at worst"
    if typical > LATE_MS:
        return Check(
            "timer",
            "warn",
            found,
            "the machine is busy or coarse: short delays will not be kept in real time",
        )
    return Check("timer", "ok", found)


def _wait_ms(selector: selectors.BaseSelector, seconds: float) -> float:
    start = time.perf_counter()
    selector.select(seconds)
    return (time.perf_counter() - start) * 1000


def _shell() -> Check:
    """Whether `journey shell` works here: it is tried, in a process that does nothing else."""
    if sys.platform != "linux":
        return Check(
            "shell", "warn", "no network namespaces", "`journey shell` needs Linux; the proxy works here too"
        )
    from orchestrator.shell.trial import trial

    why = trial()
    if why is not None:
        return Check(
            "shell", "warn", why, "only `journey shell` needs it; the ingress and the proxy do without"
        )
    return Check("shell", "ok", "user and network namespaces, and a TUN device in them")


def _programs() -> Iterator[Check]:
    for program, purpose in _PROGRAMS.items():
        path = shutil.which(program)
        if path is None:
            yield Check(program, "warn", "not installed", f"optional: {purpose}")
        else:
            yield Check(program, "ok", path)


def _enough(name: str, amount: int, needed: int, unit: str, advice: str) -> Check:
    if amount < needed:
        return Check(name, "warn", f"{amount} {unit}, {needed} wanted", advice)
    return Check(name, "ok", f"{amount} {unit}")
