"""Which pod has which address: ipamd's data store and its state file, which is written before anybody is told.

How this works. An address is given away in memory, the file is written beside the old one and renamed over it, and
only then does ADD go on. A process that is killed between has either given nothing away, or knows about it again.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from actors.element import Context
from actors.protocols.ipam import state_file
from actors.protocols.ipam.datastore import Assigned, DataStore, Holder, Key
from actors.protocols.ipam.settings import RECONCILE_COOLDOWN_NS
from actors.protocols.ipam.state_file import Allocation, Checkpoint, StateFileError


class Allocations:
    """Assigns and releases the addresses of a data store."""

    def __init__(self, context: Context, store: DataStore) -> None:
        self._context, self.store = context, store
        self._since_ns: dict[Key, int] = {}
        self._leaving: dict[str, int] = {}
        directory = context.directory
        self._path: Path | None = directory / f"{context.name}.ipam.json" if directory.is_dir() else None

    def assign(self, holder: Holder) -> Assigned | None:
        """An address for an attachment; None at once when there is none. Raises OSError: it has none then."""
        now_ns = self._context.now_ns()
        if (known := self.store.assigned(holder.key)) is not None:
            return known
        assigned = self.store.assign(holder, now_ns)
        if assigned is None:
            return None
        self._since_ns[holder.key] = self._context.unix_ns()
        try:
            self._write()
        except OSError:
            self.store.release(holder.key, now_ns)
            raise
        self._tell("ipam.assign", holder, assigned)
        return assigned

    def release(self, holder: Holder, reason: str) -> Assigned | None:
        """The attachment is gone: its address cools down. Raises OSError: the file still has it then."""
        released = self.store.release(holder.key, self._context.now_ns())
        if released is not None:
            self.forget({holder: released}, reason)
        return released

    def forget(self, lost: dict[Holder, Assigned], reason: str) -> None:
        """These no longer have what they had. Raises OSError."""
        for holder, assigned in lost.items():
            self._since_ns.pop(holder.key, None)
            self._tell("ipam.release", holder, assigned, reason=reason)
        if lost:
            self._write()

    def leave(self, what: Iterable[str]) -> None:
        """EC2 is about to be asked to take these addresses, prefixes or ENIs away. Raises OSError."""
        now_ns = self._context.unix_ns()
        self._leaving = {each: since for each, since in self._leaving.items() if self.is_leaving(each)}
        self._leaving.update(dict.fromkeys(what, now_ns))
        self._write()

    def is_leaving(self, what: str) -> bool:
        """Whether it is not to be taken in again although EC2 still shows it."""
        since_ns = self._leaving.get(what)
        return since_ns is not None and self._context.unix_ns() - since_ns <= RECONCILE_COOLDOWN_NS

    def load(self) -> list[Allocation]:
        """Read the file: what is leaving is known from now on; who had what is for `restore`, once the ENIs are."""
        checkpoint = self._read()
        self._leaving = checkpoint.leaving
        return checkpoint.allocations

    def restore(self, allocations: list[Allocation]) -> None:
        """What the file said, of what is still there; the rest is told and forgotten."""
        for each in allocations:
            assigned = self.store.restore(each.holder, each.address)
            if assigned is None:
                self._context.event(
                    "ipam.release", pod=each.holder.pod, sandbox=each.holder.key.container_id,
                    address=each.address, reason="AddressGone",
                )  # fmt: skip
                continue
            self._since_ns[each.holder.key] = each.since_ns
            self._tell("ipam.assign", each.holder, assigned, restored=True)

    def adopt(self, holder: Holder, address: str) -> Assigned | None:
        """An attachment that is in the kernel, but not in the file."""
        assigned = self.store.restore(holder, address)
        if assigned is not None:
            self._since_ns[holder.key] = self._context.unix_ns()
            self._write()
            self._tell("ipam.assign", holder, assigned, restored=True)
        return assigned

    def holder(self, key: Key, netns: str = "") -> Holder | None:
        """Who has an address by this key, or, adopted without knowing it, by its namespace."""
        for holder, _ in self.store.holders():
            if holder.key == key or (netns and holder.netns == netns and not holder.key.container_id):
                return holder
        return None

    def _tell(self, kind: str, holder: Holder, assigned: Assigned, **more: Any) -> None:
        self._context.event(
            kind,
            pod=holder.pod,
            sandbox=holder.key.container_id,
            address=assigned.address,
            eni=assigned.eni,
            **more,
        )

    def _read(self) -> Checkpoint:
        if self._path is not None and self._path.exists():
            try:
                return state_file.decode(self._path.read_text())
            except (StateFileError, OSError, UnicodeDecodeError) as error:
                self._context.event("ipam.state_file", error=str(error))
        return Checkpoint([], {})

    def _write(self) -> None:
        if self._path is None:
            return
        allocations = [
            state_file.allocation(holder, assigned, self._since_ns[holder.key])
            for holder, assigned in self.store.holders()
        ]
        beside = self._path.with_suffix(".new")
        beside.write_text(state_file.encode(allocations, self._leaving))
        os.replace(beside, self._path)
