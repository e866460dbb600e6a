"""An app's Python code: found, imported afresh for each container, and asked for its `app`."""

import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple


class NoApp(Exception):
    """There is no app to run; says why in a sentence. `details` is the traceback of code that failed, if any."""

    def __init__(self, why: str, details: str = "") -> None:
        super().__init__(why)
        self.details = details


class Surroundings(NamedTuple):
    """What the code finds around it while it is imported: as a program, it would have them all its life."""

    environment: Mapping[str, str]
    argv: Sequence[str]


def load(reference: str, folder: str | None, around: Surroundings) -> Any:
    """What `module:attribute` names: an application, or something to be called for one. Raises `NoApp`.

    The module is looked for in `folder`, in the working directory, and where Python looks (`PYTHONPATH`). Each
    container has modules of its own, as it would have as a process: what is imported from beside the module is
    forgotten afterwards, so that the next one reads the files again."""
    module_name, _, attribute = reference.partition(":")
    places = [str(Path(place).resolve()) for place in (folder, os.getcwd()) if place and Path(place).is_dir()]
    with surrounded(around), _looking_in(places):
        module = _imported(module_name, places)
        found: Any = module
        for name in attribute.split("."):
            if not hasattr(found, name):
                raise NoApp(f"module {module_name} ({_file(module)}) has no attribute {attribute!r}")
            found = getattr(found, name)
    return found


def _imported(name: str, places: list[str]) -> ModuleType:
    before = set(sys.modules)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            where = " or ".join(dict.fromkeys(places))
            raise NoApp(f"there is no module {name}: neither in {where}, nor on PYTHONPATH") from None
        raise NoApp(_said(name, error), traceback.format_exc()) from None
    except (Exception, SystemExit) as error:
        raise NoApp(_said(name, error), traceback.format_exc()) from None
    finally:
        _forget(set(sys.modules) - before, places)


def _forget(names: set[str], places: list[str]) -> None:
    """Have what was imported from these folders read again by the next container."""
    for name in names:
        file = getattr(sys.modules[name], "__file__", None)
        if file is None or "site-packages" in file:
            continue
        if any(Path(file).is_relative_to(place) for place in places):
            del sys.modules[name]


def _said(name: str, error: BaseException) -> str:
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename
    ]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if len(frames) > 1 else ""
    return f"import of {name} failed: {type(error).__name__}: {error}{where}"


def _file(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or "built in"


@contextmanager
def surrounded(around: Surroundings) -> Iterator[None]:
    """Have `os.environ` and `sys.argv` be the container's."""
    environment, argv = dict(os.environ), sys.argv
    os.environ.update(around.environment)
    sys.argv = list(around.argv)
    try:
        yield
    finally:
        sys.argv = argv
        for name in around.environment:
            if name in environment:
                os.environ[name] = environment[name]
            else:
                os.environ.pop(name, None)


@contextmanager
def _looking_in(places: list[str]) -> Iterator[None]:
    before, bytecode = list(sys.path), sys.dont_write_bytecode
    sys.path[:0] = places
    sys.dont_write_bytecode = True  # a file that has changed within a second is read all the same
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before
        sys.dont_write_bytecode = bytecode
