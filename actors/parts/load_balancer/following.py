"""Carries out what AWS's control plane says of this node: its interface, its listeners, its target groups.

How this works. `changed` gets the topic's items and the keys that changed. Each document is read first; one that cannot
be carried out is counted and told, and what was there before it goes on. Then the node moves to what is wanted: what
is gone goes first, listeners before the groups that their rules name; what is new or different comes in the other
order. Without a `load-balancer` item the node is idle: it listens on nothing and checks nobody.
"""

from collections.abc import Collection
from typing import Any

from actors.parts.load_balancer import documents
from actors.parts.load_balancer.listener import Listener
from actors.parts.load_balancer.node import Node
from actors.parts.load_balancer.target_group import RunningGroup
from actors.parts.load_balancer.tls_policies import for_targets
from actors.stack import Stack
from actors.wire.addresses import mac_for

INTERFACE = "eth0"


class Orders:
    """What the node has been told, and what it has made of it."""

    def __init__(self, node: Node, stack: Stack) -> None:
        self.listeners: dict[str, Listener] = {}
        self.groups: dict[str, RunningGroup] = {}
        self._node, self._stack = node, stack
        self._known: dict[str, Any] = {}
        self._ending: list[Listener] = []
        """Listeners that are gone, with connections whose last answer is under way."""
        self._interface: documents.Interface | None = None

    def changed(self, items: dict[str, Any], keys: Collection[str]) -> None:
        """These keys are not what they were."""
        read = [key for key in sorted(keys) if self._read(key, items.get(key))]
        known = self._known
        balancer = known.get("load-balancer")
        wanted = known if balancer is not None else {"interface": known.get("interface")}
        self._remove(wanted)
        self._set_interface(wanted.get("interface"))
        if balancer is not self._node.serves:
            self._node.serve(balancer)
        policies = [each.ssl_policy for each in self._wanted(wanted, "listener").values() if each.ssl_policy]
        self._node.target_policy = for_targets(policies)
        self._set_groups(wanted)
        self._set_listeners(wanted)
        if read:
            self._node.context.event("alb.configured", changed=read)

    def _read(self, key: str, value: Any) -> bool:
        if value is None:
            return self._known.pop(key, None) is not None
        try:
            self._known[key] = documents.parse(key, value)
        except (ValueError, TypeError, KeyError) as error:
            self._refuse(key, error)
            return False
        return True

    def _refuse(self, key: str, error: Exception) -> None:
        kind = key.partition("/")[0]
        self._node.context.metrics.counter("journey_alb_refused_documents_total", kind=kind).value += 1
        why = "; ".join(line.strip() for line in str(error).splitlines())
        self._node.context.event("alb.document_refused", key=key, why=why)

    # ---- what is gone ------------------------------------------------------------------------------------

    def _wanted(self, wanted: dict[str, Any], kind: str) -> dict[str, Any]:
        """The documents of a kind, by ARN."""
        prefix = f"{kind}/"
        return {key.removeprefix(prefix): each for key, each in wanted.items() if key.startswith(prefix)}

    def _remove(self, wanted: dict[str, Any]) -> None:
        for arn in [arn for arn in self.listeners if f"listener/{arn}" not in wanted]:
            listener = self.listeners.pop(arn)
            listener.close()
            self._ending.append(listener)
        self._ending = [listener for listener in self._ending if listener.connections]
        for arn in [arn for arn in self.groups if f"target-group/{arn}" not in wanted]:
            self.groups.pop(arn).close()

    # ---- what is there -----------------------------------------------------------------------------------

    def _set_interface(self, wanted: documents.Interface | None) -> None:
        before, self._interface = self._interface, wanted
        same = wanted == before or (
            before is not None
            and wanted is not None
            and (before.eni, before.address, before.gateway) == (wanted.eni, wanted.address, wanted.gateway)
        )
        if same:
            return
        if before is not None:
            for listener in (*self.listeners.values(), *self._ending):
                listener.cut()
            for group in self.groups.values():
                group.cut()
            self._stack.remove_interface(INTERFACE)
        if wanted is not None:
            self._stack.add_interface(INTERFACE, wanted.address, mac=mac_for(wanted.eni))
            self._stack.add_route("default", INTERFACE, wanted.gateway)

    def _set_groups(self, wanted: dict[str, Any]) -> None:
        targets = self._wanted(wanted, "targets")
        for arn, document in self._wanted(wanted, "target-group").items():
            group = self.groups.get(arn)
            if group is None:
                group = self.groups[arn] = RunningGroup(self._node, document)
            elif group.document is not document:
                group.apply(document)
            group.set_targets(targets.get(arn, ()))

    def _set_listeners(self, wanted: dict[str, Any]) -> None:
        for arn, document in self._wanted(wanted, "listener").items():
            listener = self.listeners.get(arn)
            try:
                if listener is None:
                    self.listeners[arn] = Listener(self._node, self.groups, document)
                elif listener.document is not document:
                    listener.apply(document)
                else:
                    listener.refresh()
            except OSError as error:  # a certificate that is not there, or no certificate
                self._refuse(f"listener/{arn}", error)
