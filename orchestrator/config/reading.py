"""The text of a file, or why it cannot be had."""

from pathlib import Path

from orchestrator.config.errors import ConfigError, ConfigErrors, Position, suggestion


def read_text(path: Path) -> str:
    """A file's text; raises `ConfigErrors` where it cannot be had."""
    try:
        data = path.read_bytes()
    except OSError as error:
        near = [beside.name for beside in path.parent.glob("*") if beside.suffix in (".yaml", ".yml")]
        reason = (error.strerror or str(error)).lower()
        raise ConfigErrors(
            [
                ConfigError(
                    str(path), None, (), reason + suggestion(path.name, near, otherwise="beside it are")
                )
            ]
        ) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        position = Position(before.count(b"\n") + 1, column)
        raise ConfigErrors([ConfigError(str(path), position, (), "this is not UTF-8 text")]) from None
