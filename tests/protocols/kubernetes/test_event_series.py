"""Events: counted when told again, told together when alike, left out when too many."""

from typing import Any

from actors.protocols.kubernetes.event_series import EventSeries

Object = dict[str, Any]

EPOCH_NS = 1_767_225_600 * 10**9
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web-1", "namespace": "default", "uid": "u1", "resourceVersion": "9"},
}


def tell(series: EventSeries, message: str, after_s: float = 0, value: Object = POD) -> Object | None:
    return series.tell(value, "Normal", "Did", message, EPOCH_NS + round(after_s * 10**9))


def test_an_event_names_who_says_what_of_whom():
    told = tell(EventSeries("kubelet", "node-1"), "it runs")
    assert told == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"web-1.{EPOCH_NS:x}", "namespace": "default"},
        "involvedObject": {
            "kind": "Pod",
            "namespace": "default",
            "name": "web-1",
            "uid": "u1",
            "apiVersion": "v1",
            "resourceVersion": "9",
        },
        "reason": "Did",
        "message": "it runs",
        "source": {"component": "kubelet", "host": "node-1"},
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
        "count": 1,
        "type": "Normal",
        "eventTime": None,
        "reportingComponent": "kubelet",
        "reportingInstance": "node-1",
    }


def test_the_same_again_counts_up():
    series = EventSeries("kubelet")
    first, second = tell(series, "it fails"), tell(series, "it fails", 7)
    assert first is not None and second is not None
    assert (second["count"], second["metadata"]) == (2, first["metadata"])
    assert (second["firstTimestamp"], second["lastTimestamp"]) == (
        first["firstTimestamp"],
        "2026-01-01T00:00:07Z",
    )


def test_two_events_at_once_have_two_names():
    series = EventSeries("kubelet")
    first, second = tell(series, "a"), tell(series, "b")
    assert first is not None and second is not None
    assert first["metadata"]["name"] != second["metadata"]["name"]


def test_from_the_tenth_on_they_are_told_together():
    series = EventSeries("kubelet")
    told = [tell(series, f"pod {number}") for number in range(12)]
    messages = [each["message"] for each in told if each is not None]
    assert messages[8:] == [
        "pod 8",
        *(f"(combined from similar events): pod {number}" for number in (9, 10, 11)),
    ]
    assert [each["count"] for each in told[8:] if each is not None] == [1, 1, 2, 3]


def test_who_tells_too_much_is_not_listened_to():
    series = EventSeries("kubelet")
    told = [tell(series, "again") for _ in range(30)]
    assert [each is not None for each in told] == [True] * 25 + [False] * 5
    assert tell(series, "again", 301) is not None
    assert tell(series, "again", 302) is None
    other = {**POD, "metadata": {**POD["metadata"], "name": "web-2", "uid": "u2"}}
    assert tell(series, "again", 302, other) is not None


def test_a_reference_is_as_good_as_the_object():
    reference = {"kind": "Node", "name": "node-1", "uid": "node-1"}
    told = tell(EventSeries("kubelet"), "Starting kubelet.", value=reference)
    assert told is not None
    assert (told["involvedObject"], told["metadata"]["namespace"]) == (reference, "default")
