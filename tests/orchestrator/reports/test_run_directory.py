"""The files of a run, each read as its readers read it."""

import gzip
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.json_format import Parse
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from orchestrator.config import default_world, load_world
from orchestrator.journal.journey import Journey
from orchestrator.reports.digest import pictured
from orchestrator.reports.directory import all_runs, new_run
from orchestrator.reports.document import summary
from orchestrator.reports.files import NotARun, read_run, write_run
from orchestrator.reports.markdown import LONGEST
from orchestrator.reports.otlp import not_recorded
from orchestrator.reports.result import RunResult
from orchestrator.reports.schema import Summary
from orchestrator.scenarios.failures import by_cause, failures
from tests.orchestrator.reports.bed import played, read

FILES = {
    "summary.json", "summary.md", "report.html", "latency.hlog", "latency-fine.hgrm", "latency-failing.hgrm",
    "journeys.ndjson.gz", "traces.otlp.json", "events.ndjson", "scenario.resolved.yaml", "environment.json",
    "alb-access-fine.log", "alb-access-failing.log", "world-fine.yaml", "world-failing.yaml",
}  # fmt: skip


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return played(tmp_path_factory.mktemp("scenario"))


@pytest.fixture(scope="module")
def run(result: RunResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("kept") / "runs"
    path = new_run(home, result.scenario, result.seed, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    write_run(result, path)
    return path


def test_a_run_is_a_directory_of_files_and_latest_is_a_link_to_it(run):
    assert run.name == "20260102T030405Z-small-1"
    assert {path.name for path in run.iterdir()} == FILES
    assert (run.parent / "latest").resolve() == run.resolve()
    assert {path.name for path in run.parent.iterdir()} == {run.name, "latest"}


def test_the_summary_is_of_its_schema_and_the_same_again_but_for_the_wall_clock(run, result, tmp_path):
    kept = read(run / "summary.json")
    Summary.model_validate(kept)
    again, other = summary(played(tmp_path)), summary(played(tmp_path, seed=2))
    assert {**kept, "wall": None} == {**json.loads(json.dumps(again)), "wall": None}
    assert kept["variants"] != other["variants"]
    assert kept["wall"]["took_s"] > 0


def test_seconds_add_up_to_the_whole(run):
    for variant in read(run / "summary.json")["variants"].values():
        series, load = variant["series"], variant["load"]
        assert sum(series["offered"]) == load["offered"] and sum(series["completed"]) == load["requests"]
        assert {kind: sum(counts) for kind, counts in series["failed"].items()} == load["errors"]
        assert [sum(column) for column in series["requests"].values()]
        pods = {pod["pod"]: pod["requests"] for pod in variant["pods"]}
        assert {pod: sum(counts) for pod, counts in series["requests"].items() if pod != "-"} == pods
        assert max(filter(None, series["latency_ms"]["max"])) == pytest.approx(load["latency_ms"]["max"])
        assert set(series["outstanding"]) == {"alb-1a", "alb-1b"}
        assert {len(column) for column in series["target_states"].values()} == {len(series["t_s"])}
        assert set(series["pod_states"][variant["pods"][0]["pod"]]) == {"Ready"}
        assert len(series["t_s"]) in (4, 5)


def test_errors_are_told_by_who_caused_them(run):
    variants = read(run / "summary.json")["variants"]
    assert variants["fine"]["origins"] == {}
    assert list(variants["failing"]["origins"]) == ["target"]
    failed = sum(variants["failing"]["origins"]["target"].values())
    assert failed >= variants["failing"]["load"]["errors"]["http_5xx"], "nodes remember the warm-up, too"


def test_a_run_that_is_read_again_is_the_run_that_was_written(run, result, tmp_path):
    found = read_run(run)
    assert found == result
    write_run(found, tmp_path)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (run / name).read_bytes(), name


def test_what_is_not_a_run_is_told(run, tmp_path):
    (tmp_path / "summary.json").write_text('{"format": 99}')
    with pytest.raises(NotARun, match="has format 99; this version of journey reads format 2"):
        read_run(tmp_path)
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(NotARun, match=r"summary.json:1:2: Expecting property name"):
        read_run(tmp_path)


def test_the_histograms_open_in_what_reads_histograms(run, result):
    reader = HistogramLogReader(str(run / "latency.hlog"), HdrHistogram(1, 60_000_000, 3))
    reader.input_file.close()  # which nobody else would
    reader.input_file, many = io.StringIO((run / "latency.hlog").read_text()), 0
    while (interval := reader.get_next_interval_histogram()) is not None:
        many += interval.get_total_count()
    assert many == sum(variant.figures["load"]["requests"] for variant in result.variants)
    text = (run / "latency-fine.hgrm").read_text()
    assert re.search(r"^ +Value +Percentile +TotalCount", text)
    assert re.search(rf"TotalCount += +{result.variants[0].figures['load']['requests']}\.", text)


def test_traces_are_what_opentelemetry_defines(run, result):
    data = Parse((run / "traces.otlp.json").read_text(), TracesData())
    spans = [
        span for resource in data.resource_spans for scope in resource.scope_spans for span in scope.spans
    ]
    roots = {span.trace_id: span for span in spans if not span.parent_span_id}
    kept = [each for variant in result.variants for each in variant.journeys]
    told = [each for variant in result.variants for each in not_recorded(variant)]
    assert len(told) > 10 and len(kept) > 20 and len(roots) == len(kept) + len(told)
    assert len({span.span_id for span in spans}) == len(spans)
    for span in spans:
        root = roots[span.trace_id]
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano
        assert span.parent_span_id in (b"", root.span_id)
    services = {
        pair.value.string_value
        for resource in data.resource_spans
        for pair in resource.resource.attributes
        if pair.key == "service.name"
    }
    assert {"laptop", "home-router", "isp", "aws-edge", "vpc"} <= services


def test_a_traces_id_is_that_of_the_load_balancers_log(run, result):
    for variant in result.variants:
        log = (run / f"alb-access-{variant.name}.log").read_text()
        for kept in variant.journeys:
            identity = kept.packed["journey"]
            assert f'"Root=1-{identity[:8]}-{identity[8:]}"' in log


def test_the_stretches_of_a_trace_fill_its_time(result):
    for kept in result.variants[0].journeys:
        journey = Journey.unpack(kept.packed)
        assert sum(part.ns for part in journey.parts) == round(kept.total_ms * 1e6)
    assert result.variants[0].journeys[0].total_ms > 100, "the slow pod's"


def test_journeys_events_and_the_scenario_are_plain_lines(run, result):
    lines = [
        json.loads(line) for line in gzip.decompress((run / "journeys.ndjson.gz").read_bytes()).splitlines()
    ]
    assert len(lines) == sum(len(variant.journeys) for variant in result.variants)
    assert {line["variant"] for line in lines} == {"fine", "failing"}
    events = [json.loads(line) for line in (run / "events.ndjson").read_text().splitlines()]
    assert [event["told"] for event in events if event["kind"] == "timeline"] == [
        "set pod/nginx-2 latency=20ms"
    ] * 2
    documents = list(yaml.safe_load_all((run / "scenario.resolved.yaml").read_text()))
    assert [document["variant"] for document in documents] == ["fine", "failing"]
    assert documents[1]["set"] == {"pod/nginx-0": {"latency": "100ms"}, "pod/nginx-1": {"errors": "30%"}}
    assert read(run / "environment.json")["cores"] > 0


def test_the_world_is_kept_whole(run):
    played_in, default = load_world(run / "world-fine.yaml"), load_world(default_world())
    assert played_in.plain() == default.plain()


def test_the_summary_fits_a_comment_and_shows_the_slowest_request(run):
    text = (run / "summary.md").read_text()
    assert len(text) < LONGEST
    assert "## ✅ pass: Is <it> small?" in text and "- ❌ errors `rate == 0%`: **" in text
    assert re.search(r"^\| `errors rate == 0%` \| ✅ 0.00% \| ❌ \d", text, re.MULTILINE)
    drawing = re.search(r"```mermaid\nsequenceDiagram\n(.*?)```", text, re.DOTALL)
    assert drawing is not None and "HTTP GET / HTTP/1.1" in drawing[1]
    for line in drawing[1].rstrip().splitlines():
        assert re.fullmatch(r"    (participant e\d+ as .+|e\d+->>e\d+: [^:;#]+)", line), line


def test_the_page_is_one_file_that_asks_nobody(run):
    page = (run / "report.html").read_text()
    shell, data, _ = re.split(
        r'<script id="data" type="application/json">(.*?)</script>', page, flags=re.DOTALL
    )
    assert len(page) - len(data) < 300_000
    assert (
        not re.search(r"(?:src|href)=\"(?!data:)", shell) and 'http-equiv="Content-Security-Policy"' in shell
    )
    assert json.loads(data)["title"] == "Is <it> small?" and "Is &lt;it&gt; small?" in shell
    assert "Is <it> small?" not in page


def test_only_whole_runs_are_runs(run):
    assert all_runs(run.parent) == [run]
    (run.parent / "other").mkdir()
    assert all_runs(run.parent) == [run]


def test_every_way_to_fail_is_in_the_report_though_no_such_request_was_recorded(result, run):
    (failing,) = [each for each in result.variants if each.name == "failing"]
    found = failing.figures["failures"]
    assert {each["cause"] for each in found} == {each["cause"] for each in failing.figures["alb_errors"]}
    assert 1 < len(found) <= 20 and [each["at_s"] for each in found] == sorted(each["at_s"] for each in found)
    recorded = {each.packed["journey"] for each in failing.journeys}
    assert any(each["journey"] not in recorded for each in found)
    log = (run / "alb-access-failing.log").read_text()
    assert all(each["request_id"] in log and each["target"] for each in found)
    assert not [each for each in pictured(failing) if each.succeeded] or len(pictured(failing)) > 1
    assert any(not each.succeeded for each in pictured(failing))


def test_a_rare_failure_is_not_pushed_out_by_a_frequent_one():
    def error(at_s: float, cause: str) -> dict[str, Any]:
        return {
            "at_s": at_s,
            "node": "alb-1a",
            "status": 502,
            "cause": cause,
            "sentence": "",
            "total_ms": 1.0,
        }

    errors = [error(at_s / 10, "TargetReset") for at_s in range(900)] + [error(95.0, "TargetTlsFailed")]
    kept = failures(errors)
    assert len(kept) == 21 and kept[-1]["cause"] == "TargetTlsFailed"
    assert [each["count"] for each in by_cause(errors)] == [900, 1]
