"""The files of a run directory, written and read again."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from orchestrator.journal.sentences import tell
from orchestrator.reports.directory import SUMMARY
from orchestrator.reports.document import at, summary
from orchestrator.reports.histograms import hgrm, hlog
from orchestrator.reports.markdown import summary_md
from orchestrator.reports.otlp import traces
from orchestrator.reports.page import render
from orchestrator.reports.result import FORMAT, Kept, RunResult, Series, VariantResult, Wall

JOURNEYS, EVENTS, HLOG, ENVIRONMENT = (
    "journeys.ndjson.gz",
    "events.ndjson",
    "latency.hlog",
    "environment.json",
)
RESOLVED, TRACES, MARKDOWN, PAGE = "scenario.resolved.yaml", "traces.otlp.json", "summary.md", "report.html"
WORLD = "world.yaml"
TIMELINE = "timeline"
NOT_SUMMARY = (
    "origins",
    "began_unix_ns",
    "began_ns",
    "service_hdr",
    "percentiles",
    "series",
    "budget",
    "journeys",
)
"""What a summary says of a variant besides its figures."""


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class NotARun(ValueError):
    """A directory does not hold what a run leaves; says what is wrong with it."""


# ---- written -------------------------------------------------------------------------------------------------------


def write_run(result: RunResult, path: Path, *, html: bool = True) -> None:
    """Write all files of a run into its directory. Raises OSError."""
    _json(path / SUMMARY, summary(result))
    _json(path / ENVIRONMENT, {"started": result.wall.started, **result.wall.environment, **_lags(result)})
    _json(path / TRACES, traces(result), indent=None)
    with (path / JOURNEYS).open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
        file.writelines(f"{line}\n".encode() for line in _journeys(result))
    (path / EVENTS).write_text("".join(f"{line}\n" for line in _events(result)))
    (path / RESOLVED).write_text(_documents([each.resolved for each in result.variants]))
    began_s = result.variants[0].began_unix_ns / 1e9 if result.variants else 0.0
    tagged = [(each.name, each.seconds_hdr) for each in result.variants]
    (path / HLOG).write_text("".join(hlog(tagged, began_s)))
    for client in sorted({name for each in result.variants for name in each.clients_hdr}):
        tagged = [(each.name, each.clients_hdr.get(client, [])) for each in result.variants]
        (path / named(HLOG, client)).write_text("".join(hlog(tagged, began_s)))
    for variant in result.variants:
        (path / named("latency.hgrm", variant.name)).write_text(hgrm(variant.latency_hdr))
        (path / named(WORLD, variant.name)).write_text(_documents([variant.world]))
        log = "".join(f"{line}\n" for line in variant.access_log)
        (path / named("alb-access.log", variant.name)).write_text(log)
    write_reports(result, path, html=html)


def write_reports(result: RunResult, path: Path, *, html: bool = True) -> None:
    """Only what is for people: `summary.md` and `report.html`."""
    (path / MARKDOWN).write_text(summary_md(result))
    if html:
        (path / PAGE).write_text(render(result))


def named(file: str, variant: str) -> str:
    """`latency.hgrm`, or `latency-VARIANT.hgrm` where there are variants."""
    stem, dot, suffix = file.rpartition(".")
    return f"{stem}-{variant}{dot}{suffix}" if variant else file


def _json(path: Path, value: Any, indent: int | None = 1) -> None:
    separators = None if indent else (",", ":")
    path.write_text(json.dumps(value, indent=indent, separators=separators) + "\n")


def _lags(result: RunResult) -> dict[str, Any]:
    """How late the load's generator was, which a machine that is too small shows by."""
    lags = {each.name: each.figures["load"].get("dispatch_lag_ms", {}) for each in result.variants}
    return {"took_s": result.wall.took_s, "dispatch_lag_ms": lags}


def _journeys(result: RunResult) -> Iterator[str]:
    for variant in result.variants:
        for kept in variant.journeys:
            yield json.dumps({"variant": variant.name, "total_ms": kept.total_ms, **kept.packed})


def _events(result: RunResult) -> Iterator[str]:
    for variant in result.variants:
        told = [
            {"at_s": event["at_s"], "kind": TIMELINE, "told": event["what"]}
            for event in variant.figures["events"]
        ]
        told += [{**at(event, variant), **event, "told": tell(event).what} for event in variant.world_events]
        told.sort(key=lambda event: event["at_s"])
        for event in told:
            yield json.dumps({"variant": variant.name, **event})


def _documents(values: list[dict[str, Any]]) -> str:
    """A YAML document for each."""
    return str(yaml.dump_all(values, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=110))


# ---- read ----------------------------------------------------------------------------------------------------------


def read_run(path: Path) -> RunResult:
    """A run from its directory, with all that its reports are made of. Raises `NotARun`, OSError."""
    plain = _read_summary(path)
    variants = {name: _variant(name, found) for name, found in plain["variants"].items()}
    _read_journeys(path / JOURNEYS, variants)
    _read_events(path / EVENTS, variants)
    _read_seconds(path / HLOG, {name: each.seconds_hdr for name, each in variants.items()})
    for client in {name for each in variants.values() for name in each.figures["load"].get("clients", {})}:
        if (log := path / named(HLOG, client)).is_file():
            seconds = {name: each.clients_hdr.setdefault(client, []) for name, each in variants.items()}
            _read_seconds(log, seconds)
    for document in yaml.safe_load_all((path / RESOLVED).read_text()):
        variants[document["variant"]].resolved = document
    for name, variant in variants.items():
        if (world := path / named(WORLD, name)).is_file():  # runs of earlier versions have none
            variant.world = yaml.load(world.read_text(), Loader=_LOADER)
        variant.access_log = (path / named("alb-access.log", name)).read_text().splitlines()
    environment = json.loads((path / ENVIRONMENT).read_text())
    own = ("started", "took_s", "dispatch_lag_ms")
    kept = {key: value for key, value in environment.items() if key not in own}
    fields = ("scenario", "title", "description", "clock", "seed", "verdict", "interrupted")
    return RunResult(
        **{key: plain[key] for key in fields},
        variants=list(variants.values()),
        wall=Wall(**plain["wall"], environment=kept),
    )


def _read_summary(path: Path) -> dict[str, Any]:
    try:
        plain = json.loads((path / SUMMARY).read_text())
    except json.JSONDecodeError as error:
        raise NotARun(f"{path / SUMMARY}:{error.lineno}:{error.colno}: {error.msg}") from None
    found = plain.get("format") if isinstance(plain, dict) else None
    if found != FORMAT:
        raise NotARun(f"{path / SUMMARY} has format {found!r}; this version of journey reads format {FORMAT}")
    summary: dict[str, Any] = plain
    return summary


def _variant(name: str, found: dict[str, Any]) -> VariantResult:
    return VariantResult(
        name=name,
        figures={key: value for key, value in found.items() if key not in NOT_SUMMARY},
        resolved={},
        series=Series(**found["series"]),
        latency_hdr=found["load"].get("hdr", ""),
        service_hdr=found["service_hdr"],
        traced=found["journeys"]["recorded"],
        budget=found["budget"],
        began_unix_ns=found["began_unix_ns"],
        began_ns=found["began_ns"],
    )


def _read_journeys(path: Path, variants: dict[str, VariantResult]) -> None:
    with gzip.open(path, "rt") as lines:
        for line in lines:
            packed = json.loads(line)
            variant, total_ms = packed.pop("variant"), packed.pop("total_ms")
            variants[variant].journeys.append(Kept(packed, total_ms))


def _read_events(path: Path, variants: dict[str, VariantResult]) -> None:
    for line in path.read_text().splitlines():
        event = json.loads(line)
        variant = variants[event.pop("variant")]
        if event["kind"] != TIMELINE:
            del event["at_s"], event["told"]
            variant.world_events.append(event)


_INTERVAL = re.compile(
    r"(?:Tag=(?P<tag>[^,]*),)?(?P<since>[\d.]+),(?P<long>[\d.]+),[\d.]+,(?P<histogram>\S+)"
)


def _read_seconds(path: Path, seconds: dict[str, list[tuple[float, str]]]) -> None:
    """By variant."""
    for line in path.read_text().splitlines():
        if match := _INTERVAL.fullmatch(line):
            until = round(float(match["since"]) + float(match["long"]), 6)
            seconds[match["tag"] or ""].append((until, match["histogram"]))
