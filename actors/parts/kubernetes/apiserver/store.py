"""Every object of the cluster, and what has happened to them of late: etcd and the watch cache in one.

How this works. Objects are plain dictionaries that nobody changes once they are stored: a write puts another one in
their place. So lists, watch events and answers share them without copying. Every write takes the next revision, which
becomes the object's `resourceVersion`, and leaves an event; events are kept for some minutes, so that watches can go
on from where they were, through a restart of the server too, and so that a list can be told as it was a moment ago.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from actors.parts.kubernetes.apiserver.database import Database, EventRow
from actors.units import SECOND

Object = dict[str, Any]

KEEP_NS = 300 * SECOND
"""How long events are kept: etcd's compaction interval (kube-apiserver --etcd-compaction-interval)."""
KEEP_AT_LEAST = 1_000
KEEP_AT_MOST = 30_000
"""However young they are."""
IN_MEMORY = 2_000
"""So many are at hand; who asks for older ones has them read."""
FORGET_EVERY = 500
"""Writes between two looks at what can be forgotten."""

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Stored:
    """One version of an object. `text` is the same as JSON, as long as it is the latest: old ones are told seldom."""

    __slots__ = ("object", "text", "written_ns")

    def __init__(self, value: Object, text: str | None, written_ns: int) -> None:
        self.object, self.text, self.written_ns = value, text, written_ns

    def outlived(self) -> str:
        """Another version takes its place: gives its text away."""
        text, self.text = self.text, None
        return encode(self.object) if text is None else text


class Event(NamedTuple):
    """ADDED, MODIFIED or DELETED; a deleted object is as it was last, with the revision of its deletion."""

    revision: int
    type: str
    kind: str
    now: Stored
    before: Stored | None


class Gone(Exception):
    """What was asked for is older than the oldest event: `revision` was asked, `oldest` is what there is."""

    def __init__(self, revision: int, oldest: int) -> None:
        super().__init__(revision, oldest)
        self.revision, self.oldest = revision, oldest


class Store:
    """The objects by kind, namespace and name ("" is the namespace of what has none)."""

    def __init__(self, path: Path | None, now_ns: Callable[[], int]) -> None:
        """`now_ns` tells the time as nanoseconds since 1970."""
        self.database = Database(path)
        self.revision = 0
        self.listeners: list[Callable[[Event], None]] = []
        self._now_ns = now_ns
        self._kinds: dict[str, dict[str, dict[str, Stored]]] = {}
        self._logs: dict[str, list[Event]] = {}
        self._load()

    def _load(self) -> None:
        for kind, written_ns, text in self.database.objects():
            value = json.loads(text)
            namespace, name = place_of(value)
            self._of(kind, namespace)[name] = Stored(value, text, written_ns)
        oldest, self.revision = self.database.window()
        self._forgotten = oldest - 1
        self._on_disk = self.revision
        """Events up to this one are not in the logs; who asks for them has them read."""

    def close(self) -> None:
        self.database.close()

    # ---- reading --------------------------------------------------------------------------------------------

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        stored = self.stored(kind, namespace, name)
        return None if stored is None else stored.object

    def stored(self, kind: str, namespace: str, name: str) -> Stored | None:
        return self._kinds.get(kind, {}).get(namespace, {}).get(name)

    def objects(self, kind: str, namespace: str | None = None) -> list[Object]:
        """The objects of a kind, of one namespace or of all, in the order of their keys."""
        return [stored.object for stored in self.versions(kind, namespace)]

    def versions(self, kind: str, namespace: str | None = None) -> Iterator[Stored]:
        spaces = self._kinds.get(kind, {})
        for space in sorted(spaces) if namespace is None else [namespace]:
            objects = spaces.get(space, {})
            for name in sorted(objects):
                yield objects[name]

    def objects_at(self, revision: int, kind: str, namespace: str | None = None) -> list[Object]:
        """The same as it was right after that revision. Raises `Gone`."""
        if revision == self.revision:
            return self.objects(kind, namespace)
        then: dict[tuple[str, str], Object] = {
            place_of(value): value for value in self.objects(kind, namespace)
        }
        for event in reversed(self.events_after(revision, kind)):
            place = place_of(event.now.object)
            if namespace is not None and place[0] != namespace:
                continue
            if event.before is None:
                del then[place]
            else:
                then[place] = event.before.object
        return [then[place] for place in sorted(then)]

    def counts(self) -> dict[str, int]:
        """How many objects there are, by kind."""
        return {kind: count for kind in sorted(self._kinds) if (count := self.count(kind))}

    def count(self, kind: str) -> int:
        return sum(map(len, self._kinds.get(kind, {}).values()))

    def events_after(self, revision: int, kind: str) -> list[Event]:
        """What has happened to objects of a kind after that revision. Raises `Gone`."""
        if revision < self._forgotten:
            raise Gone(revision, self._forgotten + 1)
        if revision < self._on_disk:
            self._read_from_disk(revision)
        log = self._logs.get(kind, [])
        return log[bisect_right(log, revision, key=_revision) :] if log else []

    def _read_from_disk(self, revision: int) -> None:
        """Take up events of before this process, from the one after that revision."""
        read: dict[str, list[Event]] = {}
        last: dict[tuple[str, str, str], Stored] = {}
        for row in self.database.events(revision, self._on_disk):
            value = json.loads(row.text)
            key = (row.kind, *place_of(value))
            before = last.get(key)
            if before is None and row.previous is not None:
                before = Stored(json.loads(row.previous), None, 0)
            now = last[key] = Stored(value, None, row.at_ns)
            if row.type == "DELETED":
                del last[key]
            read.setdefault(row.kind, []).append(Event(row.revision, row.type, row.kind, now, before))
        for kind, events in read.items():
            self._logs[kind] = events + self._logs.get(kind, [])
        self._on_disk = revision

    # ---- writing --------------------------------------------------------------------------------------------

    def put(self, kind: str, value: Object) -> Object:
        """Store an object, as new or in the place of the one of this name; returns it with its new version."""
        namespace, name = place_of(value)
        objects = self._of(kind, namespace)
        before = objects.get(name)
        now, text, at_ns = self._next(value)
        type_ = "ADDED" if before is None else "MODIFIED"
        previous = None if before is None else before.outlived()
        row = EventRow(self.revision + 1, at_ns, type_, kind, text, previous)
        self.database.put(f"{kind}/{namespace}/{name}", row)
        objects[name] = now
        self._publish(Event(row.revision, type_, kind, now, before), at_ns)
        return now.object

    def delete(self, kind: str, value: Object) -> Object:
        """Remove the object; `value` is its last state, and what watchers are shown."""
        namespace, name = place_of(value)
        objects = self._of(kind, namespace)
        before = objects[name]
        now, text, at_ns = self._next(value)
        row = EventRow(self.revision + 1, at_ns, "DELETED", kind, text, before.outlived())
        self.database.delete(f"{kind}/{namespace}/{name}", row)
        del objects[name]
        self._publish(Event(row.revision, "DELETED", kind, now, before), at_ns)
        return now.object

    def _next(self, value: Object) -> tuple[Stored, str, int]:
        versioned, at_ns = at_version(value, self.revision + 1), self._now_ns()
        text = encode(versioned)
        return Stored(versioned, text, at_ns), text, at_ns

    def _publish(self, event: Event, at_ns: int) -> None:
        self.revision = event.revision
        self._logs.setdefault(event.kind, []).append(event)
        if event.revision % FORGET_EVERY == 0:
            self._forget(at_ns)
        for listener in self.listeners:
            listener(event)

    def _of(self, kind: str, namespace: str) -> dict[str, Stored]:
        return self._kinds.setdefault(kind, {}).setdefault(namespace, {})

    def _forget(self, now_ns: int) -> None:
        """Drop old events; each has a revision of its own, so that differences tell how many there are."""
        young = self.database.first_since(now_ns - KEEP_NS)
        last = max(min(young - 1, self.revision - KEEP_AT_LEAST), self.revision - KEEP_AT_MOST)
        if last > self._forgotten:
            self._forgotten = last
            self.database.forget(last)
        self._on_disk = max(self._on_disk, last, self.revision - IN_MEMORY)
        for log in self._logs.values():
            del log[: bisect_right(log, self._on_disk, key=_revision)]


def place_of(value: Object) -> tuple[str, str]:
    """The namespace ("" where there is none) and the name."""
    metadata = value["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def at_version(value: Object, revision: int) -> Object:
    """The object with another `resourceVersion`; the given one is left as it is."""
    return {**value, "metadata": {**value["metadata"], "resourceVersion": str(revision)}}


def _revision(event: Event) -> int:
    return event.revision
