from orchestrator.load.adding import add_up
from orchestrator.load.shapes import Change, Staged, Traced, closed
from tests.orchestrator.fake_world import load_status

PLAN = Staged(
    ({"duration_s": 10, "rate": 0, "rate_at_end": 100}, {"duration_s": 5, "rate": 50}),
    {"warm_up_s": 4.0, "seed": 1},
)


def test_a_closed_loop_goes_on_for_the_rest_of_its_time():
    stages = [{"duration_s": 6, "users": 3, "users_at_end": 3}]
    assert closed(3, 10).begin(4) == ("load_plan", {"stages": stages})
    assert closed(3, 10).begin(10) is None


def test_an_open_model_goes_on_where_its_plan_is():
    verb, arguments = PLAN.begin(5)
    assert verb == "load_plan"
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


def test_a_load_that_has_been_changed_goes_on_as_it_has_become():
    faster = PLAN.changed(5, Change("set", rate=80.0))
    assert faster.duration_s == 15
    assert faster.begin(5)[1]["stages"] == [{"duration_s": 10, "rate": 80.0, "rate_at_end": 80.0}]
    assert PLAN.changed(5, Change("pause")).begin(6)[1]["paused"] is True
    assert PLAN.changed(5, Change("pause")).changed(6, Change("resume")).begin(7)[1]["paused"] is False
    assert PLAN.changed(5, Change("stop")).begin(5) is None


def test_a_trace_goes_on_where_it_is():
    trace = Traced((0, 500_000, 1_500_000), (0, 1, 0), 1.6, {"requests": [{}, {"path": "/x"}]})
    verb, arguments = trace.begin(0.5)
    assert verb == "load_trace"
    assert (arguments["due_us"], arguments["which"]) == ([0, 1_000_000], [1, 0])
    assert trace.begin(1.55) is None and trace.changed(1, Change("stop")).begin(1) is None
