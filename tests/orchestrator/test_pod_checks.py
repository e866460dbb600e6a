"""The checks of pods in a journal find what they are there for."""

from typing import Any

import pytest

from orchestrator.journal.pod_checks import (
    MOVES,
    every_add_has_its_del,
    every_sandbox_ends,
    no_address_in_two_sandboxes,
    phases_only_go_on,
)

Record = dict[str, Any]


def sandbox(reason: str, name: str, address: str = "10.0.0.4/32", node: str = "node-1") -> Record:
    record = {"t_ns": 0, "element": node, "kind": "pod.sandbox", "pod": f"default/{name}", "reason": reason}
    return record | {"sandbox": name} | ({"address": address} if reason == "SandboxCreated" else {})


def boot(node: str = "node-1") -> Record:
    return {"t_ns": 5, "element": node, "kind": "node.boot", "instance": "i-1", "address": "10.0.0.10"}


def cni(verb: str, name: str, **more: Any) -> Record:
    kind = f"cni.{verb}"
    return {"t_ns": 0, "element": "cni", "kind": kind, "pod": f"default/{name}", "sandbox": name, **more}


def phase(now: str, uid: str = "1") -> Record:
    return {
        "t_ns": 0,
        "element": "node-1",
        "kind": "pod.phase",
        "pod": "default/a",
        "uid": uid,
        "phase": now,
    }


# ---- addresses of sandboxes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end", [sandbox("SandboxGone", "a"), sandbox("SandboxRemoved", "a"), boot(), cni("del", "a")]
)
def test_an_address_may_be_in_another_sandbox_when_the_first_has_ended(end: Record):
    records = [sandbox("SandboxCreated", "a"), end, sandbox("SandboxCreated", "b", node="node-2")]
    assert no_address_in_two_sandboxes(records) == []


@pytest.mark.parametrize(
    "between", [[], [boot("node-2")], [sandbox("SandboxGone", "c")], [cni("del", "a", error="no")]]
)
def test_two_living_sandboxes_with_one_address_are_found(between: list[Record]):
    second = sandbox("SandboxCreated", "b", node="node-2")
    (fault,) = no_address_in_two_sandboxes([sandbox("SandboxCreated", "a"), *between, second])
    assert fault == (
        "at 0.000000 s default/b on node-2 has 10.0.0.4, which default/a on node-1 has since 0.000000 s"
    )


# ---- ends of sandboxes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        [sandbox("SandboxRemoved", "a")],
        [sandbox("SandboxGone", "a"), sandbox("SandboxRemoved", "a")],
        [boot()],
    ],
)
def test_a_sandbox_ends_when_it_is_removed_or_its_node_begins_anew(end: list[Record]):
    assert every_sandbox_ends([sandbox("SandboxCreated", "a"), *end], []) == []


@pytest.mark.parametrize("end", [[], [sandbox("SandboxGone", "a")], [boot("node-2")]])
def test_a_sandbox_of_which_something_is_left_is_found(end: list[Record]):
    (fault,) = every_sandbox_ends([sandbox("SandboxCreated", "a"), *end], [])
    assert fault == "a of default/a on node-1, made at 0.000000 s, was never taken away"


def test_living_sandboxes_are_those_that_were_made_and_did_not_end():
    made = [sandbox("SandboxCreated", "a")]
    assert every_sandbox_ends(made, ["a"]) == []
    assert every_sandbox_ends([*made, sandbox("SandboxGone", "a")], ["a"]) == [
        "a lives, but nobody has made it"
    ]
    assert every_sandbox_ends([], ["a"]) == ["a lives, but nobody has made it"]


def test_a_sandbox_that_could_not_be_made_is_none():
    failed = {
        "t_ns": 0,
        "element": "node-1",
        "kind": "pod.sandbox",
        "pod": "default/a",
        "reason": "FailedCreatePodSandBox",
    }
    assert every_sandbox_ends([failed | {"message": "no"}], []) == []


# ---- ADD and DEL -----------------------------------------------------------------------------------------------


def test_each_add_has_its_del():
    records = [cni("add", "a"), cni("del", "a", error="no"), cni("del", "a"), cni("add", "b", error="no")]
    assert every_add_has_its_del(records, []) == []
    assert every_add_has_its_del([cni("add", "a")], ["a"]) == []


def test_an_add_without_a_del_is_found():
    for after in ([], [cni("del", "a", error="no")], [cni("del", "b")]):
        (fault,) = every_add_has_its_del([cni("add", "a"), *after], [])
        assert fault == "a of default/a was added at 0.000000 s, and never deleted"


def test_what_is_done_twice_is_found():
    assert len(every_add_has_its_del([cni("add", "a"), cni("add", "a"), cni("del", "a")], [])) == 1
    assert len(every_add_has_its_del([cni("add", "a"), cni("del", "a"), cni("del", "a")], [])) == 1


def test_a_del_for_an_add_that_was_cut_short_is_no_fault():
    assert every_add_has_its_del([cni("del", "a")], []) == []


# ---- phases ----------------------------------------------------------------------------------------------------


def test_phases_go_on():
    assert phases_only_go_on([phase("Running"), phase("Succeeded"), phase("Pending", "2")]) == []
    assert phases_only_go_on([phase("Failed"), phase("Running", "2"), phase("Failed", "2")]) == []


def test_a_node_that_begins_anew_has_forgotten_what_it_had_not_told():
    assert phases_only_go_on([phase("Succeeded"), boot(), phase("Failed")]) == []
    assert len(phases_only_go_on([phase("Succeeded"), boot("node-2"), phase("Failed")])) == 1


@pytest.mark.parametrize("before", [each for each in MOVES if each])
def test_every_move_back_is_found(before: str):
    for now in [each for each in MOVES if each and each not in MOVES[before]]:
        (fault,) = phases_only_go_on([phase(before), phase(now)])
        assert fault == f"at 0.000000 s default/a is {now}, after it was {before}"
