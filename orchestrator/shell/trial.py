"""Whether a shell can be made on this machine, without a world: a namespace is made, and let go of at once."""

import os
import shutil
import tempfile
from pathlib import Path

from orchestrator.shell.namespace import Forbidden, Guest, enter

_SOMEBODY = Guest("192.168.122.2", 24, "192.168.122.1", ("192.168.122.1",), 1500)


def trial() -> str | None:
    """Why `journey shell` would not work here, or None: it would."""
    directory = Path(tempfile.mkdtemp(prefix="journey-trial-"))
    reading, writing = os.pipe()
    try:
        child = os.fork()
        if child == 0:
            _try_it(directory, writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as told:
            why = told.read()
        _, status = os.waitpid(child, 0)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if why:
        return why.decode()
    return None if status == 0 else f"a process that tried has ended with {os.waitstatus_to_exitcode(status)}"


def _try_it(directory: Path, writing: int) -> None:
    code = 0
    try:
        enter(_SOMEBODY, directory)
    except Forbidden as error:
        os.write(writing, str(error).encode())
    except OSError as error:
        os.write(writing, f"the network in the namespace: {error.strerror}".encode())
    except BaseException:
        code = 1
    finally:
        os._exit(code)
