"""The hosted zones that Route 53 keeps, and what the name servers know of them.

How this works. A change is in the list of records at once, and at the name servers after the delay: until then it is
PENDING. So there are two copies of a zone's record sets: what the customer has asked for, and what is served; a change
is made to the second when its time has come, whatever has happened to aws_api meanwhile.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any

from actors.parts.aws_api.names import NS_TTL_S, SOA_TTL_S
from actors.parts.aws_api.plane import Plane, timestamp
from actors.protocols.aws.record_sets import AliasTargets, RecordSet, change, in_order
from actors.protocols.dns.record_sets import record_sets_of
from actors.protocols.dns.zone import read_zone
from actors.wire import dns

Item = dict[str, Any]


class HostedZones:
    """The tables of hosted zones, of their record sets, and of the changes to these."""

    def __init__(self, plane: Plane, name_servers: tuple[str, ...], load_balancers: str) -> None:
        """`load_balancers` is the id of the hosted zone of this region's load balancers."""
        self._plane = plane
        self.name_servers = [name.rstrip(".") for name in name_servers]
        self._load_balancers = load_balancers
        self.zones = plane.store.table("route53/zones")
        self.record_sets = plane.store.table("route53/record-sets")
        self.changes = plane.store.table("route53/changes")
        self._served = plane.store.table("route53/served")
        self._origins = plane.store.table("route53/origins")
        self._topic = plane.topics.topic("zones")

    def start(self, files: tuple[str, ...]) -> None:
        """Adopt the zones of files that have never been seen, tell the name servers, go on with pending changes."""
        for file in files:
            zone = read_zone(Path(file))
            name = f"{dns.text(zone.origin)}."
            if self._origins.get(name) is None:
                self._origins.put(name, Path(file).name)
                self.add(name, f"zone file {Path(file).name}", {}, in_order(record_sets_of(zone)))
        for key in self.zones:
            self._tell(key)
        for key, pending in self.changes.items():
            if not pending["done"]:
                self._arm(key, pending)

    # ---- zones ----------------------------------------------------------------------------------------------

    def add(self, name: str, caller_reference: str, config: Item, record_sets: list[RecordSet]) -> Item:
        """A new hosted zone, which is served at once."""
        key = self.new_id("Z", name)
        zone = {
            "Id": f"/hostedzone/{key}",
            "Name": name,
            "CallerReference": caller_reference,
            "Config": {"PrivateZone": False, **config},
        }
        self.zones.put(key, zone)
        self.record_sets.put(key, record_sets)
        self._served.put(key, record_sets)
        self._tell(key)
        return zone

    def remove(self, key: str) -> None:
        name = self.zones.get(key)["Name"]
        for table in (self.zones, self.record_sets, self._served):
            table.delete(key)
        self._topic.delete(name)

    def new_id(self, prefix: str, name: str) -> str:
        """An id that nothing has had, the same in every run."""
        counters = self._plane.store.table("route53/counters")
        number = int(counters.get(prefix) or 0)
        counters.put(prefix, number + 1)
        digest = hashlib.sha256(f"{self._plane.account}/{prefix}/{name}/{number}".encode()).digest()
        return prefix + base64.b32encode(digest).decode()[:20]

    def apex(self, name: str) -> list[RecordSet]:
        """What a new zone has: its name servers, and its start of authority."""
        first = self.name_servers[0]
        soa = f"{first}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"
        servers = [{"Value": f"{server}."} for server in self.name_servers]
        return [
            {"Name": name, "Type": "NS", "TTL": NS_TTL_S, "ResourceRecords": servers},
            {"Name": name, "Type": "SOA", "TTL": SOA_TTL_S, "ResourceRecords": [{"Value": soa}]},
        ]

    # ---- changes --------------------------------------------------------------------------------------------

    def change(self, key: str, changes: list[Item], comment: str | None) -> Item:
        """Make the changes of a batch. Raises `AwsError`."""
        name = self.zones.get(key)["Name"]
        self.record_sets.put(key, change(name, self.record_sets.get(key), changes, self._targets(key)))
        return self.note(key, changes, comment)

    def note(self, zone: str, changes: list[Item], comment: str | None = None) -> Item:
        """Write a change down, which reaches the name servers in a while."""
        now_ns = self._plane.context.unix_ns()
        key = self.new_id("C", zone)
        pending = {
            "Zone": zone,
            "Changes": changes,
            "SubmittedAt": timestamp(now_ns),
            "due_ns": now_ns + self._plane.delays.record_change,
            "done": not changes,
            **({"Comment": comment} if comment else {}),
        }
        self.changes.put(key, pending)
        if changes:
            self._arm(key, pending)
        return self.change_info(key, pending)

    def change_info(self, key: str, pending: Item) -> Item:
        in_sync = self._plane.context.unix_ns() >= pending["due_ns"]
        info = {"Id": f"/change/{key}", "Status": "INSYNC" if in_sync else "PENDING"}
        return info | {name: pending[name] for name in ("SubmittedAt", "Comment") if name in pending}

    def _targets(self, key: str) -> AliasTargets:
        return AliasTargets(self._load_balancers, key)

    def _arm(self, key: str, pending: Item) -> None:
        context = self._plane.context
        wait_ns = max(0, pending["due_ns"] - context.unix_ns())
        context.call_at(context.now_ns() + wait_ns, self._arrive, key)

    def _arrive(self, key: str) -> None:
        """A change has reached the name servers."""
        pending = self.changes.get(key)
        zone = pending["Zone"]
        with self._plane.store.transaction():
            self.changes.put(key, {**pending, "Changes": [], "done": True})
            if zone in self.zones:
                name = self.zones.get(zone)["Name"]
                served = change(name, self._served.get(zone), pending["Changes"], self._targets(zone))
                self._served.put(zone, served)
        if zone in self.zones:
            self._tell(zone)

    def _tell(self, key: str) -> None:
        self._topic.put(self.zones.get(key)["Name"], {"record_sets": self._served.get(key)})
