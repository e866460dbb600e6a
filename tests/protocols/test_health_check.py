import pytest

from actors.protocols.balancing import Reason, State
from actors.protocols.health_check import (
    Answered,
    Failed,
    HealthCheck,
    Matcher,
    Probe,
    Settings,
    TimedOut,
    Verdict,
)

SECOND = 1_000_000_000
SETTINGS = Settings(15 * SECOND, 5 * SECOND, healthy_threshold=3, unhealthy_threshold=2)
HEALTHY = Verdict(State.HEALTHY, Reason.NONE)


def new_check() -> HealthCheck:
    return HealthCheck(SETTINGS, Matcher("200"), now_ns=0)


def healthy_check() -> HealthCheck:
    check = new_check()
    check.on_deadline(0)
    check.handle(Answered(200), 1)
    return check


def unhealthy_check() -> HealthCheck:
    check = healthy_check()
    check.handle(TimedOut(), 2)
    check.handle(TimedOut(), 3)
    return check


def test_a_new_target_is_probed_at_once_and_then_at_fixed_intervals():
    check = new_check()
    assert check.deadline_ns() == 0
    assert check.on_deadline(0) == [Verdict(State.INITIAL, Reason.INITIAL_HEALTH_CHECKING), Probe()]
    check.handle(Answered(200), 3 * SECOND)
    assert check.deadline_ns() == 15 * SECOND
    assert check.on_deadline(15 * SECOND) == [Probe()]
    assert check.deadline_ns() == 30 * SECOND


def test_one_passing_check_makes_a_new_target_healthy():
    assert new_check().handle(Answered(200), 1) == [HEALTHY]


def test_a_new_target_that_fails_is_probed_each_second_and_unhealthy_after_the_thresholds_worth_of_intervals():
    check = new_check()
    check.on_deadline(0)
    assert check.handle(Failed(), 0) == []
    assert check.deadline_ns() == SECOND
    check.on_deadline(14 * SECOND)
    assert check.handle(Failed(), 14 * SECOND) == []
    check.on_deadline(15 * SECOND)
    assert check.handle(Failed(), 15 * SECOND) == [Verdict(State.UNHEALTHY, Reason.FAILED_HEALTH_CHECKS)]
    assert check.deadline_ns() == 30 * SECOND


def test_the_unhealthy_threshold_counts_failures_in_a_row():
    check = healthy_check()
    assert check.handle(Answered(500), 0) == []
    assert check.handle(Answered(200), 0) == []
    assert check.handle(Answered(500), 0) == []
    assert check.handle(Answered(500), 0) == [Verdict(State.UNHEALTHY, Reason.RESPONSE_CODE_MISMATCH)]


def test_the_way_back_takes_the_healthy_threshold_in_a_row():
    check = unhealthy_check()
    assert check.handle(Answered(200), 0) == []
    assert check.handle(Answered(200), 0) == []
    assert check.handle(TimedOut(), 0) == [Verdict(State.UNHEALTHY, Reason.TIMEOUT)]
    assert [check.handle(Answered(200), 0) for _ in range(3)] == [[], [], [HEALTHY]]


@pytest.mark.parametrize(
    ("text", "passes", "fails"),
    [("200", {200}, {201, 404}), ("200,302", {200, 302}, {301}), ("200-299", {200, 250, 299}, {300})],
)
def test_matchers(text, passes, fails):
    codes = Matcher(text).codes
    assert passes <= codes
    assert not fails & codes


@pytest.mark.parametrize("text", ["", "abc", "199", "500", "299-200", "200;201", "20", "200-"])
def test_what_is_no_matcher(text):
    with pytest.raises(ValueError, match="matcher"):
        Matcher(text)
