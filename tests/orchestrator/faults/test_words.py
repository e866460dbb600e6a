"""What is said of faults, and what makes no sense."""

import pytest

from orchestrator.control.api import RequestFailed
from orchestrator.faults.words import changed, fault_of, fields_of, from_words, partition_of


@pytest.mark.parametrize(
    ("target", "words", "what"),
    [
        (
            "link:isp-transit-1",
            "delay=80ms jitter=10ms loss=1% rate=10mbit for=30s",
            "delay 80ms, jitter 10ms, loss 1%, rate 10mbit",
        ),
        ("link/fibre", "jitter=3ms distribution=pareto", "jitter 3ms, distribution pareto"),
        ("link/fibre", "reorder=25% duplicate=1% corrupt=0.5%", "reorder 25%, duplicate 1%, corrupt 0.5%"),
        ("link:fibre", "cut", "cut"),
        ("link:fibre", "down for=1m", "down"),
        ("zone/eu-west-1a", "crash for=10s", "crash"),
        ("pod/nginx-0", "rate=2mbit loss=0", "rate 2mbit"),
    ],
)  # fmt: skip
def test_words(target, words, what):
    assert from_words(target, words.split()).told() == what


@pytest.mark.parametrize(
    ("target", "words", "what"),
    [
        ("fibre", "cut", "nothing can go wrong with 'fibre'"),
        ("link/", "cut", "which link"),
        ("link/fibre", "", "what is to go wrong"),
        ("link/fibre", "loss=0%", "what is to go wrong"),
        ("link/fibre", "delay", "'delay' is not KEY=VALUE"),
        ("link/fibre", "dely=3ms", "did you mean 'delay'"),
        ("link/fibre", "bandwidth=3mbit", "did you mean 'rate'"),
        ("link/fibre", "delay=3", "needs a unit|not a duration"),
        ("link/fibre", "loss=200%", "more than 100%"),
        ("link/fibre", "rate=0mbit", "rate: Input should be greater than 0"),
        ("link/fibre", "jitter=1ms distribution=gauss", "there is no 'gauss'; there are"),
        ("link/fibre", "jitter=1ms distribution=paretto", "did you mean 'pareto'"),
        ("link/fibre", "delay=1ms distribution=normal", "say jitter, too"),
        ("link/fibre", "cut loss=1%", "cut nothing arrives: leave out loss"),
        ("link/fibre", "cut down", "cut nothing arrives: leave out down"),
        ("link/fibre", "loss=1% loss=2%", "said twice"),
        ("link/fibre", "crash", "cannot crash"),
        ("element/isp", "crash cut", "has no weather"),
        ("pod/nginx-0", "crash for=3s", "leave out for"),
        ("link/fibre", "cut for=0s", "longer than nothing"),
    ],
)
def test_what_makes_no_sense(target, words, what):
    with pytest.raises(RequestFailed, match=what):
        from_words(target, words.split())


def test_a_name_alone_is_of_the_kind_that_a_verb_is_about():
    assert str(fault_of("fibre", {"cut": True}, "link").place) == "link/fibre"
    assert str(fault_of("isp", {"crash": True}, "element").place) == "element/isp"
    assert str(fault_of("zone/eu-west-1a", {"crash": True}, "element").place) == "zone/eu-west-1a"


def test_sides_of_a_partition():
    fault = partition_of("isp", "transit-1, zone/eu-west-1a", "3s")
    assert str(fault.place) == "partition/isp..transit-1,eu-west-1a" and fault.for_ns == 3 * 10**9
    for one, other, what in [
        ("isp", "isp,laptop", "both sides"),
        ("isp", " ,", "whom"),
        ("link/x", "isp", "a link can be cut"),
    ]:
        with pytest.raises(RequestFailed, match=what):
            partition_of(one, other)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("loss=2%", "delay 80ms, loss 2%"),
        ("loss=off", "delay 80ms"),
        ("delay=0 jitter=1ms", "loss 1%, jitter 1ms"),
        ("for=9s", "delay 80ms, loss 1%"),
    ],
)
def test_a_change_leaves_the_rest(words, what):
    fault = from_words("link/fibre", ["delay=80ms", "loss=1%", "for=30s"])
    after = changed(fault, fields_of(words.split()))
    assert after.told() == what
    assert after.for_ns == (9 if "for" in words else 30) * 10**9


@pytest.mark.parametrize(
    ("before", "words", "what"),
    [
        ("loss=1%", "loss=off", "nothing would be left of loss 1%"),
        ("loss=1%", "cut", "cut nothing arrives: leave out loss"),
        ("loss=1%", "crash", "another fault"),
        ("loss=1%", "lost=3%", "did you mean 'loss'"),
        ("loss=1%", "", "what is to change"),
        ("crash for=3s", "loss=3%", "only for can be changed"),
    ],
)
def test_changes_that_make_no_sense(before, words, what):
    fault = from_words("element/isp", before.split())
    with pytest.raises(RequestFailed, match=what):
        changed(fault, fields_of(words.split()))
