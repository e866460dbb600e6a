import json

from orchestrator.journal.remembered import MOST_FRESH
from orchestrator.journal.store import JournalStore


def record(t_ns, kind="route.lookup", journey="j1", element="isp"):
    return {"t_ns": t_ns, "element": element, "kind": kind, "journey": journey}


def test_a_journey_is_ordered_by_model_time_then_arrival():
    store = JournalStore()
    arrivals = [(30, "vpc"), (10, "isp"), (30, "alb"), (20, "edge")]
    store.extend(record(t_ns, element=element) for t_ns, element in arrivals)
    assert [r["element"] for r in store.journey("j1")] == ["isp", "edge", "vpc", "alb"]


def test_only_the_last_journeys_stay_in_memory():
    store = JournalStore(max_journeys=2)
    for journey in ("a", "b", "a", "c"):
        store.add(record(1, journey=journey))
    assert store.journeys() == ["b", "c"]
    assert store.journey("a") == []


def test_what_is_folded_is_what_was_there_and_takes_late_records():
    store = JournalStore(max_unfolded=1, max_records_per_journey=3)
    told = record(2, journey="a") | {"ways": [["a", 1.5], None], "big": 1 << 80, "pair": (1, b"\0")}
    for each in (
        told,
        record(1, journey="b"),
        record(1, journey="a"),
        record(5, journey="c"),
        record(4, journey="a"),
    ):
        store.add(dict(each))
    first, second, third = store.journey("a")
    assert (first["t_ns"], third["t_ns"]) == (1, 4)
    assert second == told | {"seq": 0}
    store.add(record(9, journey="a"))
    assert store.left_out == 1 and len(store.journey("a")) == 3


def test_long_journeys_leave_room_for_fewer_others():
    store = JournalStore(max_records=5)
    store.extend(record(t_ns, journey=journey) for journey in ("a", "b", "c") for t_ns in (1, 2))
    assert store.journeys() == ["b", "c"]
    store.extend(record(t_ns, journey="c") for t_ns in range(3, 3 + MOST_FRESH))
    assert store.journeys() == ["c"]
    assert [each["t_ns"] for each in store.journey("c")] == list(range(1, 3 + MOST_FRESH))


def test_an_overlong_journey_is_cut_and_counted_but_the_file_holds_it(tmp_path):
    store = JournalStore(tmp_path, max_records_per_journey=2)  # and how it ended
    for t_ns in range(5):
        store.add(record(t_ns, kind="journey.end" if t_ns == 4 else "arp.reply"))
    store.close()
    assert [each["t_ns"] for each in store.journey("j1")] == [0, 1, 4]
    assert store.left_out == 2
    lines = (tmp_path / "journal.ndjson").read_text().splitlines()
    assert [json.loads(line)["t_ns"] for line in lines] == [0, 1, 2, 3, 4]


def test_the_file_holds_all_events_and_so_many_bytes_of_journeys(tmp_path):
    store = JournalStore(tmp_path, max_file_bytes=150)
    for t_ns in range(5):
        store.add(record(t_ns))
        store.add(record(t_ns, kind="link.down", journey=None))
    store.close()
    kept = [json.loads(line) for line in (tmp_path / "journal.ndjson").read_text().splitlines()]
    assert len([each for each in kept if each["journey"] is None]) == 5
    assert 1 <= len([each for each in kept if each["journey"]]) == 5 - store.unwritten < 5
    assert len(store.journey("j1")) == 5, "in memory it is whole"


def test_whoever_watches_is_told_each_record():
    store, told = JournalStore(), []
    store.watchers.append(lambda each: told.append(each["t_ns"]))
    store.extend([record(1), record(2, journey=None)])
    assert told == [1, 2]


def test_events_of_the_world_are_kept_apart_and_bounded():
    store = JournalStore(max_events=3)
    store.add(record(5))
    for t_ns in (4, 3, 2, 1):
        store.add(record(t_ns, kind="dhcp.lease", journey=None))
    store.add(record(9, kind="link.down", journey=None))
    assert [event["t_ns"] for event in store.events("dhcp.")] == [1, 2]
    assert len(store.events()) == 3
    assert len(store.journey("j1")) == 1


def test_the_file_is_written_in_blocks_and_on_demand(tmp_path):
    file = tmp_path / "journal.ndjson"
    store = JournalStore(tmp_path)
    store.add(record(1))
    assert file.read_text() == ""
    store.flush()
    assert json.loads(file.read_text())["kind"] == "route.lookup"
    store.close()
    store.close()
