"""The network interfaces of a VPC on disk: one SQLite row each, written before a request is answered.

`synchronous=OFF` is enough against `kill -9`: a committed transaction lies in the kernel's page cache then.
"""

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from actors.protocols.ec2.records import NetworkInterface

_TABLES = """
CREATE TABLE IF NOT EXISTS network_interfaces (id TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class InterfaceStore:
    """The file, or memory alone where there is no directory (`path` None)."""

    def __init__(self, path: Path | None) -> None:
        self._run = sqlite3.connect(path or ":memory:", isolation_level=None).execute
        self._run("PRAGMA journal_mode=WAL")
        self._run("PRAGMA synchronous=OFF")
        for table in _TABLES.strip().splitlines():
            self._run(table)

    def begin(self, origin: str, interfaces: Iterable[NetworkInterface]) -> list[NetworkInterface]:
        """What is kept; another `origin` (the config that all began with) than last time begins anew."""
        known = self._run("SELECT value FROM facts WHERE name = 'origin'").fetchone()
        if known is None or known[0] != origin:
            self._run("BEGIN")
            self._run("DELETE FROM network_interfaces")
            for interface in interfaces:
                self.put(interface)
            self._run("INSERT OR REPLACE INTO facts VALUES ('origin', ?)", (origin,))
            self._run("COMMIT")
        rows = self._run("SELECT value FROM network_interfaces ORDER BY rowid").fetchall()
        return [NetworkInterface.from_json(json.loads(text)) for (text,) in rows]

    def put(self, interface: NetworkInterface) -> None:
        value = json.dumps(interface.to_json())
        self._run(
            "INSERT INTO network_interfaces VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value",
            (interface.id, value),
        )

    def delete(self, eni: str) -> None:
        self._run("DELETE FROM network_interfaces WHERE id = ?", (eni,))
