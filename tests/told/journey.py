"""`journey` for those who type a hundred of them: a shell finds it in its PATH, and no Python has to start for it.

    python -m tests.told.journey SOCKET

serves. It has the code loaded, and forks for every command: the child gets the caller's stdin, stdout, stderr, folder
and environment, and runs the command line's own `main`. `install` writes the `journey` that asks it. Verbs that become
another program, or leave one behind, get a process of their own as ever.
"""

import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
from pathlib import Path

BECOME = ("kubectl", "aws", "rollout", "up", "shell", "top", "bench")

_CALLER = """#!{python} -IS
import json, os, socket, sys
words = [each for each in sys.argv[1:] if not each.startswith("-")]
if not words or words[0] in {become}:
    os.execv({python!r}, [{python!r}, "-m", "orchestrator.cli", *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as line:
    line.connect({door!r})
    told = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(line, [len(told).to_bytes(4, "big")], [0, 1, 2])
    line.sendall(told)
    code = line.recv(1)
sys.exit(code[0] if code else 1)
"""


def install(folder: Path, door: Path) -> None:
    """Put a `journey` into `folder` that asks whoever serves behind `door`."""
    script = folder / "journey"
    script.write_text(_CALLER.format(python=sys.executable, become=BECOME, door=str(door)))
    script.chmod(0o755)


def serve(door: str) -> None:
    """Take commands until the end of stdin, which is that of whoever started this."""
    _load_the_code()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(door)
        listener.listen()
        print("ready", flush=True)
        while True:
            line, _ = listener.accept()
            with line:
                if os.fork() == 0:
                    listener.close()
                    _run(line)


def _load_the_code() -> None:
    import orchestrator

    for module in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if not module.name.endswith("__main__") and ".top." not in module.name:
            importlib.import_module(module.name)


def _run(line: socket.socket) -> None:
    """In the child: be the command, and tell its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, streams, *_ = socket.recv_fds(line, 4, 3)
    told = b""
    while len(told) < int.from_bytes(head, "big"):
        told += line.recv(1 << 16)
    words, folder, environment = json.loads(told)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["journey", *words]
    code = 1
    try:
        from orchestrator.cli import main

        code = _code(main)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        line.sendall(bytes([code & 0xFF]))
        os._exit(code)


def _code(main: object) -> int:
    try:
        main()  # type: ignore[operator]
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])
