"""The API server's store against a model of itself, through writes, restarts, and forgetting."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.parts.kubernetes.apiserver import store as store_module
from actors.parts.kubernetes.apiserver.store import Gone, Store
from actors.units import SECOND

Object = dict[str, Any]

NAMES = ("a", "b", "c")
STEPS = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(("Pod", "Node")), st.sampled_from(NAMES), st.integers(0, 9)),
    st.tuples(st.just("delete"), st.sampled_from(("Pod", "Node")), st.sampled_from(NAMES), st.just(0)),
    st.tuples(st.just("reopen"), st.just(""), st.just(""), st.just(0)),
)


class Clock:
    now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def thing(kind: str, name: str, number: int = 0) -> Object:
    namespace = {"namespace": "default"} if kind == "Pod" else {}
    return {"kind": kind, "metadata": {"name": name, **namespace}, "number": number}


def place(kind: str, name: str) -> tuple[str, str, str]:
    return kind, "default" if kind == "Pod" else "", name


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=40))
def test_it_remembers_everything_through_restarts(steps: list[tuple[str, str, str, int]]):
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "kube-api.db"
        store, revision = Store(path, Clock()), 0
        states: list[dict[tuple[str, str, str], Object]] = [{}]
        kinds = [""]
        for what, kind, name, number in steps:
            if what == "reopen":
                store.close()
                store = Store(path, Clock())
                assert store.revision == revision
                continue
            key = place(kind, name)
            state = dict(states[-1])
            if what == "put":
                state[key] = store.put(kind, thing(kind, name, number))
            elif key in state:
                store.delete(kind, state.pop(key))
            else:
                continue
            revision += 1
            assert store.revision == revision
            states.append(state)
            kinds.append(kind)
        for kind in ("Pod", "Node"):
            for then, state in enumerate(states):
                expected = [value for key, value in sorted(state.items()) if key[0] == kind]
                assert store.objects_at(then, kind) == expected
                events = store.events_after(then, kind)
                assert [each.revision for each in events] == [
                    number for number in range(then + 1, revision + 1) if kinds[number] == kind
                ]
            for event in store.events_after(0, kind):
                before, after = states[event.revision - 1], states[event.revision]
                key = place(kind, event.now.object["metadata"]["name"])
                assert (event.before.object if event.before else None) == before.get(key)
                assert (key in after) is (event.type != "DELETED")
                assert event.now.object["metadata"]["resourceVersion"] == str(event.revision)
        store.close()


def test_writes_are_there_for_who_opens_the_file_without_a_goodbye(tmp_path: Path):
    path = tmp_path / "kube-api.db"
    killed = Store(path, Clock())
    killed.put("Pod", thing("Pod", "a"))
    again = Store(path, Clock())  # the first one is not closed, as after kill -9
    assert [value["metadata"]["name"] for value in again.objects("Pod")] == ["a"]
    again.close()
    killed.close()


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path):
    store = Store(tmp_path / "kube-api.db", Clock())
    store.put("Pod", thing("Pod", "a"))
    with pytest.raises(UnicodeEncodeError):
        store.put("Pod", {**thing("Pod", "b"), "half": "\ud800"})
    store.put("Pod", thing("Pod", "c"))
    assert (store.revision, [each["metadata"]["name"] for each in store.objects("Pod")]) == (2, ["a", "c"])
    store.close()
    store = Store(tmp_path / "kube-api.db", Clock())
    assert (store.revision, len(store.events_after(0, "Pod"))) == (2, 2)
    store.close()


@pytest.fixture
def small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "KEEP_AT_LEAST", 10)
    monkeypatch.setattr(store_module, "KEEP_AT_MOST", 100)
    monkeypatch.setattr(store_module, "FORGET_EVERY", 5)


def test_old_events_are_forgotten_and_young_ones_kept(small_window: None, tmp_path: Path):
    clock = Clock()
    store = Store(tmp_path / "kube-api.db", clock)
    for number in range(50):
        store.put("Pod", thing("Pod", "a", number))
    assert len(store.events_after(0, "Pod")) == 50, "they are young"
    clock.now_ns = 301 * SECOND
    for number in range(20):
        store.put("Pod", thing("Pod", "a", number))
    with pytest.raises(Gone) as caught:
        store.events_after(0, "Pod")
    assert (caught.value.revision, caught.value.oldest) == (0, 51)
    assert len(store.events_after(50, "Pod")) == 20
    store.close()
    store = Store(tmp_path / "kube-api.db", clock)
    with pytest.raises(Gone):
        store.events_after(49, "Pod")
    assert len(store.events_after(50, "Pod")) == 20
    assert store.revision == 70
    store.close()


def test_events_that_are_not_at_hand_are_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store_module, "IN_MEMORY", 10)
    monkeypatch.setattr(store_module, "FORGET_EVERY", 5)
    store = Store(None, Clock())
    for number in range(100):
        store.put("Pod" if number % 2 else "Node", thing("Pod" if number % 2 else "Node", "a", number))
    for start in (97, 60, 80, 0):
        events = store.events_after(start, "Pod")
        numbers = [each.now.object["number"] for each in events]
        assert numbers == [number for number in range(100) if number % 2 and number >= start]
        assert [each.before.object["number"] for each in events if each.before] == [
            number - 2 for number in numbers if number > 1
        ]
    store.close()


def test_there_is_a_bound_however_young_they_are(small_window: None):
    store = Store(None, Clock())
    for number in range(1000):
        store.put("Pod", thing("Pod", "a", number))
    assert 95 <= len(store.events_after(900, "Pod")) <= 100
    with pytest.raises(Gone):
        store.events_after(0, "Pod")
    store.close()


def test_facts_are_kept(tmp_path: Path):
    store = Store(tmp_path / "kube-api.db", Clock())
    assert store.database.fact("port") is None
    store.database.note("port", "1")
    store.database.note("port", "2")
    store.close()
    store = Store(tmp_path / "kube-api.db", Clock())
    assert store.database.fact("port") == "2"
    store.close()
