"""A client that makes sure: probes before an address is used, DECLINE, INIT-REBOOT and RELEASE."""

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.dhcp import Send
from actors.protocols.dhcp.client import Bound, DhcpClient, Lost, Probe
from actors.protocols.dhcp.server import DhcpServer
from actors.units import MILLISECOND, SECOND
from actors.wire import dhcp
from actors.wire.addresses import ANY_IP, BROADCAST_IP, ip_bytes, ip_text
from actors.wire.dhcp import Message
from tests.protocols.test_dhcp import (
    ADDRESS,
    HOUR,
    MAC,
    OTHER_MAC,
    ROUTER,
    SETTINGS,
    ask,
    leased,
    notes,
    only_message,
    sent,
)

PROBE_NS = 700 * MILLISECOND


class Pair:
    """A client and its server, and no wire between them that could lose anything."""

    def __init__(self, probe_ns: int = PROBE_NS, seed: int = 1) -> None:
        self.client = DhcpClient(MAC, "laptop", Random(seed), probe_ns)
        self.server = DhcpServer(SETTINGS)
        self.now_ns = 0

    def deliver(self, outputs: list) -> list:
        """Carry messages to and fro until nobody says any more; returns all that the client put out."""
        told = list(outputs)
        for request in sent(outputs):
            for answer in sent(self.server.handle(dhcp.decode(dhcp.encode(request)), self.now_ns)):
                answer = dhcp.decode(dhcp.encode(answer))
                told += self.deliver(self.client.handle(answer, self.now_ns))
        return told

    def boot(self) -> list:
        return self.deliver(self.client.start(self.now_ns))

    def wait(self) -> list:
        """Until the client's next deadline."""
        deadline_ns = self.client.deadline_ns()
        assert deadline_ns is not None
        self.now_ns = deadline_ns
        return self.deliver(self.client.on_deadline(self.now_ns))

    def bound(self) -> "Pair":
        self.boot()
        while self.client.lease is None:
            self.wait()
        return self


@given(st.integers(0, 1000))
def test_an_address_is_used_after_three_probes_that_nobody_answers(seed):
    pair = Pair(seed=seed)
    assert not [output for output in pair.boot() if isinstance(output, Bound)]
    assert (pair.client.state, pair.client.lease) == ("PROBING", None)
    times = []
    for _ in range(3):
        assert pair.wait() == [Probe(ADDRESS)]
        times.append(pair.now_ns)
    (bound,) = pair.wait()
    assert (bound.lease.address, bound.why, pair.client.state) == (ADDRESS, "new", "BOUND")
    assert times[0] <= PROBE_NS // 7
    assert all(PROBE_NS // 7 <= b - a <= PROBE_NS * 2 // 7 for a, b in itertools.pairwise(times))
    assert times[-1] + PROBE_NS * 2 // 7 == pair.now_ns <= PROBE_NS


def test_without_a_probing_time_an_address_is_used_at_once():
    pair = Pair(probe_ns=0)
    assert [output.why for output in pair.boot() if isinstance(output, Bound)] == ["new"]


def test_an_address_that_somebody_has_is_declined_and_ten_seconds_later_all_begins_anew():
    pair = Pair()
    pair.boot()
    pair.wait()
    outputs = pair.client.conflict(ADDRESS, OTHER_MAC, pair.now_ns)
    decline = only_message(outputs)
    assert decline.options.message_type == dhcp.DECLINE
    assert (decline.options.requested_address, decline.options.server_identifier) == (ADDRESS, ROUTER)
    assert (decline.client_ip, decline.options.parameter_request_list) == (ANY_IP, b"")
    assert outputs[-1].destination == BROADCAST_IP
    assert notes(outputs)["dhcp.decline"]["used_by"] == "02:00:00:00:00:02"
    began_ns = pair.now_ns
    assert pair.deliver(outputs) == outputs
    assert pair.client.state == "DECLINED"
    assert pair.server.declined(pair.now_ns) == [ADDRESS]
    pair.wait()
    assert pair.now_ns == began_ns + 10 * SECOND
    while pair.client.lease is None:
        pair.wait()
    assert ip_text(pair.client.lease.address) == "192.168.1.101"


def test_nobody_else_makes_it_decline():
    pair = Pair()
    pair.boot()
    assert pair.client.conflict(ip_bytes("192.168.1.7"), OTHER_MAC, 0) == []
    pair.bound()
    assert pair.client.conflict(ADDRESS, OTHER_MAC, pair.now_ns) == []  # ARP defends it
    assert pair.client.state == "BOUND"


def test_after_a_while_without_the_link_it_asks_whether_its_lease_still_holds():
    pair = Pair().bound()
    pair.now_ns += HOUR * SECOND
    outputs = pair.client.reconnect(pair.now_ns)
    request = only_message(outputs)
    assert (request.options.requested_address, request.options.server_identifier) == (ADDRESS, None)
    assert (request.client_ip, request.options.message_type) == (ANY_IP, dhcp.REQUEST)
    assert notes(outputs)["dhcp.request"]["state"] == "INIT-REBOOT"
    assert (pair.client.state, pair.client.lease is None) == ("REBOOTING", False)
    (bound,) = [output for output in pair.deliver(outputs) if isinstance(output, Bound)]
    assert (bound.why, bound.lease.began_ns) == ("confirmed", pair.now_ns)


def test_in_another_network_the_lease_is_refused_and_a_new_one_looked_for():
    pair = Pair().bound()
    pair.server = DhcpServer(
        SETTINGS._replace(first=ip_bytes("192.168.1.150"), last=ip_bytes("192.168.1.160"))
    )
    outputs = pair.deliver(pair.client.reconnect(pair.now_ns))
    assert [output.address for output in outputs if isinstance(output, Lost)] == [ADDRESS]
    while pair.client.lease is None:
        pair.wait()
    assert ip_text(pair.client.lease.address) == "192.168.1.150"


def test_without_an_answer_the_lease_is_used_as_long_as_it_lasts():
    pair = Pair().bound()
    lease = pair.client.lease
    pair.now_ns += SECOND
    requests = len(sent(pair.client.reconnect(pair.now_ns)))
    while pair.client.state == "REBOOTING":
        pair.now_ns = pair.client.deadline_ns()
        requests += len(sent(pair.client.on_deadline(pair.now_ns)))
    assert (requests, pair.client.state, pair.client.lease) == (4, "BOUND", lease)
    outputs = []
    while pair.client.lease is not None:
        pair.now_ns = pair.client.deadline_ns()
        outputs = pair.client.on_deadline(pair.now_ns)
    assert (pair.now_ns, outputs[0]) == (lease.expires_at_ns, Lost(ADDRESS, "it has expired"))


def test_a_released_address_is_the_servers_again():
    pair = Pair().bound()
    free = pair.server.free(pair.now_ns)
    outputs = pair.client.release(pair.now_ns)
    (release,) = sent(outputs)
    assert (release.client_ip, release.options.server_identifier) == (ADDRESS, ROUTER)
    assert [type(output).__name__ for output in outputs] == [
        "Note",
        "Send",
        "Lost",
    ]  # sent while it has the address
    pair.deliver(outputs)
    assert pair.server.free(pair.now_ns) == free + 1
    assert (pair.client.state, pair.client.deadline_ns()) == ("INIT", None)
    assert pair.client.release(pair.now_ns) == []


@pytest.mark.parametrize(("told", "used"), [(1400, 1400), (68, 68), (67, None), (None, None)])
def test_the_servers_mtu_is_part_of_the_lease_unless_no_packet_would_fit(told, used):
    pair = Pair()
    pair.server = DhcpServer(SETTINGS._replace(mtu=told))
    assert pair.bound().client.lease.mtu == used


# ---- the server ------------------------------------------------------------------------------------------------


def test_a_lease_that_was_not_renewed_is_told_once():
    server = DhcpServer(SETTINGS)
    leased(server)
    leased(server, OTHER_MAC, HOUR * SECOND)
    assert server.on_deadline(24 * HOUR * SECOND - 1) == []
    assert server.deadline_ns() == 24 * HOUR * SECOND
    told = {"address": "192.168.1.100", "mac": "02:00:00:00:00:01", "free": 2}
    assert notes(server.on_deadline(24 * HOUR * SECOND)) == {"dhcp.expired": told}
    assert server.deadline_ns() == 25 * HOUR * SECOND
    assert len(server.on_deadline(25 * HOUR * SECOND)) == 1
    assert server.deadline_ns() is None


def test_a_pool_of_declined_addresses_says_that_they_are():
    server = DhcpServer(SETTINGS)
    for number in range(3):
        mac = bytes((2, 0, 0, 0, 1, number))
        decline = ask(dhcp.DECLINE, mac, requested_address=leased(server, mac), server_identifier=ROUTER)
        server.handle(decline, 0)
    told = notes(server.handle(ask(dhcp.DISCOVER), SECOND))["dhcp.exhausted"]
    assert (told["pool"], told["leased"], told["declined"]) == (3, 0, 3)
    assert told["next_free_s"] == 24 * HOUR - 1


@given(st.lists(st.binary(max_size=400), max_size=20), st.integers(0, 10**6))
def test_whatever_is_decoded_neither_side_falls_over(junk, seed):
    pair, dice = Pair(), Random(seed)
    good = dhcp.encode(only_message(pair.client.start(0)))
    for number, data in enumerate(junk):
        mutant = bytearray(good)
        for at, byte in enumerate(data[:40]):
            mutant[(byte * 7 + at * 13) % len(mutant)] = dice.randrange(256)
        for wire in (data, bytes(mutant)):
            try:
                message: Message = dhcp.decode(wire)
            except dhcp.Malformed:
                continue
            for side in (pair.server, pair.client):
                outputs = side.handle(message, number * SECOND)
                assert all(dhcp.encode(output.message) for output in outputs if isinstance(output, Send))
    assert 0 <= pair.server.free(0) <= pair.server.size
