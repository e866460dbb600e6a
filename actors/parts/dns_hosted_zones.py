"""The zones that a name server takes from aws_api: Route 53's hosted zones, and load balancers' names.

How this works. It follows the topic `zones`, and writes down what it was told last: when it starts while aws_api is
away it goes on with that, as Route 53's name servers answer whatever becomes of the API.
"""

import json
from typing import Any

from actors.element import Context
from actors.parts.aws.client import follow
from actors.protocols.dns.authoritative import Authoritative
from actors.protocols.dns.record_sets import zones_of
from actors.wire import dns

TOPIC = "zones"


class HostedZones:
    """Keeps the engine's zones as aws_api has them; those that it has besides stay as they are."""

    def __init__(self, context: Context, aws_api: str, engine: Authoritative) -> None:
        self._context = context
        self._aws_api = aws_api
        self._engine = engine
        self._own = dict(engine.zones)
        self._file = context.directory / f"{context.name}.zones.json"

    def start(self) -> None:
        if self._file.exists():
            self._serve(json.loads(self._file.read_text()))
        self._context.spawn(
            follow(self._context, self._aws_api, TOPIC, self._changed), f"zones of {self._aws_api}"
        )

    def _changed(self, items: dict[str, Any], keys: set[str]) -> None:
        self._serve(items)
        self._context.event("dns.zones", changed=sorted(keys), zones=len(self._engine.zones))
        if self._context.directory.is_dir():
            new = self._file.with_suffix(".new")
            new.write_text(json.dumps(items))
            new.replace(self._file)

    def _serve(self, items: dict[str, Any]) -> None:
        """Serve these zones, and those that cannot be read as they were before."""
        zones, wrong = zones_of(items)
        served = {zone.origin: zone for zone in zones}
        for name, error in wrong.items():
            self._context.event("dns.bad_zone", error=error)
            origin = dns.name(name)
            if (before := self._engine.zones.get(origin)) is not None:
                served[origin] = before
        self._engine.zones = {**served, **self._own}
