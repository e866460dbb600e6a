"""How a command fails: an exit code that says whose fault it was, and a message that says what to do."""

import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NoReturn

INTERNAL, USAGE, ENVIRONMENT, THRESHOLD, INVALID, INTERRUPTED = 1, 2, 3, 4, 5, 130


class Failure(Exception):
    """A command cannot do what it was asked to; `code` is what it exits with."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def usage(message: str) -> NoReturn:
    """The command was called wrongly."""
    raise Failure(message, USAGE)


def environment(message: str) -> NoReturn:
    """Something outside of the command is not as it must be."""
    raise Failure(message, ENVIRONMENT)


def explain(error: Exception) -> tuple[str, int]:
    """What to tell the user about an error that ended a command, and the exit code."""
    if isinstance(error, Failure):
        return str(error), error.code
    known = _known(error)
    if known is not None:
        return known
    path = _save_traceback(error)
    return f"internal error: {type(error).__name__}: {error}\nthe traceback is in {path}", INTERNAL


def _known(error: Exception) -> tuple[str, int] | None:
    from actors.element import CallFailed
    from actors.protocols.kubernetes.status import ApiError
    from orchestrator.config.errors import ConfigErrors
    from orchestrator.control.api import RequestFailed
    from orchestrator.directory import WorldFailed

    match error:
        case RequestFailed():
            return str(error), error.code
        case ConfigErrors():
            return str(error), USAGE
        case WorldFailed() | CallFailed():
            return str(error), ENVIRONMENT
        case ApiError():
            words = f"Error from server ({error.reason}): {error.message}"
            return words, USAGE if error.code < 500 else ENVIRONMENT
    return None


def _save_traceback(error: Exception) -> Path:
    text = "".join(traceback.format_exception(error))
    stamp = time.strftime("%Y%m%dT%H%M%S")
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"journey-{stamp}-", suffix=".traceback", delete=False, encoding="utf-8"
    ) as file:
        file.write(f"{' '.join(sys.argv)}\n{text}")
    return Path(file.name)
