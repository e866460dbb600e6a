"""What a run ran on: figures of the machine, for whoever wonders about a difference."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("packet-journey", "pyzmq", "msgpack", "aiohttp", "cryptography", "hdrhistogram")


def environment() -> dict[str, Any]:
    """Versions, cores, load and memory; plain values."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": os.cpu_count() or 0,
        "usable_cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 0,
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "memory_bytes": _memory(),
        "versions": {name: found for name in PACKAGES if (found := _version(name)) is not None},
        "command": " ".join([os.path.basename(sys.argv[0]), *sys.argv[1:]]),
    }


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
