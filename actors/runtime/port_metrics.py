"""The numbers of an element's links, from the plain counts that its ports keep: a frame's way pays nothing for them.

Links to elements that were launched (a node's veth pairs) are told as one, `node-1.*`: there may be hundreds of them.
The time on a link of all frames of the last second is put down at its mean, so its sum is exact and its spread within
one second is not; what a frame waited for others is observed frame by frame, for only few do.
"""

from bisect import bisect_left
from collections.abc import Iterable

from actors.element import Counter, Histogram
from actors.links.port import LinkPort
from actors.runtime.metrics import MetricStore
from actors.units import SECOND

REASONS = ("queue_full", "loss", "mtu", "cut", "no_carrier")
RECEIVED, TRANSMITTED = "container_network_receive_bytes_total", "container_network_transmit_bytes_total"
OTHERS = "*"
"""Stands for any of the elements that were launched."""


def shown_link(port: LinkPort) -> tuple[str, str]:
    """The link and the direction of a port, as labels have them."""
    if port.link == f"{port.element}.{port.peer}":
        return f"{port.element}.{OTHERS}", f"{port.element}>{OTHERS}"
    if port.link == f"{port.peer}.{port.element}":
        return f"{port.peer}.{OTHERS}", f"{OTHERS}>{port.peer}"
    return port.link, f"{port.element}>{port.peer}"


class _Seen:
    """What of a port's counts has been told."""

    __slots__ = ("octets", "packets", "spent_ns")

    def __init__(self) -> None:
        self.packets = self.octets = self.spent_ns = 0


class PortMetrics:
    """Tells of the ports of one element."""

    def __init__(self, metrics: MetricStore) -> None:
        self._metrics = metrics
        self._seen: dict[LinkPort, _Seen] = {}
        hop = "journey_hop_duration_seconds"
        self._propagation = metrics.histogram(hop, kind="propagation")
        self._processing = metrics.histogram(hop, kind="processing")
        self._queueing = metrics.histogram(hop, kind="queueing")

    def collect(self, ports: Iterable[LinkPort], now_ns: int) -> None:
        """Bring the numbers up to date. Ports that are not among these any more are forgotten."""
        ports = list(ports)
        waiting: dict[str, int] = {}
        for port in ports:
            link, direction = shown_link(port)
            self._count(port, link, direction)
            waiting[link] = waiting.get(link, 0) + port.impairments.waiting(now_ns)
        self._tell_links(ports, waiting)
        if len(self._seen) > len(ports):
            here = set(ports)
            self._seen = {port: seen for port, seen in self._seen.items() if port in here}

    def _count(self, port: LinkPort, link: str, direction: str) -> None:
        seen = self._seen.get(port)
        if seen is None:
            seen = self._seen[port] = _Seen()
            for reason in REASONS:
                self._drops(link, reason)
        packets, octets = port.packets - seen.packets, port.octets - seen.octets
        counter = self._metrics.counter
        counter("journey_link_transmit_packets_total", link=link, direction=direction).value += packets
        counter("journey_link_transmit_bytes_total", link=link, direction=direction).value += octets
        self._count_container(port, octets)
        for reason, drops in port.drops.items():
            self._drops(link, reason).value += drops
        port.drops.clear()
        weather = port.impairments
        if packets:
            on_wire_ns = packets * weather.delay_ns + (
                octets * 8 * SECOND // weather.rate if weather.rate else 0
            )
            observe_mean(self._propagation, packets, on_wire_ns)
            self._take_waits(weather.waits, packets)
            if spent_ns := port.spent_ns - seen.spent_ns:
                observe_mean(self._processing, packets, spent_ns)
        seen.packets, seen.octets, seen.spent_ns = port.packets, port.octets, port.spent_ns

    def _count_container(self, port: LinkPort, octets: int) -> None:
        """What a launched element sent and was sent, under cAdvisor's names."""
        counter = self._metrics.counter
        if port.link == f"{port.element}.{port.peer}":
            counter(RECEIVED, pod=port.peer, interface=port.peer_port).value += octets
        elif port.link == f"{port.peer}.{port.element}":
            counter(TRANSMITTED, pod=port.element, interface=port.name).value += octets

    def forget_container(self, name: str) -> None:
        """An element that was launched from here is gone."""
        self._metrics.remove(RECEIVED, pod=name)

    def _drops(self, link: str, reason: str) -> Counter:
        return self._metrics.counter("journey_link_dropped_packets_total", link=link, reason=reason)

    def _take_waits(self, waits: Histogram, packets: int) -> None:
        """Every frame has waited, most of them for nobody."""
        self._queueing.counts[0] += max(packets - sum(waits.counts), 0)
        for bucket, waited in enumerate(waits.counts):
            self._queueing.counts[bucket] += waited
        self._queueing.sum += waits.sum
        waits.counts, waits.sum = [0] * len(waits.counts), 0.0

    def _tell_links(self, ports: Iterable[LinkPort], waiting: dict[str, int]) -> None:
        gauge = self._metrics.gauge
        up: dict[str, bool] = {}
        for port in ports:
            link, weather = shown_link(port)[0], port.impairments
            up[link] = up.get(link, True) and port.up and not weather.cut
            gauge("journey_link_propagation_seconds", link=link).value = weather.delay_ns / SECOND
            if weather.rate is not None:
                gauge("journey_link_capacity_bytes_per_second", link=link).value = weather.rate / 8
        for link, frames in waiting.items():
            gauge("journey_link_queue_packets", link=link).value = frames
            gauge("journey_link_up", link=link).value = up[link]


def observe_mean(histogram: Histogram, times: int, total_ns: int) -> None:
    """So many observations, each at the mean of them all."""
    histogram.counts[bisect_left(histogram.bounds, total_ns / times / SECOND)] += times
    histogram.sum += total_ns / SECOND
