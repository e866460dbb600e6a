"""The decision process: a ladder, and a verdict that remembers on which rung each path lost (RFC 4271 section 9.1).

How this works. Each rung takes the paths that are left and keeps the best of them; who falls is noted with the rung and
a reason. All paths come from other autonomous systems or are our own, so the RFC's rungs about interior peers and
interior cost never decide and are not there; "locally originated" is what every vendor has in front of the path length.
MED is compared among the paths of one neighbouring AS only, and a missing one counts as 0 (section 9.1.2.2 c).
"""

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from actors.protocols.bgp.attributes import Attributes, first_asn, path_length, path_text
from actors.wire.addresses import Prefix, ip_text

DEFAULT_LOCAL_PREFERENCE = 100


class Step(Enum):
    """The rungs, from the top."""

    ONLY = "only path"
    LOCAL_PREF = "local preference"
    LOCAL = "locally originated"
    AS_PATH = "AS path length"
    ORIGIN = "origin"
    MED = "MED"
    IDENTIFIER = "BGP identifier"
    ADDRESS = "neighbour address"


class Path(NamedTuple):
    """A way to a prefix: what a neighbour told, as import policy left it; `neighbour` is "" for our own."""

    prefix: Prefix
    attributes: Attributes
    neighbour: str = ""
    identifier: bytes = bytes(4)
    address: bytes = bytes(4)

    @property
    def preference(self) -> int:
        local_pref = self.attributes.local_pref
        return DEFAULT_LOCAL_PREFERENCE if local_pref is None else local_pref

    @property
    def told_by(self) -> str:
        return self.neighbour or "this AS"


class Lost(NamedTuple):
    """A path that was not taken: on which rung it fell, and why."""

    path: Path
    step: Step
    why: str


class Verdict(NamedTuple):
    """The best path, the rung that settled it, and the others in the order in which they fell."""

    best: Path
    step: Step
    lost: tuple[Lost, ...]


Key = Callable[[Path], int]

_RUNGS: tuple[tuple[Step, Key, Callable[[Path], str]], ...] = (
    (Step.LOCAL_PREF, lambda path: -path.preference, lambda path: str(path.preference)),
    (Step.LOCAL, lambda path: path.neighbour != "", lambda path: f"told by {path.told_by}"),
    (
        Step.AS_PATH,
        lambda path: path_length(path.attributes.as_path),
        lambda path: f"{path_length(path.attributes.as_path)} ({path_text(path.attributes.as_path)})",
    ),
    (Step.ORIGIN, lambda path: path.attributes.origin, lambda path: path.attributes.origin.name),
    (Step.MED, lambda path: path.attributes.med or 0, lambda path: str(path.attributes.med or 0)),
    (Step.IDENTIFIER, lambda path: int.from_bytes(path.identifier), lambda path: ip_text(path.identifier)),
    (Step.ADDRESS, lambda path: int.from_bytes(path.address), lambda path: ip_text(path.address)),
)


def choose(paths: list[Path]) -> Verdict | None:
    """The best of the paths to one prefix; None when there are none. Their order makes no difference."""
    if not paths:
        return None
    left = sorted(paths, key=lambda path: (path.identifier, path.address, path.neighbour))
    fallen: list[Lost] = []
    decided = Step.ONLY
    for step, key, shown in _RUNGS:
        if len(left) == 1:
            break
        best_of = _best_by_neighbour_as(left, key) if step is Step.MED else dict.fromkeys(left, None)
        overall = min(left, key=key)
        kept = []
        for path in left:
            better = best_of.get(path) or overall
            if key(path) == key(better):
                kept.append(path)
            else:
                fallen.append(Lost(path, step, f"{step.value} {shown(path)}, not {shown(better)}"))
        if len(kept) < len(left):
            decided = step
        left = kept
    return Verdict(left[0], decided, tuple(fallen))


def _best_by_neighbour_as(paths: list[Path], key: Key) -> dict[Path, Path | None]:
    """For each path, the one with the lowest MED that the same AS has told."""
    best: dict[int | None, Path] = {}
    for path in paths:
        asn = first_asn(path.attributes.as_path)
        if asn not in best or key(path) < key(best[asn]):
            best[asn] = path
    return {path: best[first_asn(path.attributes.as_path)] for path in paths}
