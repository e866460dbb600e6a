"""When a router has converged, and after what."""

from actors.protocols.bgp.convergence import QUIET_NS, Converged, Convergence

S = 1_000_000_000


def test_it_is_over_when_a_second_has_passed_without_a_change():
    watch = Convergence()
    watch.begin("hold_timer", 1 * S, 10 * S)
    watch.changed(10 * S)
    watch.begin("session_down", 11 * S, 11 * S - 1)
    watch.changed(11 * S - 1)
    assert watch.deadline_ns() == 11 * S - 1 + QUIET_NS and watch.take(11 * S) is None
    assert watch.take(12 * S - 1) == Converged("hold_timer", 10 * S - 1, 2, 11 * S - 1)
    assert watch.deadline_ns() is None and watch.take(20 * S) is None


def test_a_loss_and_a_start_are_told_apart_however_close_they_are():
    watch = Convergence()
    watch.begin("link_down", 10 * S, 10 * S)
    watch.changed(10 * S)
    watch.begin("session_up", 10 * S + 5, 10 * S + 5)
    watch.changed(10 * S + 7)
    watch.begin("link_down", 10 * S + 9, 10 * S + 9)
    assert watch.deadline_ns() == 10 * S
    assert watch.take(10 * S + 9) == Converged("link_down", 0, 1, 10 * S)
    assert watch.take(10 * S + 9) == Converged("session_up", 2, 1, 10 * S + 7)
    assert watch.take(20 * S) is None and watch.deadline_ns() is None, "nothing changed any more"
