"""A small run with two variants, an event and errors, that tests of reports look at."""

import json
from pathlib import Path
from typing import Any

from orchestrator.reports.result import RunResult
from orchestrator.scenarios.loader import load_scenario
from orchestrator.scenarios.play import perform

ROOT = Path(__file__).parents[3]
SCENARIO = f"""\
version: 1
name: small
title: Is <it> small?
description: A pod is slow, and another one fails.
world: {ROOT}/configs/journey.yaml
set: {{pod/nginx-0: {{latency: 100ms}}}}
variants:
  fine: {{}}
  failing: {{set: {{pod/nginx-1: {{errors: 30%}}}}}}
load: {{warm_up: 1s, stages: [{{for: 4s, rate: 100/s}}]}}
timeline: [{{at: 2s, do: set, target: pod/nginx-2, to: {{latency: 20ms}}}}]
thresholds: [{{metric: errors, is: rate == 0%}}]
expect: {{failing: fail}}
report: {{journeys: {{sample: 10%}}}}
"""


def played(directory: Path, seed: int = 1) -> RunResult:
    path = directory / "small.yaml"
    path.write_text(SCENARIO)
    return perform(load_scenario(path), on_virtual_clock=True, seed=seed)


def read(path: Path) -> Any:
    return json.loads(path.read_text())
