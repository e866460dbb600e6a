"""`journey runs` and `journey report`, and the directories that they look through."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from docs.generate import SUMMARY_TARGET, summary_text
from orchestrator.cli import app
from orchestrator.reports.directory import NoSuchRun, all_runs, find_run, new_run, remove_run
from tests.orchestrator.reports.bed import SCENARIO, read

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def made(home: Path, scenario: str, at: datetime = NOON) -> Path:
    path = new_run(home, scenario, 7, at)
    (path / "summary.json").write_text("{}")
    return path


def latest(home: Path) -> str:
    return (home / "latest").readlink().name


def test_names_tell_when_in_utc_and_what(tmp_path):
    there = timezone(timedelta(hours=2))
    assert made(tmp_path, "herd", NOON.astimezone(there)).name == "20260101T120000Z-herd-7"
    assert made(tmp_path, "herd").name == "20260101T120000Z-herd-7.2", "two within a second"
    assert latest(tmp_path) == "20260101T120000Z-herd-7.2"


def test_runs_are_found_by_name_its_beginning_directory_and_latest(tmp_path):
    one, other = made(tmp_path, "one"), made(tmp_path, "other", NOON + timedelta(seconds=1))
    assert find_run(tmp_path, "latest") == other
    assert find_run(tmp_path, one.name) == find_run(tmp_path, str(one)) == one
    assert find_run(tmp_path, "20260101T120001") == other
    with pytest.raises(NoSuchRun, match=r"2 runs begin with '2026': 2026\S+-one-7, 2026\S+-other-7"):
        find_run(tmp_path, "2026")
    with pytest.raises(NoSuchRun, match="there is no run 'x'; there are 2026"):
        find_run(tmp_path, "x")
    with pytest.raises(NoSuchRun, match="has none yet"):
        find_run(tmp_path / "nowhere", "latest")


def test_when_the_newest_goes_the_one_before_is_the_newest(tmp_path):
    one, other = made(tmp_path, "one"), made(tmp_path, "other", NOON + timedelta(seconds=1))
    third = made(tmp_path, "third", NOON + timedelta(seconds=2))
    remove_run(one)
    assert latest(tmp_path) == third.name
    remove_run(third)
    assert latest(tmp_path) == other.name
    remove_run(other)
    assert list(tmp_path.iterdir()) == [] and all_runs(tmp_path) == []


def journey(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_from_a_run_to_its_removal(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SCENARIO)
    done = journey("simulate", "small.yaml", "--seed", "3")
    assert done.exit_code == 0, done.output
    (run,) = all_runs(tmp_path / "runs")
    assert {path.name for path in tmp_path.iterdir()} == {"small.yaml", "runs"}, "nothing else is written"
    order = [
        "Is <it> small?", "fails, as expected", "no  errors", "from when due", "where the time went", "share",
        "between pods", "errors by the target", "valid: generator late", f"runs/{run.name}/report.html",
    ]  # fmt: skip
    text = done.stdout.partition("\n\n")[0] + done.stdout[done.stdout.index("failing  fails") :]
    places = [text.index(words) for words in order]
    assert places == sorted(places), "in the order in which one asks"

    page = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    told = journey("report")
    assert told.exit_code == 0, told.output
    assert "Is <it> small?" in told.stdout and (run / "report.html").read_bytes() == page
    assert json.loads(journey("report", run.name, "--json").stdout) == read(run / "summary.json")

    (listed,) = json.loads(journey("runs", "list", "--json").stdout)
    assert (listed["run"], listed["seed"], listed["verdict"]) == (run.name, 3, "pass")
    assert run.name in journey("runs").stdout
    assert json.loads(journey("runs", "open", "--json").stdout)["report"] == str(run / "report.html")
    assert journey("runs", "rm", "latest", "nonsense").exit_code == 2 and run.exists(), "all or none"
    assert journey("runs", "rm", "latest").exit_code == 0 and not run.exists()


def test_processes_that_hash_in_other_ways_come_to_the_same_summary(tmp_path):
    (tmp_path / "small.yaml").write_text(SCENARIO)
    summaries = []
    for number in "01":
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "orchestrator.cli",
                "simulate",
                "small.yaml",
                "--seed",
                "1",
                "--out",
                number,
            ],
            cwd=tmp_path,
            env={**os.environ, "PYTHONHASHSEED": number, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        summaries.append(read(tmp_path / number / "latest/summary.json"))
    one, other = summaries
    assert one.pop("wall")["took_s"] > 0 < other.pop("wall")["took_s"]
    assert one == other


def test_out_says_where_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = SCENARIO.replace("for: 4s", "for: 1s").replace("at: 2s", "at: 0s")
    (tmp_path / "small.yaml").write_text(text.replace("sample: 10%}", "sample: 0%}, html: false"))
    done = journey("simulate", "small.yaml", "--out", "kept/here", "--json")
    assert done.exit_code == 0, done.output
    (run,) = all_runs(tmp_path / "kept" / "here")
    assert f"kept in kept/here/{run.name}" in done.stderr
    assert not (run / "report.html").exists() and (run / "summary.md").exists()
    assert read(run / "summary.json")["variants"]["fine"]["journeys"]["recorded"] == 0
    (tmp_path / "file").write_text("")
    done = journey("simulate", "small.yaml", "--out", "file")
    assert done.exit_code == 3 and "the run cannot be kept" in done.stderr
    assert "load:" not in done.stderr, "told before it is played"


def test_a_spoiled_run_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made(tmp_path / "runs", "spoiled")
    done = journey("report")
    assert done.exit_code == 2 and "has format None" in done.stderr
    assert "unreadable" in journey("runs", "list").stdout
    done = journey("report", "nonsense")
    assert done.exit_code == 2 and "there is no run 'nonsense'" in done.stderr


def test_the_schema_of_the_summary_is_fresh():
    assert SUMMARY_TARGET.read_text() == summary_text(), "make docs"
    assert json.loads(journey("schema", "summary").stdout) == json.loads(summary_text())
