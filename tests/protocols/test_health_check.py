import pytest

from actors.protocols.balancing import Reason, State
from actors.protocols.health_check import (
    Answered,
    Failed,
    HealthCheck,
    Matcher,
    Probe,
    Result,
    Settings,
    TimedOut,
    Verdict,
)

SECOND = 1_000_000_000
SETTINGS = Settings(15 * SECOND, 5 * SECOND, healthy_threshold=3, unhealthy_threshold=2)
HEALTHY = Verdict(State.HEALTHY, Reason.NONE)


def new_check() -> HealthCheck:
    return HealthCheck(SETTINGS, Matcher("200"), now_ns=0)


def probe(check: HealthCheck, result: Result, now_ns: int = 0) -> list[Verdict]:
    """A probe that ends at once."""
    return check.handle(probe_of(check.on_deadline(now_ns)), result, now_ns)


def probe_of(outputs: list[Probe | Verdict]) -> Probe:
    [sent] = [output for output in outputs if isinstance(output, Probe)]
    return sent


def healthy_check() -> HealthCheck:
    check = new_check()
    probe(check, Answered(200))
    return check


def unhealthy_check() -> HealthCheck:
    check = healthy_check()
    probe(check, TimedOut())
    probe(check, TimedOut())
    return check


def test_the_first_probe_ends_the_registration():
    check = new_check()
    assert check.deadline_ns() == 0
    assert check.on_deadline(0) == [Verdict(State.INITIAL, Reason.INITIAL_HEALTH_CHECKING), Probe(1)]


def test_once_there_is_a_verdict_probes_come_at_fixed_intervals():
    check = new_check()
    first = probe_of(check.on_deadline(0))
    assert check.handle(first, Answered(200), 3) == [HEALTHY]
    assert check.deadline_ns() == 3 + 15 * SECOND
    second = probe_of(check.on_deadline(20 * SECOND))
    assert check.handle(second, TimedOut(), 25 * SECOND) == []
    assert check.deadline_ns() == 35 * SECOND


def test_one_passing_check_makes_a_new_target_healthy():
    assert probe(new_check(), Answered(200)) == [HEALTHY]


def test_a_new_target_that_fails_is_probed_less_and_less_often():
    check, moments = new_check(), []
    for _ in range(10):
        moments.append(check.deadline_ns() / SECOND)
        check.on_deadline(check.deadline_ns())
    assert moments == [0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3, 12.7, 25.5, 40.5]


def test_a_new_target_is_unhealthy_after_the_thresholds_worth_of_intervals():
    check = new_check()
    assert probe(check, Failed(), 0) == []
    assert probe(check, Failed(), 15 * SECOND - 1) == []
    assert probe(check, Failed(), 15 * SECOND) == [Verdict(State.UNHEALTHY, Reason.FAILED_HEALTH_CHECKS)]
    assert check.deadline_ns() == 30 * SECOND


def test_probes_from_before_the_first_verdict_are_no_news_after_it():
    check = new_check()
    early = [probe_of(check.on_deadline(moment)) for moment in (0, 1, 2)]
    assert check.handle(early[2], Answered(200), 3) == [HEALTHY]
    assert [check.handle(each, TimedOut(), 5 * SECOND) for each in early] == [[], [], []]
    assert probe(check, TimedOut()) == []


def test_the_unhealthy_threshold_counts_failures_in_a_row():
    check = healthy_check()
    assert probe(check, Answered(500)) == []
    assert probe(check, Answered(200)) == []
    assert probe(check, Answered(500)) == []
    assert probe(check, Answered(500)) == [Verdict(State.UNHEALTHY, Reason.RESPONSE_CODE_MISMATCH)]


def test_the_way_back_takes_the_healthy_threshold_in_a_row():
    check = unhealthy_check()
    assert probe(check, Answered(200)) == []
    assert probe(check, Answered(200)) == []
    assert probe(check, TimedOut()) == [Verdict(State.UNHEALTHY, Reason.TIMEOUT)]
    assert [probe(check, Answered(200)) for _ in range(3)] == [[], [], [HEALTHY]]


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
