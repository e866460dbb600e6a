"""A run's figures put together: a row for each pod, errors by their cause, verdicts."""

from typing import Any

from actors.element import CallFailed
from actors.units import SECOND
from orchestrator.control.api import RequestFailed
from orchestrator.reports.series import Seconds
from orchestrator.scenarios.models import Scenario, Threshold
from orchestrator.scenarios.sampling import Outstanding
from orchestrator.scenarios.scene import Scene
from orchestrator.scenarios.thresholds import NoValue, value_of
from orchestrator.scenarios.windows import figures_within, window_of
from orchestrator.settings.cluster import AsyncCluster, server_of
from orchestrator.settings.pods import KIND as POD_KIND

NOBODY = "-"
"""Who gave the answers that no pod gave."""
PASS, FAIL, INVALID = "pass", "fail", "invalid"


async def pod_rows(scene: Scene, status: dict[str, Any], outstanding: Outstanding) -> list[dict[str, Any]]:
    """Every pod that answered, or was a target: its share, latencies, outstanding requests and modes."""
    short = await _short_names(scene)
    answered = status["per_pod"]
    total = sum(answered.values())
    rows = []
    for name in sorted({*answered, *outstanding.names()} - {NOBODY}):
        if name not in answered and ":" in name and not outstanding.of(name)["outstanding"]["max"]:
            continue  # a target that was on its way out when the run began, and whose pod had gone
        rows.append(
            {
                "pod": name,
                "as": short.get(name, ""),
                "modes": await _modes(scene, name),
                "requests": answered.get(name, 0),
                "share": answered.get(name, 0) / total if total else 0.0,
                "latency_ms": status["per_pod_ms"].get(name, {}),
                **outstanding.of(name),
                "states": outstanding.states.get(name, {}),
            }
        )
    return rows


async def _short_names(scene: Scene) -> dict[str, str]:
    """`nginx-0` for the first pod of deployment nginx, and so on."""
    server = server_of(scene)
    if server is None:
        return {}
    cluster = AsyncCluster(scene, server)
    short = {}
    for deployment in await cluster.every("Deployment"):
        name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
        for number, pod in enumerate(await cluster.pods_of(name, namespace)):
            short[pod] = f"{name}-{number}"
    return short


async def _modes(scene: Scene, pod: str) -> dict[str, str]:
    """The modes of a pod that are on; none for one that has gone."""
    if scene.kinds().get(pod) != POD_KIND:
        return {}
    try:
        modes: dict[str, str] = (await scene.call(pod, "set"))["modes"]
    except (CallFailed, RequestFailed):
        return {}
    return {key: value for key, value in modes.items() if value != "off"}


def judged(scenario: Scenario, name: str, figures: dict[str, Any], seconds: Seconds) -> dict[str, Any]:
    """A variant's figures with the thresholds' values and the verdict; assertions have been decided already."""
    rows = [_checked(threshold, figures, seconds) for threshold in scenario.thresholds]
    ok = all(row["ok"] for row in (*rows, *figures["assertions"]))
    outcome = PASS if ok else FAIL
    expected = scenario.expected(name)
    verdict = INVALID if figures["invalid"] else PASS if outcome == expected else FAIL
    return {"verdict": verdict, "outcome": outcome, "expected": expected, "thresholds": rows, **figures}


def _checked(threshold: Threshold, figures: dict[str, Any], seconds: Seconds) -> dict[str, Any]:
    row: dict[str, Any] = {"metric": threshold.metric, "is": threshold.is_.text, "where": threshold.where}
    if threshold.during is not None:
        row["during"] = threshold.during
    if threshold.after:
        row["after_s"] = threshold.after / SECOND
    try:
        ends_s = seconds.rows[-1]["t_s"] if seconds.rows else 0.0
        window = window_of(threshold, figures["events"], ends_s)
        within = figures if window is None else figures_within(seconds, figures, *window)
        value = value_of(threshold.metric, threshold.is_, threshold.where, within)
    except NoValue as error:
        return {**row, "value": None, "told": str(error), "ok": False}
    return {**row, "value": value, "told": threshold.is_.told(value), "ok": threshold.is_.holds(value)}


def verdict_of(variants: dict[str, dict[str, Any]]) -> str:
    """Of the whole: invalid beats failed, failed beats passed."""
    verdicts = {each["verdict"] for each in variants.values()}
    return next(each for each in (INVALID, FAIL, PASS) if each in verdicts)
