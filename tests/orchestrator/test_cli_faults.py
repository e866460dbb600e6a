"""`journey fault`, as a user types it."""

import json
from typing import Any

import pytest

from orchestrator.control.api import RequestFailed
from tests.orchestrator import test_cli
from tests.orchestrator.test_cli import run

no_world, running = test_cli.no_world, test_cli.running


def made(**fields: Any) -> dict[str, Any]:
    plain = {"id": "fault-1", "target": "link/wifi", "what": "cut", "links": ["wifi"], "down": []}
    return {**plain, "remaining_s": None, "converged_s": None, **fields}


@pytest.mark.parametrize(
    ("typed", "verb", "arguments"),
    [
        (
            "add link:isp-transit-1 delay=80ms jitter=10ms loss=1% rate=10mbit for=30s",
            "fault_add",
            {
                "target": "link:isp-transit-1",
                "words": ["delay=80ms", "jitter=10ms", "loss=1%", "rate=10mbit", "for=30s"],
            },
        ),
        ("cut wifi", "fault_add", {"target": "wifi", "words": ["cut"], "default": "link"}),
        ("down wifi for=3s", "fault_add", {"target": "wifi", "words": ["down", "for=3s"], "default": "link"}),
        ("crash isp", "fault_add", {"target": "isp", "words": ["crash"], "default": "element"}),
        ("partition a b,c for=3s", "fault_partition", {"one": "a", "other": "b,c", "words": ["for=3s"]}),
        ("set fault-1 loss=2%", "fault_set", {"which": "fault-1", "words": ["loss=2%"]}),
    ],
)
def test_what_is_asked_and_what_is_said(running, typed, verb, arguments):
    client = running(**{verb: made(remaining_s=3.0)})
    result = run("fault", *typed.split())
    assert client.requests == [(verb, arguments)]
    changed = typed.startswith("set")
    assert result.stdout == f"{'fault-1: ' if changed else ''}link/wifi: cut for 3 s (links wifi)\n"
    assert result.stderr == ("" if changed else "to take it back:\n  journey fault clear fault-1\n")
    assert json.loads(run("fault", *typed.split(), "--json").stdout) == made(remaining_s=3.0)


def test_what_is_wrong_and_what_is_over(running):
    running(
        fault_list=[made(converged_s=7.6124), made(id="fault-2", links=[], down=["isp"], remaining_s=4.2)],
        fault_clear=[made(converged_s=0.0004), made(id="fault-2")],
    )
    lines = run("fault", "list").stdout.splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["fault-1", "link/wifi", "cut", "until", "cleared", "after", "7,612", "ms", "wifi"],
        ["fault-2", "link/wifi", "cut", "4", "s", "-", "isp"],
    ]
    assert run("fault", "clear").stdout == (
        "fault-1 is over: link/wifi: cut; BGP had converged after 0.40 ms\nfault-2 is over: link/wifi: cut\n"
    )
    running(fault_list=[], fault_clear=[])
    assert run("fault", "list").stdout == "nothing is wrong\n"
    assert run("fault", "clear").stdout == "nothing was wrong\n"


def test_what_is_refused_ends_with_its_code_and_words(running):
    running(fault_add=RequestFailed("there is no link 'wify', did you mean 'wifi'?", 2))
    result = run("fault", "cut", "wify")
    assert (result.exit_code, result.stderr) == (2, "there is no link 'wify', did you mean 'wifi'?\n")


@pytest.mark.parametrize("verb", [["cut", "x"], ["partition", "a", "b"], ["set", "x", "loss=1%"], ["list"]])
def test_they_need_a_running_world(verb):
    result = run("fault", *verb)
    assert result.exit_code == 3 and "no world is running" in result.stderr
