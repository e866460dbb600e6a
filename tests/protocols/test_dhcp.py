"""Client and server, each by itself and joined by a pretend wire."""

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.dhcp import Note, Send
from actors.protocols.dhcp.client import Bound, DhcpClient, Lost
from actors.protocols.dhcp.server import DhcpServer, Settings
from actors.units import SECOND
from actors.wire import dhcp
from actors.wire.addresses import BROADCAST_IP, ip_bytes, ip_text, mac_text
from actors.wire.dhcp import Message, Options

ROUTER = ip_bytes("192.168.1.1")
ADDRESS = ip_bytes("192.168.1.100")
HOUR = 3600
MAC, OTHER_MAC, THIRD_MAC = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2", b"\2\0\0\0\0\3"
SETTINGS = Settings(
    address=ROUTER,
    prefix_length=24,
    first=ADDRESS,
    last=ip_bytes("192.168.1.102"),
    lease_s=24 * HOUR,
    routers=(ROUTER,),
    dns_servers=(ROUTER,),
    domain="home",
)


def sent(outputs: list) -> list[Message]:
    return [output.message for output in outputs if isinstance(output, Send)]


def only_message(outputs: list) -> Message:
    (message,) = sent(outputs)
    return dhcp.decode(dhcp.encode(message))


def notes(outputs: list) -> dict[str, dict]:
    return {output.kind: output.fields for output in outputs if isinstance(output, Note)}


def kind_of(outputs: list) -> str | None:
    messages = sent(outputs)
    return dhcp.TYPE_NAMES[messages[0].options.message_type] if messages else None


# ---- the client ----------------------------------------------------------------------------------------------


def selecting() -> tuple[DhcpClient, Message]:
    client = DhcpClient(MAC, "laptop", Random(1))
    return client, only_message(client.start(0))


def reply(request: Message, kind: int, **changed) -> Message:
    options = Options(
        kind, server_identifier=ROUTER, subnet_mask=ip_bytes("255.255.255.0"), lease_time_s=24 * HOUR
    )
    message = Message(dhcp.BOOT_REPLY, request.transaction_id, MAC, options, your_ip=ADDRESS)
    return message._replace(**changed)


def requesting() -> tuple[DhcpClient, Message]:
    client, discover = selecting()
    return client, only_message(client.handle(reply(discover, dhcp.OFFER), 0))


def bound() -> DhcpClient:
    client, request = requesting()
    client.handle(reply(request, dhcp.ACK), 0)
    assert client.state == "BOUND"
    return client


def at(client: DhcpClient, seconds: float) -> list:
    return client.on_deadline(round(seconds * SECOND))


def renewing() -> tuple[DhcpClient, Message]:
    client = bound()
    return client, only_message(at(client, 12 * HOUR))


def rebinding() -> tuple[DhcpClient, Message]:
    client, _ = renewing()
    return client, only_message(at(client, 21 * HOUR))


def test_the_four_messages_lead_to_a_lease():
    client, discover = selecting()
    assert (discover.options.message_type, discover.broadcast, discover.options.host_name) == (
        1,
        True,
        "laptop",
    )
    request = only_message(client.handle(reply(discover, dhcp.OFFER), 0))
    assert (request.options.requested_address, request.options.server_identifier) == (ADDRESS, ROUTER)
    assert request.transaction_id == discover.transaction_id
    (_, output) = client.handle(reply(request, dhcp.ACK), SECOND)
    assert isinstance(output, Bound)
    assert output.lease.expires_at_ns == 24 * HOUR * SECOND, "it counts from when we asked"
    assert client.lease == output.lease


def test_an_unheard_discover_is_sent_again_after_about_4_8_16_32_64_64_seconds():
    client, _ = selecting()
    waits, now_ns = [], 0
    for _ in range(6):
        deadline_ns = client.deadline_ns()
        waits.append((deadline_ns - now_ns) / SECOND)
        now_ns = deadline_ns
        assert kind_of(client.on_deadline(now_ns)) == "Discover"
    assert waits == pytest.approx([4, 8, 16, 32, 64, 64], abs=1)
    assert waits != [4, 8, 16, 32, 64, 64]


def test_before_its_deadline_it_does_nothing():
    client, _ = selecting()
    assert at(client, 2.9) == []


def test_an_unheard_request_is_repeated_and_then_all_begins_anew():
    client, _ = requesting()
    kinds = []
    for _ in range(5):
        kinds.append(kind_of(client.on_deadline(client.deadline_ns())))
    assert kinds == ["Request", "Request", "Request", "Discover", "Discover"]


def test_a_nak_sends_it_back_to_the_start():
    client, request = requesting()
    outputs = client.handle(reply(request, dhcp.NAK), 0)
    assert (kind_of(outputs), client.state, client.lease) == ("Discover", "SELECTING", None)


@pytest.mark.parametrize(
    "change",
    [{"client_mac": OTHER_MAC}, {"transaction_id": 1}, {"operation": dhcp.BOOT_REQUEST}],
    ids=["another client's", "another transaction's", "a request"],
)
@pytest.mark.parametrize("state", [selecting, requesting, renewing, rebinding])
def test_messages_for_others_are_passed_over(state, change):
    client, asked = state()
    before = client.state
    for kind in (dhcp.OFFER, dhcp.ACK, dhcp.NAK):
        assert client.handle(reply(asked, kind, **change), 0) == []
    assert client.state == before


def test_an_ack_for_another_address_than_the_one_asked_for_is_passed_over():
    for state in (requesting, renewing, rebinding):
        client, asked = state()
        assert client.handle(reply(asked, dhcp.ACK, your_ip=ip_bytes("192.168.1.7")), 0) == []


def test_an_offer_that_does_not_say_who_makes_it_is_passed_over():
    client, discover = selecting()
    offer = reply(discover, dhcp.OFFER)
    assert client.handle(offer._replace(options=offer.options._replace(server_identifier=None)), 0) == []


def test_half_way_through_the_lease_it_asks_its_server_to_renew():
    client = bound()
    assert client.deadline_ns() == 12 * HOUR * SECOND
    (_, output) = at(client, 12 * HOUR)
    assert (client.state, output.destination) == ("RENEWING", ROUTER)
    assert (output.message.client_ip, output.message.broadcast) == (ADDRESS, False)
    assert output.message.options.requested_address is None
    assert output.message.options.server_identifier is None


def test_a_renewal_prolongs_the_lease_from_when_it_was_asked_for():
    client, asked = renewing()
    outputs = client.handle(reply(asked, dhcp.ACK), (12 * HOUR + 1) * SECOND)
    assert outputs[-1].why == "renewed"
    assert client.lease.expires_at_ns == 36 * HOUR * SECOND
    assert client.deadline_ns() == 24 * HOUR * SECOND


def test_a_renewal_is_repeated_after_half_of_the_time_left_and_at_least_a_minute():
    client, _ = renewing()
    deadlines_s = [client.deadline_ns() / SECOND / HOUR]
    while client.state == "RENEWING":
        client.on_deadline(client.deadline_ns())
        deadlines_s.append(client.deadline_ns() / SECOND / HOUR)
    assert deadlines_s[:3] == [16.5, 18.75, 19.875]
    gaps = [later - sooner for sooner, later in itertools.pairwise(deadlines_s[:-2])]
    assert min(gaps) >= 1 / 60 - 1e-6


def test_at_seven_eighths_it_asks_anybody():
    client, _ = renewing()
    (_, output) = at(client, 21 * HOUR)
    assert (client.state, output.destination, output.message.client_ip) == (
        "REBINDING",
        BROADCAST_IP,
        ADDRESS,
    )
    outputs = client.handle(reply(output.message, dhcp.ACK), 21 * HOUR * SECOND)
    assert outputs[-1].why == "rebound"


def test_an_expired_lease_is_lost_and_all_begins_anew():
    client, _ = rebinding()
    outputs = at(client, 24 * HOUR)
    assert outputs[0] == Lost(ADDRESS, "it has expired")
    assert (kind_of(outputs), client.lease) == ("Discover", None)


@pytest.mark.parametrize("state", [renewing, rebinding])
def test_a_nak_takes_the_address_away(state):
    client, asked = state()
    outputs = client.handle(reply(asked, dhcp.NAK), 22 * HOUR * SECOND)
    assert [output for output in outputs if isinstance(output, Lost)]
    assert kind_of(outputs) == "Discover"


# ---- the server ----------------------------------------------------------------------------------------------


def ask(kind: int, mac: bytes = MAC, **fields) -> Message:
    options = {name: fields.pop(name) for name in list(fields) if name in Options._fields}
    return Message(dhcp.BOOT_REQUEST, 7, mac, Options(kind, **options), **fields)


def offered(server: DhcpServer, mac: bytes = MAC, now_ns: int = 0, **fields) -> str | None:
    messages = sent(server.handle(ask(dhcp.DISCOVER, mac, **fields), now_ns))
    return ip_text(messages[0].your_ip) if messages else None


def leased(server: DhcpServer, mac: bytes = MAC, now_ns: int = 0) -> bytes:
    address = ip_bytes(offered(server, mac, now_ns))
    request = ask(dhcp.REQUEST, mac, requested_address=address, server_identifier=ROUTER)
    assert kind_of(server.handle(request, now_ns)) == "ACK"
    return address


def test_it_offers_an_address_with_all_that_the_client_needs():
    outputs = DhcpServer(SETTINGS).handle(ask(dhcp.DISCOVER), 0)
    offer = only_message(outputs)
    assert (offer.your_ip, offer.options.subnet_mask) == (ADDRESS, ip_bytes("255.255.255.0"))
    assert (offer.options.routers, offer.options.dns_servers) == ((ROUTER,), (ROUTER,))
    assert (offer.options.lease_time_s, offer.options.renewal_time_s) == (24 * HOUR, 12 * HOUR)
    picked = {"address": "192.168.1.100", "why": "next never used", "free": 2, "mac": mac_text(MAC)}
    assert notes(outputs)["dhcp.pool"] == picked


def test_an_offer_holds_its_address_for_a_minute():
    server = DhcpServer(SETTINGS)
    assert offered(server, MAC) == "192.168.1.100"
    assert offered(server, OTHER_MAC) == "192.168.1.101"
    assert server.leases(0) == []
    assert server.free(0) == 1
    assert server.free(60 * SECOND) == 3


def test_a_client_that_takes_another_servers_offer_gives_ours_back():
    server = DhcpServer(SETTINGS)
    offered(server)
    server.handle(ask(dhcp.REQUEST, requested_address=ADDRESS, server_identifier=ip_bytes("192.168.1.2")), 0)
    assert server.free(0) == 3


def test_a_client_gets_the_address_back_that_it_had():
    server = DhcpServer(SETTINGS)
    leased(server, MAC)
    leased(server, OTHER_MAC)
    long_after_ns = 100 * HOUR * SECOND
    assert offered(server, OTHER_MAC, long_after_ns) == "192.168.1.101"


def test_a_client_gets_the_address_that_it_wishes_if_it_is_free():
    server = DhcpServer(SETTINGS)
    assert offered(server, requested_address=ip_bytes("192.168.1.102")) == "192.168.1.102"
    assert offered(server, OTHER_MAC, requested_address=ip_bytes("192.168.1.102")) == "192.168.1.100"
    assert offered(server, THIRD_MAC, requested_address=ip_bytes("10.0.0.1")) == "192.168.1.101"


def test_an_empty_pool_is_told_and_nothing_offered():
    server = DhcpServer(SETTINGS)
    for number in range(3):
        leased(server, bytes((2, 0, 0, 0, 1, number)))
    outputs = server.handle(ask(dhcp.DISCOVER), 0)
    told = {"mac": mac_text(MAC), "host_name": "", "pool": 3, "leased": 3, "offered": 0, "declined": 0}
    assert notes(outputs) == {"dhcp.exhausted": {**told, "next_free_s": 24 * HOUR}}
    assert sent(outputs) == []


def test_when_all_were_used_before_the_longest_unused_is_taken():
    server = DhcpServer(SETTINGS)
    for number in range(3):
        leased(server, bytes((2, 0, 0, 0, 1, number)), number * SECOND)
    assert offered(server, MAC, 25 * HOUR * SECOND) == "192.168.1.100"


def test_the_servers_own_address_is_never_given_out():
    server = DhcpServer(SETTINGS._replace(first=ROUTER, last=ip_bytes("192.168.1.2")))
    assert offered(server) == "192.168.1.2"
    assert offered(server, OTHER_MAC) is None


@pytest.mark.parametrize(
    "request_message",
    [
        ask(dhcp.REQUEST, requested_address=ip_bytes("10.0.0.5")),
        ask(dhcp.REQUEST, client_ip=ip_bytes("192.168.1.50")),
        ask(dhcp.REQUEST, requested_address=ROUTER, server_identifier=ROUTER),
        ask(dhcp.REQUEST, requested_address=ip_bytes("192.168.1.101")),
    ],
    ids=["foreign network", "outside of the pool", "the server's own", "another client's"],
)
def test_a_request_for_an_address_that_is_not_to_be_had_gets_a_nak(request_message):
    server = DhcpServer(SETTINGS)
    offered(server, THIRD_MAC)
    leased(server, OTHER_MAC)
    (_, output) = server.handle(request_message, 0)
    assert output.message.options.message_type == dhcp.NAK
    assert output.destination == BROADCAST_IP


def test_a_client_that_has_an_address_does_not_get_a_second_one():
    server = DhcpServer(SETTINGS)
    leased(server)
    outputs = server.handle(ask(dhcp.REQUEST, requested_address=ip_bytes("192.168.1.102")), 0)
    assert notes(outputs)["dhcp.nak"]["why"] == "192.168.1.100 is this client's address"


def test_a_renewal_is_answered_to_the_clients_address():
    server = DhcpServer(SETTINGS)
    leased(server)
    outputs = server.handle(ask(dhcp.REQUEST, client_ip=ADDRESS), 12 * HOUR * SECOND)
    assert outputs[-1].destination == ADDRESS
    (binding,) = server.leases(12 * HOUR * SECOND)
    assert binding.expires_ns == 36 * HOUR * SECOND


def test_after_a_loss_of_memory_leases_come_back_with_their_renewals():
    server = DhcpServer(SETTINGS)
    assert kind_of(server.handle(ask(dhcp.REQUEST, client_ip=ip_bytes("192.168.1.101")), 0)) == "ACK"
    assert offered(server, OTHER_MAC, requested_address=ip_bytes("192.168.1.101")) == "192.168.1.100"


def test_a_released_address_is_free_but_only_its_holder_can_release_it():
    server = DhcpServer(SETTINGS)
    address = leased(server)
    server.handle(ask(dhcp.RELEASE, OTHER_MAC, client_ip=address), SECOND)
    assert server.free(SECOND) == 2
    server.handle(ask(dhcp.RELEASE, client_ip=address), SECOND)
    assert server.free(SECOND) == 3


def test_a_declined_address_is_given_to_nobody_for_the_time_of_a_lease():
    server = DhcpServer(SETTINGS._replace(last=ADDRESS))
    leased(server)
    server.handle(ask(dhcp.DECLINE, requested_address=ADDRESS), 0)
    assert server.leases(0) == []
    assert offered(server) is None
    assert offered(server, now_ns=24 * HOUR * SECOND) == "192.168.1.100"


def test_relayed_messages_and_replies_are_passed_over():
    server = DhcpServer(SETTINGS)
    assert server.handle(ask(dhcp.DISCOVER, relay_ip=ip_bytes("10.0.0.1")), 0) == []
    assert server.handle(ask(dhcp.DISCOVER)._replace(operation=dhcp.BOOT_REPLY), 0) == []


def test_one_who_only_asks_for_settings_gets_no_lease():
    server = DhcpServer(SETTINGS)
    (output,) = server.handle(ask(dhcp.INFORM, client_ip=ip_bytes("192.168.1.9")), 0)
    assert (output.destination, output.message.your_ip) == (ip_bytes("192.168.1.9"), bytes(4))
    assert output.message.options.lease_time_s is None
    assert output.message.options.dns_servers == (ROUTER,)


MACS = st.integers(1, 6).map(lambda number: bytes((2, 0, 0, 0, 0, number)))
ADDRESSES = st.integers(98, 104).map(lambda number: bytes((192, 168, 1, number)))
MESSAGES = st.one_of(
    st.builds(lambda mac: ask(dhcp.DISCOVER, mac), MACS),
    st.builds(lambda mac, ip: ask(dhcp.DISCOVER, mac, requested_address=ip), MACS, ADDRESSES),
    st.builds(
        lambda mac, ip: ask(dhcp.REQUEST, mac, requested_address=ip, server_identifier=ROUTER),
        MACS,
        ADDRESSES,
    ),
    st.builds(lambda mac, ip: ask(dhcp.REQUEST, mac, client_ip=ip), MACS, ADDRESSES),
    st.builds(lambda mac, ip: ask(dhcp.RELEASE, mac, client_ip=ip), MACS, ADDRESSES),
    st.builds(lambda mac, ip: ask(dhcp.DECLINE, mac, requested_address=ip), MACS, ADDRESSES),
)


@given(st.lists(st.tuples(MESSAGES, st.integers(0, 100)), max_size=50))
def test_no_address_is_ever_leased_to_two_clients_nor_two_to_one(steps):
    server = DhcpServer(SETTINGS._replace(lease_s=120))
    promised: dict[bytes, tuple[bytes, int]] = {}
    now_ns = 0
    for message, wait_s in steps:
        now_ns += wait_s * SECOND
        for answer in sent(server.handle(message, now_ns)):
            holder, until_ns = promised.get(answer.your_ip, (answer.client_mac, 0))
            if answer.options.message_type == dhcp.ACK:
                assert holder == answer.client_mac or until_ns <= now_ns
                assert 100 <= answer.your_ip[3] <= 102
                promised[answer.your_ip] = (answer.client_mac, now_ns + 120 * SECOND)
        if message.options.message_type in (dhcp.RELEASE, dhcp.DECLINE):
            address = message.options.requested_address or message.client_ip
            if promised.get(address, (b"", 0))[0] == message.client_mac:
                del promised[address]
        clients = [binding.client for binding in server.leases(now_ns)]
        assert len(clients) == len(set(clients))
        assert 0 <= server.free(now_ns) <= 3


# ---- both, over a wire that loses ------------------------------------------------------------------------------


@given(st.integers(0, 1000), st.floats(0, 0.6))
def test_over_a_lossy_wire_every_client_gets_a_lease_of_its_own_in_the_end(seed, loss):
    wire = Random(seed)
    server = DhcpServer(SETTINGS)
    clients = [DhcpClient(mac, "host", Random(mac[5])) for mac in (MAC, OTHER_MAC, THIRD_MAC)]

    def exchange(client: DhcpClient, outputs: list, now_ns: int) -> None:
        for message in sent(outputs):
            for answer in sent(server.handle(dhcp.decode(dhcp.encode(message)), now_ns)):
                if wire.random() >= loss:
                    exchange(client, client.handle(dhcp.decode(dhcp.encode(answer)), now_ns), now_ns)

    for client in clients:
        exchange(client, client.start(0), 0)
    for _ in range(400):
        waiting = [client for client in clients if client.lease is None]
        if not waiting:
            break
        client = min(waiting, key=lambda client: client.deadline_ns())
        exchange(client, client.on_deadline(client.deadline_ns()), client.deadline_ns())
    assert len({client.lease.address for client in clients}) == 3
