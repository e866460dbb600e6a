"""`kill -9` of anything in a cluster, at any moment of a rollout: it finishes, no address is given twice, none leaks.

One seed says how many pods there are, what changes, who is killed and when (`crashes.py`). A seed that fails is named;
it is run alone by `JOURNEY_SEEDS=17 pytest tests/journeys/test_cluster_crashes.py`; `make soak` looks at more of them.
"""

import os
from pathlib import Path

import pytest

from actors.parts.aws_node.allocations import Allocations
from actors.parts.aws_node.ipamd import Ipamd
from actors.parts.aws_node.plugin import Plugin
from actors.parts.node_kernel import NodeKernel
from actors.protocols.ipam.datastore import Address, DataStore, Eni
from tests.journeys.crashes import Crashes

SEEDS = os.environ.get("JOURNEY_SEEDS", "0-9")
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


# ---- what such a run is worth: faults that are planted are found ------------------------------------------------


def breaks(tmp_path: Path, words: str, seeds: range = range(12)) -> None:
    """One of these seeds finds it, and says so in these words."""
    said = []
    for seed in seeds:
        directory = tmp_path / str(seed)
        directory.mkdir()
        try:
            Crashes(seed, directory).run()
        except AssertionError as error:
            said.append(str(error))
            if words in said[-1]:
                return
    pytest.fail(f"nobody says {words!r}: {said}")


def test_an_agent_that_forgets_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Allocations, "restore", lambda self, *_: None)
    monkeypatch.setattr(Plugin, "_adopt", lambda self, seen: None)
    breaks(tmp_path, "its ipamd says")


def test_addresses_that_do_not_come_back_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Allocations, "release", lambda self, holder, reason: None)
    breaks(tmp_path, "its ipamd says")


def test_an_address_in_two_places_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def first(self: DataStore, eni: Eni, now_ns: int) -> Address | None:
        return next(iter(eni.all()), None)

    monkeypatch.setattr(DataStore, "_free", first)
    breaks(tmp_path, "while Holder(")


def test_namespaces_that_stay_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(NodeKernel, "remove_netns", lambda self, name: None)
    breaks(tmp_path, ": netns cni-")


def test_interfaces_that_are_forgotten_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async def nothing(self: Ipamd) -> None: ...

    monkeypatch.setattr(Ipamd, "_delete_leaked", nothing)
    breaks(tmp_path, "leaked interfaces", range(20, 30))
