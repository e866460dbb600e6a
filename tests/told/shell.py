"""A real bash that is typed into, a command at a time: variables, redirections, pipes and `$(...)` are its own."""

import contextlib
import os
import select
import signal
import subprocess
from pathlib import Path
from typing import NamedTuple

PATIENCE_S = 300.0

LAST = 2_000
"""So much is told of what something that did not end has said."""


class Said(NamedTuple):
    """How a command ended, and what it printed to stdout and stderr."""

    code: int
    text: str


class Bash:
    """A shell in `folder`; what it needs to be typed into lies in `scratch`."""

    def __init__(self, folder: Path, scratch: Path, environment: dict[str, str]) -> None:
        self._scratch = scratch
        self._process = subprocess.Popen(
            # a bash that reads its script from stdin dies of a function that redirects more than its own streams
            [
                "bash",
                "--noprofile",
                "--norc",
                "-c",
                'while read -r line <&9; do eval "$line"; done 9<&0 </dev/null',
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        self._say("set -o pipefail")
        self._beside: list[subprocess.Popen[bytes]] = []
        self._folder, self._environment = folder, environment

    def type(self, text: str, stdin: str = "", patience_s: float = PATIENCE_S) -> Said:
        """Paste it and wait for its end; raises TimeoutError, and the shell is gone, if that takes too long."""
        told = {name: self._scratch / name for name in ("typed", "said", "stdin")}
        told["typed"].write_text(text + "\n")
        told["stdin"].write_text(stdin)
        told["said"].write_text("")
        self._say(f". {told['typed']} >>{told['said']} 2>&1 <{told['stdin']}; echo $?")
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], patience_s)[0]:
            self.end()
            raise TimeoutError(f"has not ended after {patience_s:g} s\n{told['said'].read_text()[-LAST:]}")
        code = int(self._process.stdout.readline())
        return Said(code, told["said"].read_text(errors="replace"))

    def beside(self, text: str) -> Path:
        """Type it in another terminal, where it stays until `end`; the file that it prints to."""
        said = self._scratch / f"beside-{len(self._beside)}"
        with said.open("wb") as out:
            self._beside.append(
                subprocess.Popen(
                    ["bash", "--noprofile", "--norc", "-c", f"exec {text}"],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    cwd=self._folder,
                    env=self._environment,
                    start_new_session=True,
                )
            )
        return said

    def interrupt(self) -> int:
        """^C in the other terminal; the exit code of what ran there."""
        if self._beside[-1].poll() is None:
            os.killpg(self._beside[-1].pid, signal.SIGINT)
        return self.ended()

    def ended(self) -> int:
        """The exit code of what runs in the other terminal, once it has ended."""
        return self._beside.pop().wait(timeout=60)

    def end(self) -> None:
        """Leave it, and whatever still runs in it or beside it."""
        for process in (*self._beside, self._process):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)
            with contextlib.suppress(
                ProcessLookupError
            ):  # script(1) turns round and round where its child is lost
                os.killpg(process.pid, signal.SIGKILL)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()
