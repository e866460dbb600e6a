"""How long BGP took, from what the journal tells."""

from typing import Any

from orchestrator.journal.convergence import convergence, told

S = 1_000_000_000


def fault(kind: str, t_s: float, fault: str = "fault-1", **fields: Any) -> dict[str, Any]:
    about = {"fault": fault, "target": "link/x", "what": "cut", **fields}
    return {"kind": f"fault.{kind}", "t_ns": round(t_s * S), **about}


def converged(element: str, settled_s: float, event: str = "hold_timer", changes: int = 3) -> dict[str, Any]:
    settled_ns = round(settled_s * S)
    about = {"element": element, "event": event, "changes": changes, "settled_ns": settled_ns}
    return {"kind": "bgp.converged", "t_ns": settled_ns + S, **about}


def test_each_event_of_a_fault_has_the_routers_that_settled_before_the_next():
    rows = convergence(
        [
            converged("isp", 1.0, "session_up"),
            fault("added", 2.0, name="lost"),
            converged("isp", 9.5),
            converged("transit", 9.25),
            fault("changed", 11.0),
            fault("ended", 12.0, name="lost"),
            converged("isp", 12.002, "session_up"),
            {"kind": "bgp.down", "t_ns": 3 * S, "element": "isp"},
        ]
    )
    assert [(row["when"], row["took_s"], list(row["routers"])) for row in rows] == [
        ("begins", 7.5, ["transit", "isp"]),
        ("ends", 0.002, ["isp"]),
    ]
    assert rows[0]["name"] == "lost" and rows[0]["routers"]["isp"] == {
        "event": "hold_timer", "took_s": 7.5, "changes": 3,
    }  # fmt: skip
    assert told(rows[0]) == (
        "BGP converged 7,500 ms after link/x: cut (isp 7,500 ms by hold_timer, transit 7,250 ms by hold_timer)"
    )
    assert told(rows[1]) == "BGP converged 2.00 ms after link/x: cut ended (isp 2.00 ms by session_up)"


def test_nothing_is_told_where_nobody_had_to_find_another_way():
    assert (
        convergence([fault("added", 2.0), fault("ended", 3.0)]) == convergence([converged("isp", 1.0)]) == []
    )
