"""A server's access log: lines gather in memory and go to the file a second after the first of them, never sooner.

Writing a line costs a request nothing but a list's append, and a server without requests never wakes up for its log.
"""

from pathlib import Path

from actors.element import Context
from actors.units import SECOND


class AccessLog:
    """`logs/<element>.access.log` or the like. `flush` it when the element stops."""

    def __init__(self, path: Path, context: Context) -> None:
        self._path = path
        self._context = context
        self._lines: list[str] = []

    def write(self, line: str) -> None:
        """Add a line, which ends in a newline and is ASCII."""
        if not self._lines:
            self._context.call_at(self._context.now_ns() + SECOND, self.flush)
        self._lines.append(line)

    def flush(self) -> None:
        """Append what has gathered to the file; a world without a run directory keeps no logs."""
        lines, self._lines = self._lines, []
        folder = self._path.parent
        if lines and folder.parent.is_dir():
            folder.mkdir(exist_ok=True)
            with self._path.open("ab") as file:
                file.write("".join(lines).encode("ascii"))
