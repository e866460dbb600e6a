"""DNS by UDP and TCP: EDNS sizes, truncation, pipelining, silence and junk, on the virtual clock."""

import asyncio

import pytest

from actors.element import JOURNEY
from actors.parts.dns_serving import MAX_CONNECTIONS, MAX_PIPELINED
from actors.protocols.dns.framing import MessageReader, framed
from actors.wire import dns
from tests.elements.dns_bed import LONG, RESOLVER, SITE, internet, received


class Client(asyncio.Protocol):
    """A TCP client that keeps what it gets."""

    def __init__(self) -> None:
        self.messages: list[dns.Message] = []
        self.lost = asyncio.Event()
        self._reader = MessageReader()

    def data_received(self, data: bytes) -> None:
        self.messages += map(dns.decode, self._reader.feed(data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


def question(number: int, name: str = "site", rdtype: str = "A") -> bytes:
    return framed(dns.encode(dns.query(dns.name(name), dns.Type[rdtype], number, recursion_desired=True)))


@pytest.fixture
def net(tmp_path):
    return internet(tmp_path)


def test_an_answer_too_long_for_udp_comes_by_tcp_all_the_way(net):
    async def story() -> dns.Message:
        JOURNEY.set("a" * 32)
        return await net.element("host").dig("long.site", rdtype="TXT")

    response = net.run(story())
    assert len(response.answer[0]) == LONG
    assert not dns.is_truncated(response)
    told = [(each["element"], each["kind"]) for each in net.journal if each["kind"] in TRUNCATION]
    site = next(element for element, kind in told if kind == "dns.too_long")
    assert site in ("site-1", "site-2")
    assert told == [
        (site, "dns.too_long"),
        ("resolver", "dns.truncated"),
        ("resolver", "dns.too_long"),
        ("host", "dns.truncated"),
    ]
    assert received(net.host("resolver"), "recursive", "tcp") == 1
    truncated = net.host("resolver").metrics.counter(
        "journey_dns_truncated_responses_total", resolver="recursive"
    )
    assert truncated.value == 1


TRUNCATION = ("dns.too_long", "dns.truncated")


@pytest.mark.parametrize("edns, by_tcp", [(True, 0), (False, 1)])
def test_who_does_not_speak_edns_gets_512_bytes_by_udp(tmp_path, edns, by_tcp):
    net = internet(tmp_path)

    async def story() -> dns.Message:
        zone = net.element("site-1").role._engine.zones[dns.name("site")]
        (texts,) = zone.nodes[dns.name("long.site")].values()
        for rdata in list(texts)[8:]:
            texts.remove(rdata)  # 8 texts of 92 bytes: more than 512 bytes, less than 1232
        return await net.element("host").dig("long.site", SITE, "TXT", edns=edns)

    response = net.run(story())
    assert len(response.answer[0]) == 8
    assert received(net.host("site-1"), "tld", "tcp") == by_tcp


def test_questions_may_follow_each_other_on_one_connection(net):
    async def story() -> list[dns.Message]:
        host = net.element("host")
        await host.dig("site")  # known from here on
        transport, client = await host.stack.create_connection(Client, RESOLVER, 53)
        stream = question(1, "long.site", "TXT") + question(2) + question(3, "none.site")
        for at in range(0, len(stream), 7):
            transport.write(stream[at : at + 7])
        await host.context.sleep(1)
        transport.close()
        return client.messages

    messages = net.run(story())
    assert messages[0].id == 2, "what is known is not kept waiting by what is not"
    assert {message.id for message in messages} == {1, 2, 3}


def test_a_client_that_has_asked_all_still_gets_its_answers(net):
    async def story() -> tuple[list[dns.Message], int]:
        host = net.element("host")
        transport, client = await host.stack.create_connection(Client, RESOLVER, 53)
        transport.write(question(1))
        transport.write_eof()
        await host.context.sleep(1)
        return client.messages, len(net.element("resolver").dns_service.connections)

    messages, connections = net.run(story())
    assert [message.id for message in messages] == [1]
    assert connections == 0, "the server has closed, too"


def test_silence_ends_a_connection_after_ten_seconds(net):
    async def story() -> tuple[float, int]:
        host = net.element("host")
        transport, client = await host.stack.create_connection(Client, RESOLVER, 53)
        await host.context.sleep(6)
        transport.write(question(1))
        began_ns = host.context.now_ns()
        await client.lost.wait()
        return (host.context.now_ns() - began_ns) / 1e9, len(client.messages)

    silent_s, answers = net.run(story())
    assert answers == 1
    assert silent_s == pytest.approx(10, abs=0.1)


def test_junk_on_a_connection_ends_it_and_harms_nobody(net):
    async def story() -> dns.Message:
        host = net.element("host")
        for junk in (framed(b""), framed(b"nonsense"), b"\0\x05GET /", framed(question(1)[2:][:-3])):
            transport, client = await host.stack.create_connection(Client, RESOLVER, 53)
            transport.write(junk)
            async with asyncio.timeout(12):
                await client.lost.wait()
            assert client.messages == []
        return await host.dig("site")

    assert net.run(story()).rcode() == dns.Rcode.NOERROR
    assert not net.element("resolver").dns_service.connections


def test_more_connections_than_a_server_takes_are_closed_at_once(net):
    async def story() -> list[bool]:
        host = net.element("host")
        clients = []
        for _ in range(MAX_CONNECTIONS + 2):
            _, client = await host.stack.create_connection(Client, RESOLVER, 53)
            clients.append(client)
        await host.context.sleep(1)
        return [client.lost.is_set() for client in clients]

    assert net.run(story()) == [False] * MAX_CONNECTIONS + [True] * 2


def test_a_server_that_knows_no_edns_is_asked_without(net):
    class Old:
        """Answers as servers of the last century did: an OPT record is a format error to it."""

        def __init__(self, respond):
            self._respond = respond
            self.asked: list[int] = []

        async def __call__(self, query: dns.Message, client: bytes) -> dns.Message:
            self.asked.append(query.edns)
            if query.edns >= 0:
                return dns.response(dns.without_edns(query), dns.Rcode.FORMERR)
            return await self._respond(query, client)

    async def story() -> tuple[dns.Message, list[int]]:
        service = net.element("site-1").dns_service
        old = service._respond = Old(service._respond)
        return await net.element("host").dig("site", SITE), old.asked

    response, asked = net.run(story())
    assert len(response.answer[0]) == 2
    assert asked == [0, -1]


def test_when_one_name_server_is_silent_the_other_is_asked_after_a_second(net):
    async def story() -> list[int]:
        host = net.element("host")
        JOURNEY.set("a" * 32)
        net.host("hub").ports["site-1"].up = False
        took = []
        for number in range(6):
            began_ns = host.context.now_ns()
            response = await host.dig(f"none-{number}.site")
            assert response.rcode() == dns.Rcode.NXDOMAIN
            took.append(round((host.context.now_ns() - began_ns) / 1e9))
        return took

    took = net.run(story())
    retries = [each for each in net.journal if each["kind"] == "dns.retry"]
    assert set(took) == {0, 1} and sum(took) == len(retries)
    assert {each["server"] for each in retries} == {SITE}
    assert all("does not answer" in each["why"] for each in retries)


def test_a_client_that_takes_no_answers_is_not_answered_for_ever_and_ended(net):
    async def story() -> tuple[int, int, bool]:
        host, resolver = net.element("host"), net.element("resolver")
        transport, client = await host.stack.create_connection(Client, RESOLVER, 53)
        transport.pause_reading()
        transport.write(question(1, "long.site", "TXT") * 500)
        await host.context.sleep(2)
        unsent = sum(each.get_write_buffer_size() for each in resolver.stack.tcp.transports.values())
        answered = received(net.host("resolver"), "recursive", "tcp")
        transport.resume_reading()
        await host.context.sleep(2)
        assert len(client.messages) == 500, "who reads again gets them all"
        transport.pause_reading()
        transport.write(question(1, "long.site", "TXT") * 500)
        await host.context.sleep(12)
        return unsent, answered, not resolver.dns_service.connections

    unsent, answered, ended = net.run(story())
    assert unsent < 2 * 65_536
    assert answered < 100
    assert ended


def test_no_more_queries_of_a_connection_are_in_hand_than_it_may_have(net):
    async def story() -> tuple[int, int]:
        host, service = net.element("host"), net.element("resolver").dns_service
        transport, client = await host.stack.create_connection(Client, RESOLVER, 53)
        transport.write(b"".join(question(number, f"n{number}.site") for number in range(200)))
        most = 0
        for _ in range(400):
            most = max(most, service._in_hand)
            await host.context.sleep(0.001)
        return most, len(client.messages)

    assert net.run(story()) == (MAX_PIPELINED, 200)
