"""Packet hops a second through a chain of ten routers, against ten bare relays: real processes, ZeroMQ between them."""

import asyncio
import contextlib
import itertools
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import zmq

from actors.links.impairments import LinkConfig
from actors.wire import arp, ethernet, ipv4, udp
from actors.wire.addresses import ip_bytes, mac_for
from actors.wire.envelope import decode_batch, encode_batch, pack
from orchestrator.bench.figures import Figure, in_turn
from orchestrator.control.registry import Registry
from orchestrator.directory import new_directory
from orchestrator.hosts.local import LocalHost

ROUTERS = 10
IN_FLIGHT = 40
BATCH = 50
PAYLOAD = 512
SOURCE, SINK = "192.0.2.1", "198.51.100.1"


def router_config(number: int, count: int = ROUTERS) -> dict[str, Any]:
    """The config of one router of the chain: every one knows the way to the sink's network."""
    return {
        "asn": 64512 + number,
        "interfaces": {
            "left": f"{SOURCE[:-1]}0/31" if number == 0 else f"100.64.{number - 1}.1/31",
            "right": f"{SINK[:-1]}0/31" if number == count - 1 else f"100.64.{number}.0/31",
        },
        "routes": [] if number == count - 1 else [{"to": "198.51.100.0/24", "via": f"100.64.{number}.1"}],
    }


def packet_for_chain() -> bytes:
    """The frame that the source sends to the first router."""
    datagram = udp.encode(udp.Datagram(9, 9, bytes(PAYLOAD)), ip_bytes(SOURCE), ip_bytes(SINK))
    packet = ipv4.encode(ipv4.Packet(ip_bytes(SOURCE), ip_bytes(SINK), 17, datagram))
    return ethernet.encode(
        ethernet.Frame(mac_for("router-0", "left"), mac_for("source", "eth0"), ethernet.IPV4, packet)
    )


class Driver:
    """Keeps a number of batches in flight through a chain, and counts what comes out at its end."""

    def __init__(self, context: "zmq.Context[Any]", first: str, last: str) -> None:
        self.push = context.socket(zmq.PUSH)
        self.push.connect(first)
        self.pull = context.socket(zmq.PULL)
        self.pull.bind(last)

    def hops_per_s(self, message: bytes, seconds: float, hops: int) -> float:
        """Drive the chain for that long; hops a second."""
        for _ in range(IN_FLIGHT):
            self.push.send(message)
        self._take(seconds / 4, message)
        began = time.perf_counter()
        taken = self._take(seconds, message)
        rate = taken * hops / (time.perf_counter() - began)
        while self.pull.poll(300):
            self.pull.recv()
        return rate

    def _take(self, seconds: float, message: bytes) -> int:
        taken = unanswered = 0
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            if not self.pull.poll(1000):
                raise RuntimeError("nothing comes out of the chain any more")
            frames = struct.unpack_from(">I", self.pull.recv(), 1)[0]
            taken += frames
            unanswered += frames
            while unanswered >= BATCH:
                self.push.send(message)
                unanswered -= BATCH
        return taken

    def close(self) -> None:
        self.push.close(linger=0)
        self.pull.close(linger=0)


@contextlib.contextmanager
def relay_chain(context: "zmq.Context[Any]") -> Iterator[Driver]:
    """Ten bare relays."""
    directory = new_directory()
    ends = [f"ipc://{directory}/relay-{number}" for number in range(ROUTERS + 1)]
    relays = [
        subprocess.Popen([sys.executable, "-m", "orchestrator.bench.relay", source, target])
        for source, target in itertools.pairwise(ends)
    ]
    driver = Driver(context, ends[0], ends[-1])
    try:
        driver.push.send(encode_batch([pack(("in", 1, None, b"x"))]))
        if not driver.pull.poll(20_000):
            raise RuntimeError("the chain of relays does not come up")
        driver.pull.recv()
        yield driver
    finally:
        driver.close()
        for relay in relays:
            relay.kill()
            relay.wait()
        shutil.rmtree(directory)


class RouterChain:
    """Ten `isp_as` elements in their processes, between a source and a sink that are this process."""

    def __init__(self, context: "zmq.Context[Any]") -> None:
        self._zmq = context
        self._loop = asyncio.new_event_loop()
        self._directory = new_directory()
        self.driver: Driver | None = None

    def __enter__(self) -> Driver:
        try:
            self._loop.run_until_complete(self._start())
            assert self.driver is not None
            self._wait_until_warm(self.driver)
        except BaseException:
            self.__exit__()
            raise
        return self.driver

    def __exit__(self, *exc: object) -> None:
        self._loop.run_until_complete(self._stop())
        self._loop.close()

    async def _start(self) -> None:
        self._host = LocalHost(self._directory)
        self._host.launch()
        await self._host.warm_up(["isp_as"])
        self._registry = Registry(self._zmq, f"ipc://{self._directory}/control.sock")
        for number in range(ROUTERS):
            name = f"router-{number}"
            self._registry.members.expect(name, "isp_as", self._welcome(name, number))
        self.driver = Driver(self._zmq, self._endpoint("router-0"), self._endpoint("sink"))
        await self._host.ready()
        for name in self._registry.members:
            await self._host.spawn(name, self._registry.address)
        await self._registry.members.until("bound")
        self._registry.go()
        await self._registry.members.until("up")

    async def _stop(self) -> None:
        await self._host.close()
        self._registry.close()
        if self.driver is not None:
            self.driver.close()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _endpoint(self, name: str) -> str:
        return f"ipc://{self._directory}/links/{name}"

    def _welcome(self, name: str, number: int) -> dict[str, Any]:
        left = f"router-{number - 1}" if number else "sink"  # nothing flows back to the source
        right = f"router-{number + 1}" if number < ROUTERS - 1 else "sink"
        return {
            "name": name,
            "kind": "isp_as",
            "config": router_config(number),
            "seed": 1,
            "directory": str(self._directory),
            "unix_offset_ns": 0,
            "bind": self._endpoint(name),
            "links": [
                self._link(f"link-{number}", "left", (left, "right" if number else "eth0")),
                self._link(
                    f"link-{number + 1}", "right", (right, "left" if number < ROUTERS - 1 else "eth0")
                ),
            ],
        }

    def _link(self, name: str, port: str, peer: tuple[str, str]) -> dict[str, Any]:
        config = LinkConfig(between=("one.end", "other.end")).model_dump()
        return {
            "port": port,
            "link": name,
            "config": config,
            "peer": list(peer),
            "endpoint": self._endpoint(peer[0]),
        }

    def _wait_until_warm(self, driver: Driver) -> None:
        """Send single packets until one comes out: every router asks for its neighbour's address first."""
        one = encode_batch([pack(("link-0", time.monotonic_ns(), None, packet_for_chain()))])
        last = self._zmq.socket(zmq.PUSH)
        last.connect(self._endpoint(f"router-{ROUTERS - 1}"))
        until = time.monotonic() + 20
        passed = 0
        while passed < 3:
            if time.monotonic() > until:
                raise RuntimeError("the chain of routers does not come up")
            driver.push.send(one)
            if driver.pull.poll(100):
                for _, _, _, frame in decode_batch(driver.pull.recv()):
                    passed += self._sink(frame, last)
        while driver.pull.poll(200):
            driver.pull.recv()
        last.close(linger=0)

    @staticmethod
    def _sink(frame: bytes, last: "zmq.Socket[Any]") -> bool:
        """Answer the last router's ARP request; True for a packet that was meant to come out."""
        seen = ethernet.decode(frame)
        if seen.ethertype == ethernet.IPV4:
            return True
        asked = arp.decode(seen.payload)
        if asked.operation == arp.REQUEST and asked.target_ip == ip_bytes(SINK):
            own = mac_for("sink", "eth0")
            answer = arp.Packet(arp.REPLY, own, asked.target_ip, asked.sender_mac, asked.sender_ip)
            reply = ethernet.encode(ethernet.Frame(asked.sender_mac, own, ethernet.ARP, arp.encode(answer)))
            last.send(encode_batch([pack((f"link-{ROUTERS}", time.monotonic_ns(), None, reply))]))
        return False


def measure(seconds: float, rounds: int) -> Figure:
    """Routers against relays, in turn."""
    with contextlib.ExitStack() as stack:
        context: zmq.Context[Any] = stack.enter_context(zmq.Context())
        relays = stack.enter_context(relay_chain(context))
        routers = stack.enter_context(RouterChain(context))
        plain = encode_batch([pack(("in", 1, None, packet_for_chain()))] * BATCH)
        routed = encode_batch([pack(("link-0", time.monotonic_ns(), None, packet_for_chain()))] * BATCH)
        value, reference = in_turn(
            rounds,
            lambda: routers.hops_per_s(routed, seconds, ROUTERS),
            lambda: relays.hops_per_s(plain, seconds, ROUTERS),
        )
    return Figure(
        "router_hops_per_s", "hops through 10 routers", "/s", value, reference, "10 bare relays", 0.5
    )
