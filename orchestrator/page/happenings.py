"""What happens in the world, in words, for the strip of events."""

from collections import deque
from typing import Any

from orchestrator.journal.sentences import tell
from orchestrator.journal.store import JournalStore, Record

KINDS = (
    "target.state", "target.anomaly", "pod.phase", "pod.mode", "pod.probe", "pod.container", "link.up", "link.down",
    "element.", "bgp.established", "bgp.down", "bgp.best_path", "elbv2.zone", "load.changed", "operator.", "fault.",
    "aws.throttled",
)  # fmt: skip
MOST = 200


class Happenings:
    """The last events of a journal, and those that the page itself has brought about."""

    def __init__(self, journal: JournalStore) -> None:
        self._journal = journal
        self._new: deque[dict[str, Any]] = deque(maxlen=MOST)

    def start(self) -> None:
        self._journal.watchers.append(self._record)

    def stop(self) -> None:
        self._journal.watchers.remove(self._record)
        self._new.clear()

    def recent(self) -> list[dict[str, Any]]:
        """What happened before anybody looked."""
        return [_told(each) for each in self._journal.events() if each["kind"].startswith(KINDS)][-MOST:]

    def take(self) -> list[dict[str, Any]]:
        """What is new."""
        new = list(self._new)
        self._new.clear()
        return new

    def add(self, t_ns: int, kind: str, told: str) -> None:
        """Something of the page's own."""
        self._new.append({"at": t_ns / 1e6, "element": "", "kind": kind, "told": told})

    def _record(self, record: Record) -> None:
        if record["journey"] is None and record["kind"].startswith(KINDS):
            self._new.append(_told(record))


def _told(record: Record) -> dict[str, Any]:
    told = tell(record)
    what = f"{told.what} ({told.why})" if told.why else told.what
    return {"at": record["t_ns"] / 1e6, "element": record["element"], "kind": record["kind"], "told": what}
