"""What aws_api keeps on disk: tables of JSON values by key.

How this works. Everything is in memory as text, and in one SQLite table. A request that changes something is one
transaction, committed before it is answered; one that is refused leaves nothing behind. `synchronous=OFF` leaves it to
the kernel when bytes reach the disk: a committed transaction survives the death of this process, by `kill -9` too.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS items (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    UNIQUE (name, key)
);
"""
_PUT = (
    "INSERT INTO items (name, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
)
_DELETE = "DELETE FROM items WHERE name = ? AND key = ?"

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Table:
    """JSON values by key, in the order in which their keys came. What it hands out are copies: `put` them back."""

    def __init__(self, name: str, store: "Store") -> None:
        self.name = name
        self.texts: dict[str, str] = {}
        self._store = store

    def get(self, key: str) -> Any:
        """The value, or None."""
        text = self.texts.get(key)
        return None if text is None else json.loads(text)

    def put(self, key: str, value: Any) -> None:
        text = _encode(value)
        before = self.texts.get(key)
        if text != before:
            self._store.write(_PUT, (self.name, key, text))
            self._store.remember(self)
            self.texts[key] = text

    def delete(self, key: str) -> None:
        """Nothing happens if there is no such key."""
        if key in self.texts:
            self._store.write(_DELETE, (self.name, key))
            self._store.remember(self)
            del self.texts[key]

    def items(self) -> list[tuple[str, Any]]:
        return [(key, json.loads(text)) for key, text in self.texts.items()]

    def keys(self) -> list[str]:
        return list(self.texts)

    def values(self) -> list[Any]:
        return [json.loads(text) for text in self.texts.values()]

    def __contains__(self, key: str) -> bool:
        return key in self.texts

    def __iter__(self) -> Iterator[str]:
        return iter(list(self.texts))

    def __len__(self) -> int:
        return len(self.texts)


class Store:
    """All tables: of a file, or of memory alone where there is none (`path` None)."""

    def __init__(self, path: Path | None) -> None:
        self._connection = sqlite3.connect(path or ":memory:", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_TABLES)
        self._tables: dict[str, Table] = {}
        self._before: dict[str, dict[str, str]] | None = None
        for name, key, text in self._connection.execute("SELECT name, key, value FROM items ORDER BY number"):
            self.table(name).texts[key] = text

    def table(self, name: str) -> Table:
        """The table of that name (`elbv2/target-groups`), which needs no making."""
        return self._tables.setdefault(name, Table(name, self))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written within is kept all together, or not at all if it raises. Nothing may be awaited within."""
        if self._before is not None:
            yield
            return
        self._before = {}
        self.write("BEGIN")
        try:
            yield
            self.write("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self.write("ROLLBACK")
            for name, texts in self._before.items():
                self._tables[name].texts = texts
            raise
        finally:
            self._before = None

    def write(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        self._connection.execute(statement, values)

    def remember(self, table: Table) -> None:
        """Keep what is in a table before a transaction changes it."""
        if self._before is not None and table.name not in self._before:
            self._before[table.name] = dict(table.texts)

    def counts(self) -> dict[str, int]:
        return {name: len(table) for name, table in sorted(self._tables.items()) if len(table)}

    def close(self) -> None:
        self._connection.close()
