"""`kill -9` of anything in a cluster, at any moment of a rollout: it finishes, no address is given twice, none leaks.

One seed says how many pods there are, what changes, who is killed and when (`crashes.py`). A seed that fails is named;
it is run alone by `JOURNEY_SEEDS=17 pytest tests/journeys/test_cluster_crashes.py`, and `JOURNEY_SEEDS=200-999` looks
at more of them.
"""

import os
from pathlib import Path

import pytest

from tests.journeys.crashes import Crashes

SEEDS = os.environ.get("JOURNEY_SEEDS", "0-199")
TOGETHER = 10


def chunks() -> list[range]:
    first, _, last = SEEDS.partition("-")
    every = range(int(first), int(last or first) + 1)
    return [every[start : start + TOGETHER] for start in range(0, len(every), TOGETHER)]


@pytest.mark.parametrize("seeds", chunks(), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_a_rollout_outlives_every_crash(tmp_path: Path, seeds: range):
    for seed in seeds:
        directory = tmp_path / str(seed)
        directory.mkdir()
        Crashes(seed, directory).run()
