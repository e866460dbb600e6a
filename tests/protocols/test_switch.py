"""A switch's memory of stations."""

from actors.protocols.switch import AGEING_NS, MAX_STATIONS, Switch
from actors.units import SECOND

LAPTOP, PHONE, GROUP = b"\x02" + bytes(5), b"\x02" + bytes(4) + b"\x01", b"\x03" + bytes(5)


def test_a_station_is_where_it_was_last_heard():
    switch = Switch()
    assert switch.port_of(LAPTOP, 0) is None
    switch.learn(LAPTOP, "lan1", 0)
    assert switch.port_of(LAPTOP, 0) == "lan1"
    switch.learn(LAPTOP, "lan2", 1)
    assert switch.port_of(LAPTOP, 1) == "lan2"


def test_a_silent_station_is_forgotten_and_a_talking_one_is_not():
    switch = Switch()
    for second in range(0, 400, 20):
        switch.learn(LAPTOP, "lan1", second * SECOND)
        switch.learn(PHONE, "lan2", 0)
    assert dict(switch.stations(400 * SECOND)) == {LAPTOP: "lan1"}
    assert switch.port_of(PHONE, AGEING_NS) is None


def test_a_port_without_carrier_has_no_stations():
    switch = Switch()
    switch.learn(LAPTOP, "lan1", 0)
    switch.learn(PHONE, "lan2", 0)
    switch.forget("lan1")
    assert dict(switch.stations(0)) == {PHONE: "lan2"}


def test_a_group_is_nobody_in_particular():
    switch = Switch()
    switch.learn(GROUP, "lan1", 0)
    assert switch.port_of(GROUP, 0) is None


def test_a_full_table_is_not_looked_through_for_every_frame_of_a_flood(monkeypatch):
    switch = Switch()
    looks = []
    stations = switch.stations
    monkeypatch.setattr(switch, "stations", lambda now_ns: looks.append(now_ns) or stations(now_ns))
    for number in range(5000):
        switch.learn(b"\2" + number.to_bytes(5), "lan1", number)
    assert len(looks) == 1
    switch.forget("lan1")
    switch.learn(b"\2\1\1\1\1\1", "lan2", 5000)
    assert switch.port_of(b"\2\1\1\1\1\1", 5000) == "lan2"


def test_a_flood_of_addresses_fills_it_until_they_age():
    switch = Switch()
    for number in range(MAX_STATIONS + 5):
        switch.learn(b"\x02" + number.to_bytes(5), "lan1", 0)
    assert len(dict(switch.stations(0))) == MAX_STATIONS
    newcomer = b"\x06" + bytes(5)
    switch.learn(newcomer, "lan2", AGEING_NS - 1)
    assert switch.port_of(newcomer, AGEING_NS - 1) is None
    switch.learn(newcomer, "lan2", AGEING_NS)
    assert dict(switch.stations(AGEING_NS)) == {newcomer: "lan2"}
