import importlib.metadata
import importlib.util
import os
import re
import resource
import shutil
import socket
import tomllib
from pathlib import Path

import pytest

from orchestrator import doctor


@pytest.fixture(autouse=True)
def run_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path / "h"))
    (tmp_path / "h").mkdir(mode=0o700)
    return tmp_path / "h"


def finding(name: str) -> doctor.Check:
    (check,) = (check for check in doctor.examine() if check.name == name)
    return check


def old_run(home: Path) -> Path:
    run = home / "abcdef"
    run.mkdir()
    os.utime(run, (0, 0))
    return run


def test_this_machine_can_run_worlds():
    checks = doctor.examine()
    assert [check for check in checks if check.status == "fail"] == []
    assert all(check.advice for check in checks if check.status != "ok")
    assert len({check.name for check in checks}) == len(checks) > 10


def test_libraries_are_named_with_their_versions():
    found = finding("libraries").found
    for name in ("aiohttp", "PyYAML", "pyzmq"):
        assert f"{name} {importlib.metadata.version(name)}" in found


@pytest.mark.parametrize(
    ("requirement", "fault"),
    [("msgpack>=99,<100", "is older than 99"), ("no-such-thing>=1", "No module named 'no_such_thing'")],
)
def test_missing_and_old_libraries_fail(requirement: str, fault: str, monkeypatch: pytest.MonkeyPatch):
    extra = 'sphinx>=1; extra == "docs"'
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: [requirement, extra])
    check = finding("libraries")
    assert check.status == "fail"
    assert check.found.endswith(fault)
    assert "sphinx" not in check.found


def test_a_run_that_nobody_serves_is_left_behind(run_home: Path):
    run = old_run(run_home)
    check = finding("old runs")
    assert (check.status, check.advice) == ("warn", f"rm -r {run}")


def test_a_run_that_is_served_or_just_being_made_is_not(run_home: Path, monkeypatch: pytest.MonkeyPatch):
    (run_home / "starting").mkdir()
    run = old_run(run_home)
    monkeypatch.chdir(run)  # for a path short enough for a Unix socket
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("api.sock")
        server.listen()
        os.utime(run, (0, 0))
        monkeypatch.setattr(doctor, "home", lambda: Path(".."))
        assert finding("old runs").status == "ok"


def test_a_directory_that_cannot_be_used_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path / "file"))
    check = finding("run directory")
    assert check.status == "fail"
    assert "JOURNEY_HOME" in check.advice


def test_a_directory_with_a_long_path_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOURNEY_HOME", str(tmp_path / ("x" * 90)))
    assert finding("run directory").status == "warn"


def test_little_of_something_is_a_warning_with_advice(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(doctor, "_available_bytes", lambda: 100 << 20)
    checks = {check.name: check for check in doctor.examine()}
    assert checks["open files"] == (
        "open files",
        "warn",
        "256 for each process, 1024 wanted",
        "ulimit -n 4096",
    )
    assert checks["cores"].found == "1 usable, 2 wanted"
    assert checks["memory"].found == "100 MiB available, 400 wanted"
    assert checks["tshark"].advice == "optional: reads captures; apt-get install tshark"


def test_timers_that_are_late_are_a_warning(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "_wait_ms", lambda *_: 5.0)
    assert finding("timer").found == "a wait of 1 ms ends 4.00 ms late, 4.00 ms at worst"
    assert finding("timer").status == "warn"


def test_the_module_of_every_library_is_known():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    names = [re.match(r"[\w.-]+", requirement)[0] for requirement in project["dependencies"]]
    assert len(names) > 10
    assert [name for name in names if importlib.util.find_spec(doctor.module_of(name)) is None] == []
