from orchestrator.load.client import add_up
from orchestrator.load.shapes import Closed, Open
from tests.orchestrator.fake_world import load_status

PLAN = Open(
    ({"duration_s": 10, "rate": 0, "rate_at_end": 100}, {"duration_s": 5, "rate": 50}),
    {"warm_up_s": 4.0, "seed": 1},
)


def test_a_closed_loop_goes_on_for_the_rest_of_its_time():
    assert Closed(3, 10).begin(4) == ("load_start", {"concurrency": 3, "duration_s": 6})
    assert Closed(3, 10).begin(10) is None


def test_an_open_model_goes_on_where_its_plan_is():
    verb, arguments = PLAN.begin(5)
    assert verb == "load_open"
    assert arguments["stages"] == [
        {"duration_s": 5, "rate": 50, "rate_at_end": 100},
        {"duration_s": 5, "rate": 50, "rate_at_end": 50},
    ]
    assert arguments["warm_up_s"] == 0.0 and arguments["seed"] == 1
    assert PLAN.begin(1)[1]["warm_up_s"] == 3.0
    assert PLAN.begin(12)[1]["stages"] == [{"duration_s": 3, "rate": 50, "rate_at_end": 50}]
    assert PLAN.begin(15) is None
    assert PLAN.duration_s == 15


def test_what_several_clients_offered_is_added_up():
    one = {**load_status(1, 9), "offered": 1100, "retries": 3, "dropped": {"max_inflight": 100}}
    both = add_up([one, one])
    assert (both["offered"], both["dropped"], both["requests"]) == (2200, {"max_inflight": 200}, 2000)
    assert "offered" not in add_up([load_status(1, 9)])
