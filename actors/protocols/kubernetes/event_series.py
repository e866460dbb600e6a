"""How many Events become few: what is told again is counted, what is told too often is left out.

The rules are those of k8s.io/client-go: tools/record/events_cache.go. The same message again only counts up; from the
tenth different one of a kind within ten minutes on they are told together; and an object of which one component tells
more than 25 events gets only one more every five minutes.
"""

from collections import OrderedDict
from typing import Any

from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.timestamps import rfc3339
from actors.units import SECOND

Object = dict[str, Any]

SIMILAR = 10
SIMILAR_S = 600
COMBINED = "(combined from similar events): "
BURST = 25
REFILL_S = 300
CACHE = 4096


class _Similar:
    def __init__(self, now_s: float) -> None:
        self.messages: dict[str, None] = {}
        self.last_s = now_s


class EventSeries:
    """What one component has told about whom."""

    def __init__(self, component: str, host: str = "") -> None:
        self.source = {"component": component, **({"host": host} if host else {})}
        self._known: OrderedDict[tuple[str, ...], Object] = OrderedDict()
        self._similar: OrderedDict[tuple[str, ...], _Similar] = OrderedDict()
        self._allowance: OrderedDict[tuple[str, ...], tuple[float, float]] = OrderedDict()
        self._last_ns = 0

    def tell(self, value: Object, type: str, reason: str, message: str, unix_ns: int) -> Object | None:
        """The Event to write: a new one, or a known one with a higher count (`count` above 1). None: say nothing."""
        involved = reference_of(value)
        now_s = unix_ns / SECOND
        about = tuple(involved.get(name, "") for name in ("kind", "namespace", "name", "uid", "apiVersion"))
        message, key = self._combined((*about, involved.get("fieldPath", ""), type, reason), message, now_s)
        if not self._may(about, now_s):
            return None
        known = self._known.get(key)
        if known is not None:
            told = {
                **known,
                "message": message,
                "count": known["count"] + 1,
                "lastTimestamp": rfc3339(now_s),
            }
        else:
            told = self._new(involved, type, reason, message, unix_ns)
        _keep(self._known, key, told)
        return told

    def _new(self, involved: Object, type: str, reason: str, message: str, unix_ns: int) -> Object:
        self._last_ns = max(unix_ns, self._last_ns + 1)  # no two have the same name
        now = rfc3339(unix_ns / SECOND)
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{involved['name']}.{self._last_ns:x}",
                "namespace": involved.get("namespace") or "default",
            },
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "source": self.source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": type,
            "eventTime": None,
            "reportingComponent": self.source["component"],
            "reportingInstance": self.source.get("host", ""),
        }

    def _combined(self, key: tuple[str, ...], message: str, now_s: float) -> tuple[str, tuple[str, ...]]:
        similar = self._similar.get(key)
        if similar is None or now_s - similar.last_s > SIMILAR_S:
            similar = _Similar(now_s)
        similar.last_s = now_s
        _keep(self._similar, key, similar)
        similar.messages[message] = None
        if len(similar.messages) < SIMILAR:
            return message, (*key, message)
        del similar.messages[next(iter(similar.messages))]
        return COMBINED + message, key

    def _may(self, about: tuple[str, ...], now_s: float) -> bool:
        left, then_s = self._allowance.get(about, (float(BURST), now_s))
        left = min(float(BURST), left + (now_s - then_s) / REFILL_S)
        may = left >= 1
        _keep(self._allowance, about, (left - 1 if may else left, now_s))
        return may


def reference_of(value: Object) -> Object:
    """An `involvedObject` for an object of the API; a reference stays as it is."""
    metadata = value.get("metadata")
    if metadata is None:
        return value
    kind = value["kind"]
    found = {
        "kind": kind,
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "apiVersion": value.get("apiVersion") or BY_KIND[kind].group_version,
        "resourceVersion": metadata.get("resourceVersion", ""),
    }
    return {name: text for name, text in found.items() if text}


def _keep(cache: OrderedDict[tuple[str, ...], Any], key: tuple[str, ...], value: Any) -> None:
    """The most recent so many are remembered."""
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > CACHE:
        cache.popitem(last=False)
