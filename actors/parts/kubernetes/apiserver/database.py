"""What the API server keeps on disk: every object, the events of the last minutes, and a few facts about itself.

How this works. Each write is one SQLite transaction: the object's row and the event's row. `synchronous=OFF` leaves it
to the kernel when bytes reach the disk. That loses nothing when the process dies, by `kill -9` too, because a committed
transaction lies in the kernel's page cache then; only the machine's own death could lose it, and the emulated world
does not outlive its machine.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

_TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, written_ns INTEGER NOT NULL, object TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
    revision INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, type TEXT NOT NULL, kind TEXT NOT NULL,
    object TEXT NOT NULL, previous TEXT
);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class ObjectRow(NamedTuple):
    kind: str
    written_ns: int
    text: str


class EventRow(NamedTuple):
    revision: int
    at_ns: int
    type: str
    kind: str
    text: str
    previous: str | None


class Database:
    """The file, or memory alone where there is no directory (`path` None)."""

    def __init__(self, path: Path | None) -> None:
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_TABLES)
        self._run = self._connection.execute

    def objects(self) -> Iterator[ObjectRow]:
        return map(ObjectRow._make, self._run("SELECT kind, written_ns, object FROM objects"))

    def window(self) -> tuple[int, int]:
        """The oldest and the newest revision of which there is an event; (1, 0) if there are none."""
        oldest, newest = self._run("SELECT min(revision), max(revision) FROM events").fetchone()
        return (1, 0) if newest is None else (oldest, newest)

    def events(self, after: int, upto: int) -> Iterator[EventRow]:
        """Those after the one revision and up to the other, in order."""
        query = "SELECT * FROM events WHERE revision > ? AND revision <= ? ORDER BY revision"
        return map(EventRow._make, self._run(query, (after, upto)))

    def first_since(self, at_ns: int) -> int:
        """The oldest revision of that time or later; 0 if there is none."""
        query = "SELECT revision FROM events WHERE at_ns >= ? ORDER BY revision LIMIT 1"
        row = self._run(query, (at_ns,)).fetchone()
        return 0 if row is None else int(row[0])

    def put(self, key: str, event: EventRow) -> None:
        """The object is now as the event says; both are kept, or neither."""
        statement = "REPLACE INTO objects VALUES (?, ?, ?, ?)"
        self._write(statement, (key, event.kind, event.at_ns, event.text), event)

    def delete(self, key: str, event: EventRow) -> None:
        """The object is gone; that and the event are kept, or neither."""
        self._write("DELETE FROM objects WHERE key = ?", (key,), event)

    def _write(self, statement: str, values: tuple[Any, ...], event: EventRow) -> None:
        self._run("BEGIN")
        try:
            self._run(statement, values)
            self._run("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", event)
            self._run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._run("ROLLBACK")
            raise

    def forget(self, revision: int) -> None:
        """Drop the events up to this one."""
        self._run("DELETE FROM events WHERE revision <= ?", (revision,))

    def fact(self, name: str) -> str | None:
        row = self._run("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def note(self, name: str, value: str) -> None:
        self._run("REPLACE INTO facts VALUES (?, ?)", (name, value))

    def close(self) -> None:
        self._connection.close()
