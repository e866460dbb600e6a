"""A container's stdout and stderr, as a file in the run directory that the kubelet serves to `kubectl logs`.

As with an access log, lines gather in memory and are written a second after the first of them.
"""

from actors.element import Context
from actors.protocols.kubelet import cri_log
from actors.units import SECOND


class ContainerLog:
    """`logs/pods/<namespace>_<pod>_<uid>/<container>/<restart>.log`; nothing is kept without a run directory."""

    def __init__(self, context: Context, path: str) -> None:
        """`path` is relative to the run directory."""
        self._context = context
        self._path = context.directory / path
        self._kept = context.directory.is_dir()
        self._lines: list[str] = []

    def stdout(self, text: str) -> None:
        """A line, without its end."""
        if self._kept:
            self._write("stdout", text)

    def stderr(self, text: str) -> None:
        if self._kept:
            self._write("stderr", text)

    def _write(self, stream: str, text: str) -> None:
        if not self._lines:
            self._context.call_at(self._context.now_ns() + SECOND, self.flush)
        self._lines.append(cri_log.line(self._context.unix_ns(), stream, text))

    def flush(self) -> None:
        """Append what has gathered to the file."""
        if self._lines:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write("".join(self._lines).encode())
            self._lines.clear()
