"""`journey` for those who type a hundred of them: no Python has to start for it.

    python -m tests.told.journey REQUESTS ANSWERS

serves those two named pipes. It has the code loaded, and forks for every command: the child takes the caller's stdin,
stdout, stderr and folder, and runs the command line's own `main`. `FUNCTION` is the `journey` of a bash that asks it;
verbs that become another program, or leave one behind, are run by the `journey` in PATH, as are those that are typed
elsewhere than in that bash. `install` puts it there.
"""

import gc
import importlib
import os
import pkgutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

BECOME = ("kubectl", "aws", "rollout", "up", "shell", "top", "bench")

FUNCTION = """
journey() {{
  case "$1" in {become}|-*) command journey "$@"; return;; esac
  local code
  {{
    printf '%s\\0' "$#" "$PWD" /proc/$BASHPID/fd/{{4,5,6}} "$@" >{requests}
    read -r code <{answers}
  }} 4<&0 5>&1 6>&2
  return "$code"
}}
"""
"""It starts no process. Its own three streams lead elsewhere while it asks, hence the copies."""


def install(folder: Path) -> None:
    """Put a `journey` into `folder` that is the command line, as a wheel's is."""
    script = folder / "journey"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m orchestrator.cli "$@"\n')
    script.chmod(0o755)


def function(requests: Path, answers: Path) -> str:
    """What makes the two pipes and a bash that is typed into one."""
    for pipe in (requests, answers):
        os.mkfifo(pipe)
    return FUNCTION.format(become="|".join(BECOME), requests=requests, answers=answers)


def serve(requests: str, answers: str) -> None:
    """Take commands until whoever started this ends it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # both for reading and writing: neither ever ends, and whoever opens the other end does not wait
    asked, answered = os.open(requests, os.O_RDWR), os.open(answers, os.O_RDWR)
    _load_the_code()
    gc.freeze()  # what is there already is not looked through, and copied by that, in every child
    while True:
        number, folder, *rest = _request(asked)
        streams, words = rest[:3], rest[3:]
        assert len(words) == int(number)
        if os.fork() == 0:
            _run(words, streams, folder, answered)


def _load_the_code() -> None:
    import orchestrator

    for module in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if not module.name.endswith("__main__") and ".top." not in module.name:
            importlib.import_module(module.name)


def _request(asked: int) -> list[str]:
    """One of them; it came in one piece, as it is shorter than a pipe promises (4,096 bytes)."""
    return os.read(asked, 1 << 16).decode().split("\0")[:-1]


def _run(words: list[str], streams: list[str], folder: str, answered: int) -> None:
    """In the child: be the command, and tell its exit code."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.chdir(folder)
        for number, path in enumerate(streams):
            # at the end of what the caller's other commands have written there
            mode = os.O_WRONLY | os.O_APPEND if number else os.O_RDONLY
            stream = os.open(path, mode)
            os.dup2(stream, number)
            os.close(stream)
        # anew: those of before know whether one could seek in what was there before
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(at, mode) for at, mode in enumerate("rww"))
        sys.argv = ["journey", *words]
        from orchestrator.cli import main

        code = _code(main)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os.write(answered, f"{code & 0xFF}\n".encode())
        os._exit(code)


def _code(main: Callable[[], None]) -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    serve(*sys.argv[1:])
