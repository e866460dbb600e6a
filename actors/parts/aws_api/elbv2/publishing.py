"""What the nodes have been told, in their topics: configuration some time after it was changed, targets after theirs.

How this works. Whenever something has changed, what the nodes must be told is composed at once, and told when
`delays.configuration` is over. Targets have times of their own (see `protocols/elbv2/targets.py`); their items are
composed when they are told. When aws_api starts, everything is told as it is: how far the news had got is not kept.
"""

from collections import deque

from actors.parts.aws_api.plane import Plane
from actors.protocols.elbv2.documents import Documents, Items

Configuration = dict[str, Items]


class Publishing:
    """Puts the nodes' items into their topics."""

    def __init__(self, plane: Plane, documents: Documents) -> None:
        self._plane, self._documents = plane, documents
        self._told: Configuration = {}
        self._latest: Configuration = {}
        self._waiting: deque[Configuration] = deque()

    def start(self) -> None:
        """Tell them all there is."""
        self._told = self._latest = self._documents.of_nodes()
        self.tell_targets()

    def changed(self) -> None:
        """Something may have changed: tell the nodes when its time has come."""
        latest = self._documents.of_nodes()
        if latest == self._latest:
            return
        self._latest = latest
        delay_ns = self._plane.delays.configuration
        if delay_ns == 0 and not self._waiting:
            self._told = latest
            return
        self._waiting.append(latest)
        context = self._plane.context
        context.call_at(context.now_ns() + delay_ns, self._due)

    def at_once(self) -> None:
        """Tell them of a load balancer that has become active, and of all before it."""
        while self._waiting:
            self._due()
        self._told = self._latest = self._documents.of_nodes()

    def _due(self) -> None:
        if self._waiting:  # else it has been told at once, with others
            self._told = self._waiting.popleft()
            self.tell_targets()

    def tell_targets(self) -> None:
        """Put what is to be known by now into the topics."""
        now_ns = self._plane.context.unix_ns()
        by_group: Items = {}
        for node, items in self._told.items():
            missing = {key: None for key in items if f"targets/{key.partition('/')[2]}" not in by_group}
            by_group.update(self._documents.targets(missing, now_ns))
            groups = (key.partition("/")[2] for key in items if key.startswith("target-group/"))
            targets = {f"targets/{group}": by_group[f"targets/{group}"] for group in groups}
            self._plane.topics.topic(f"load-balancer-node/{node}").replace({**items, **targets})
