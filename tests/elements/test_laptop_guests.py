"""Hosts behind a laptop: what they send goes out by its address, and what answers comes back to them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.parts.clients.guests import Guests, NoNetwork, with_checksum
from actors.parts.clients.tunnel import Tunnel
from actors.wire import icmp, ipv4, tcp, udp
from actors.wire.addresses import ip_bytes, ip_text
from actors.wire.checksum import checksum, transport_checksum
from tests.elements.home import ROUTER
from tests.elements.programs import Program
from tests.elements.test_laptop import Scene, directory  # noqa: F401

SELF = "192.168.122.2"


@pytest.fixture
def scene(directory) -> Scene:  # noqa: F811
    return Scene(directory)


class Shell:
    """The far end of a tunnel: what a kernel would have sent and been given."""

    def __init__(self, program: Program) -> None:
        self.program = program
        line, _, self._rest = program.heard.partition(b"\n")
        self.told = json.loads(line)
        program.heard = b""

    def send(self, packet: bytes) -> None:
        self.program.say(len(packet).to_bytes(2) + packet)

    def packets(self) -> list[ipv4.Packet]:
        data, found = self.program.heard, []
        self.program.heard = b""
        while data:
            size = int.from_bytes(data[:2])
            found.append(ipv4.decode(data[2 : 2 + size]))
            data = data[2 + size :]
        return found


async def open_shell(scene: Scene, hello: bytes = b"{}\n") -> Shell:
    assert await scene.call("open_shell") == {"socket": None}
    laptop = scene.net.element("laptop")
    program = Program(Tunnel(laptop._guests, lambda: laptop.stub.servers))
    program.say(hello)
    return Shell(program)


def packet(to: str, protocol: int, payload: bytes, ttl: int = 64, source: str = SELF) -> bytes:
    return ipv4.encode(ipv4.Packet(ip_bytes(source), ip_bytes(to), protocol, payload, ttl))


def echo(to: str, ttl: int = 64, source: str = SELF) -> bytes:
    return packet(to, ipv4.ICMP, icmp.encode(icmp.Echo(7, 1, b"ping")), ttl, source)


def exchange(scene: Scene, *sent: bytes) -> tuple[Shell, list[ipv4.Packet]]:
    async def story():
        shell = await open_shell(scene)
        for each in sent:
            shell.send(each)
        await scene.sleep(1)
        return shell, shell.packets()

    return scene.run(story)


def test_a_guest_is_told_its_address_and_whom_to_ask(scene):
    shell, _ = exchange(scene)
    assert shell.told == {
        "address": SELF, "prefix_length": 24, "router": "192.168.122.1", "dns_servers": [ROUTER], "mtu": 1500,
    }  # fmt: skip


def test_an_echo_goes_out_by_the_laptops_address_and_comes_back(scene):
    _, (answer,) = exchange(scene, echo(ROUTER))
    assert ip_text(answer.destination) == SELF and ip_text(answer.source) == ROUTER
    assert icmp.decode(answer.payload) == icmp.Echo(7, 1, b"ping", reply=True) and answer.ttl == 63


def test_the_laptop_is_the_first_hop(scene):
    _, (answer,) = exchange(scene, echo(ROUTER, ttl=1))
    assert ip_text(answer.source) == "192.168.122.1"
    told = icmp.decode(answer.payload)
    assert isinstance(told, icmp.TimeExceeded) and ip_bytes(SELF) in told.original


def test_the_laptop_itself_answers(scene):
    _, (answer,) = exchange(scene, echo("192.168.122.1"))
    assert isinstance(icmp.decode(answer.payload), icmp.Echo)


def test_what_goes_to_the_kernel_has_real_checksums(scene):
    """Segments leave their checksums to the card; a kernel would drop such."""
    syn = tcp.encode(tcp.Segment(40000, 80, 1, 0, tcp.SYN), ip_bytes(SELF), ip_bytes(ROUTER))
    _, answers = exchange(scene, packet(ROUTER, ipv4.TCP, syn))
    answer = answers[0]
    assert answer.payload[16:18] != b"\0\0"
    assert transport_checksum(answer.source, answer.destination, ipv4.TCP, answer.payload) == 0
    assert answer.payload[13] == tcp.SYN | tcp.ACK


def journeys(scene: Scene) -> list[dict]:
    """What has been written down of journeys that came by a shell, but for their packets."""
    started = [each["journey"] for each in scene.net.journal if each.get("via") == "shell"]
    return [
        each
        for each in scene.net.journal
        if each["kind"].startswith("journey.") and each["journey"] in started
    ]


def segment(flags: int, seq: int = 1, ack: int = 0, port: int = 80, payload: bytes = b"") -> bytes:
    whole = tcp.Segment(40000, port, seq, ack, flags, 65_535, payload=payload)
    return packet(ROUTER, ipv4.TCP, tcp.encode(whole, ip_bytes(SELF), ip_bytes(ROUTER)))


def test_a_guests_connection_is_a_journey(scene):
    request = b"HEAD / HTTP/1.0\r\n\r\n"

    async def story():
        shell = await open_shell(scene)
        shell.send(segment(tcp.SYN))
        shell.send(segment(tcp.SYN))  # once more: it is the same
        await scene.sleep(0.5)
        theirs = tcp.decode(shell.packets()[0].payload).sequence + 1
        shell.send(segment(tcp.ACK, 2, theirs, payload=request))
        await scene.sleep(0.5)
        theirs += sum(len(tcp.decode(each.payload).payload) for each in shell.packets()) + 1
        shell.send(segment(tcp.ACK | tcp.FIN, 2 + len(request), theirs))
        await scene.sleep(1)

    scene.run(story)
    start, end = journeys(scene)
    assert (start["kind"], start["url"], start["via"]) == ("journey.start", f"{ROUTER}:80", "shell")
    assert end["kind"] == "journey.end" and end["phases"]["tcp"] > 0 and end["body_bytes"] > 50
    sent = [each for each in scene.net.journal if each["kind"] == "link.transmit"]
    mine = [each["element"] for each in sent if each["journey"] == start["journey"]]
    assert {"laptop", "home"} == set(mine) and mine[0] == "laptop"


def test_a_refused_connection_and_a_shell_that_is_left_end_their_journeys(scene):
    async def story():
        shell = await open_shell(scene)
        shell.send(segment(tcp.SYN, port=9))
        shell.send(segment(tcp.SYN))
        await scene.sleep(1)
        shell.program.vanish()
        await scene.sleep(1)

    scene.run(story)
    ends = [each["error"] for each in journeys(scene) if each["kind"] == "journey.failed"]
    assert ends == [f"{ROUTER}:9: connection refused", "the shell was left"]


def test_a_closed_port_is_told_to_the_guest(scene):
    query = udp.encode(udp.Datagram(5000, 9, b"hello"), ip_bytes(SELF), ip_bytes(ROUTER))
    _, (answer,) = exchange(scene, packet(ROUTER, ipv4.UDP, query))
    told = icmp.decode(answer.payload)
    assert isinstance(told, icmp.Unreachable) and told.original[12:16] == ip_bytes(SELF)


def test_long_packets_in_pieces_go_out_whole(scene):
    whole = icmp.encode(icmp.Echo(7, 1, bytes(2000)))
    first = ipv4.Packet(
        ip_bytes(SELF), ip_bytes(ROUTER), ipv4.ICMP, whole[:1000], 64, identification=9, more_fragments=True,
        dont_fragment=False,
    )  # fmt: skip
    second = first._replace(payload=whole[1000:], more_fragments=False, fragment_offset=1000)
    _, answers = exchange(scene, ipv4.encode(first), ipv4.encode(second))
    assert sum(len(each.payload) for each in answers) == len(whole)


def test_a_guest_cannot_speak_for_others(scene):
    assert exchange(scene, echo(ROUTER, source="192.168.122.9"), echo(ROUTER, source=ROUTER))[1] == []


def test_what_is_no_ipv4_is_dropped(scene):
    shell, answers = exchange(scene, b"", b"\x60" + bytes(50), b"\x45" + bytes(10), b"\x45" + bytes(40))
    assert answers == [] and not shell.program.gone


def test_the_laptops_own_connections_go_on_beside(scene):
    async def story():
        shell = await open_shell(scene)
        shell.send(echo(ROUTER))
        fetched = await scene.fetch()
        await scene.sleep(1)
        return fetched["status"], len(shell.packets())

    assert scene.run(story) == (200, 1)


def test_addresses_are_given_back_and_asked_for_again(scene):
    async def story():
        first, second = await open_shell(scene), await open_shell(scene)
        assert (first.told["address"], second.told["address"]) == (SELF, "192.168.122.3")
        second.program.vanish()
        await scene.sleep(0.1)
        third = await open_shell(scene, b'{"address": "192.168.122.3"}\n')
        fourth = await open_shell(scene, b'{"address": "192.168.122.2"}\n')
        return third.told["address"], fourth.told["address"]

    assert scene.run(story) == ("192.168.122.3", "192.168.122.4")


def test_guests_see_each_other(scene):
    async def story():
        one, other = await open_shell(scene), await open_shell(scene)
        one.send(echo("192.168.122.3"))
        await scene.sleep(0.5)
        return other.packets()

    (heard,) = scene.run(story)
    assert ip_text(heard.source) == SELF and heard.ttl == 63


def test_a_hello_that_is_none_ends_it_and_so_does_a_full_house(scene, monkeypatch):
    monkeypatch.setattr("actors.parts.clients.guests.MOST_GUESTS", 1)

    async def story():
        await open_shell(scene)
        guests: Guests = scene.net.element("laptop")._guests
        with pytest.raises(NoNetwork):
            guests.join(lambda packet: None)
        program = Program(Tunnel(guests, tuple))
        program.say(b"x" * 5000)
        full = Program(Tunnel(guests, tuple))
        full.say(b"junk\n")
        return program.lost, full.lost, full.heard

    lost, full, told = scene.run(story)
    assert lost and full and "no more" in json.loads(told)["error"]


@settings(max_examples=20)
@given(junk=st.lists(st.binary(max_size=80), max_size=20))
def test_any_bytes_in_the_tunnel_do_no_harm(directory, junk):  # noqa: F811
    scene = Scene(directory)

    async def story():
        shell = await open_shell(scene)
        for each in junk:
            shell.program.say(b"".join((len(each).to_bytes(2), each)))
            shell.send(b"\x45" + each)
            shell.send(ipv4.encode(ipv4.Packet(ip_bytes(SELF), ip_bytes(ROUTER), 6, each, 64)))
        shell.send(echo("192.168.122.1"))
        await scene.sleep(1)
        return shell.packets()

    assert scene.run(story) and not scene.net.troubles


@given(st.binary(min_size=20, max_size=1480))
def test_a_checksum_is_written_where_there_is_none(payload):
    payload = payload[:16] + b"\0\0" + payload[18:]
    done = with_checksum(packet(ROUTER, ipv4.TCP, payload))
    assert checksum(done[:20]) == 0
    assert transport_checksum(ip_bytes(SELF), ip_bytes(ROUTER), ipv4.TCP, done[20:]) == 0
