"""What the orchestrator remembers of elements."""

from orchestrator.control.members import Members

CUT = {"cut": True}
SLOW = {"delay": 5}


def test_what_becomes_of_faults_while_an_element_joins_is_told_when_it_is_up():
    """A fault that is cleared in that moment would stay for ever: nobody would tell its element."""
    members = Members()
    for fault in ("fault-1", "fault-2"):
        members.note_fault("isp", "fibre", fault, CUT)
    isp = members.expect("isp", "isp_as", {"bind": "ipc:///isp", "links": []})
    isp.faults = {"fibre": {"fault-1": CUT, "fault-2": CUT}}
    assert isp.welcome["faults"] == isp.faults and members.missed(isp) == []
    members.note_fault("isp", "fibre", "fault-1", None)
    members.note_fault("isp", "fibre", "fault-2", SLOW)
    members.note_fault("isp", "transit", "fault-3", CUT)
    assert members.missed(isp) == [
        {"link": "fibre", "fault": "fault-1", "fields": None},
        {"link": "fibre", "fault": "fault-2", "fields": SLOW},
        {"link": "transit", "fault": "fault-3", "fields": CUT},
    ]
