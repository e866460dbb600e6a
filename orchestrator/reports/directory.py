"""Run directories: `runs/<UTC>-<scenario>-<seed>`, and `runs/latest`, which is a link to the newest of them."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

HOME = Path("runs")
"""Where runs are kept if nobody says otherwise: in the working directory."""
LATEST = "latest"
SUMMARY = "summary.json"


class NoSuchRun(LookupError):
    """There is no run of that name; says which there are."""


def make_home(home: Path) -> None:
    """See that runs can be kept there, before one is played for nothing. Raises OSError."""
    home.mkdir(parents=True, exist_ok=True)
    if not os.access(home, os.W_OK | os.X_OK):
        raise PermissionError(f"{home} cannot be written to")


def new_run(home: Path, scenario: str, seed: int, now: datetime) -> Path:
    """A fresh directory for a run that began now; `latest` points at it from here on. Raises OSError."""
    home.mkdir(parents=True, exist_ok=True)
    stem = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{scenario}-{seed}"
    path, number = home / stem, 1
    while True:
        try:
            path.mkdir()
            break
        except FileExistsError:  # another one within the same second
            number += 1
            path = home / f"{stem}.{number}"
    point_at(home, path.name)
    return path


def point_at(home: Path, name: str | None) -> None:
    """Make `latest` a link to that run; with None there is none any more. A run is never without `latest` meanwhile."""
    link = home / LATEST
    if name is None:
        link.unlink(missing_ok=True)
        return
    fresh = home / f".{LATEST}.{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(name, target_is_directory=True)
    fresh.replace(link)


def all_runs(home: Path) -> list[Path]:
    """Every run that has a summary, oldest first."""
    if not home.is_dir():
        return []
    return sorted(
        path
        for path in home.iterdir()
        if path.name != LATEST and not path.is_symlink() and (path / SUMMARY).is_file()
    )


def find_run(home: Path, name: str) -> Path:
    """A run by its directory, its name, the beginning of its name, or `latest`. Raises `NoSuchRun`."""
    for given in (Path(name), home / name):
        if (given / SUMMARY).is_file():
            return given.resolve()
    runs = all_runs(home)
    found = [path for path in runs if path.name.startswith(name)] if name else []
    if len(found) == 1:
        return found[0].resolve()
    if found:
        raise NoSuchRun(f"{len(found)} runs begin with {name!r}: {', '.join(path.name for path in found)}")
    known = f"there are {', '.join(path.name for path in runs[-5:])}" if runs else f"{home} has none yet"
    raise NoSuchRun(f"there is no run {name!r}; {known}")


def remove_run(path: Path) -> None:
    """Remove a run; if it was the newest, `latest` becomes the one before."""
    home = path.parent
    link = home / LATEST
    was_latest = link.is_symlink() and link.readlink().name == path.name
    shutil.rmtree(path)
    if was_latest:
        left = all_runs(home)
        point_at(home, left[-1].name if left else None)
