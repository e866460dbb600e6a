"""Of a journey's frames, each end of a link tells the first so many."""

import pytest

from actors.element import JOURNEY
from actors.links import port as ports
from actors.links.impairments import Impairments, LinkConfig
from actors.links.port import LinkPort
from actors.runtime.host import dice_for


class Witness:
    frame_ns = 0
    came_by = ""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    def now_ns(self) -> int:
        return 1

    def saw_frame(self, port, depart_ns, arrive_ns, queued_ns, frame) -> None:
        self.seen.append(frame)

    def saw_drop(self, port, depart_ns, reason, frame) -> None:
        self.seen.append(frame)


class Carrier:
    def __init__(self) -> None:
        self.carried: list[tuple[str | None, bytes]] = []

    def way(self, port: LinkPort):
        return lambda due_ns, journey, frame: self.carried.append((journey, frame))


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> tuple[LinkPort, Witness, Carrier]:
    monkeypatch.setattr(ports, "MOST_TOLD", 3)
    monkeypatch.setattr(ports, "MOST_JOURNEYS", 2)
    witness, carrier = Witness(), Carrier()
    config = LinkConfig(between=("a.b", "c.d"))
    weather = Impairments(config, dice_for(1, "link"))
    return LinkPort("a", "b", "wire", ("c", "d"), 1500, weather, carrier, witness), witness, carrier


def send(port: LinkPort, journey: str | None, count: int) -> None:
    token = JOURNEY.set(journey)
    for number in range(count):
        port.send(bytes((number,)))
    JOURNEY.reset(token)


def test_what_follows_goes_its_way_untold(ends):
    port, witness, carrier = ends
    send(port, "one", 5)
    assert [journey for journey, _ in carrier.carried] == ["one"] * 3 + [None] * 2
    assert len(witness.seen) == 3 and port.packets == 5


def test_each_journey_has_its_own_count(ends):
    port, witness, carrier = ends
    for journey in ("one", "two", "three"):
        send(port, journey, 4)
    assert len(witness.seen) == 9 and len(carrier.carried) == 12 and len(port._told) <= 2
