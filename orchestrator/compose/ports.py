"""Where the engine publishes what a world in containers serves: the variables of docker-compose.yml, here as there.

A port is the same within a container and outside of it, so that what is printed, linked to (`Link`) and compared
(`Host`, `Origin`) needs no translation. Only the metrics stay at 9464 within, where Prometheus looks for them.
"""

import os
import socket
from collections.abc import Mapping
from typing import NamedTuple

CONTROL, METRICS = 7460, 9464
"""Within, and not moved: where elements join, and where Prometheus comes."""
HOST = "127.0.0.1"
"""Where this machine's programs find all of it."""
NOWHERE = ("192.0.2.1", 9)
"""A documentation address (RFC 5737) with the discard port; nothing is sent there."""


class Ports(NamedTuple):
    """The published ports; `dns` are the first and the last of them."""

    page: int
    api: int
    metrics: int
    ingress: int
    proxy: int
    dns: tuple[int, int]
    kube_api: int
    aws_api: int


def ports_of(environment: Mapping[str, str] = os.environ) -> Ports:
    """Raises `ValueError` with the variable that is no port, or with those that want the same one."""
    ports = Ports(
        page=_port(environment, "PAGE_PORT", 7463),
        api=_port(environment, "JOURNEY_PORT", 7464),
        metrics=_port(environment, "METRICS_PORT", METRICS),
        ingress=_port(environment, "INGRESS_PORT", 8080),
        proxy=_port(environment, "PROXY_PORT", 1080),
        dns=_range(environment, "DNS_PORTS", "5300-5305"),
        kube_api=_port(environment, "KUBE_API_PORT", 6443),
        aws_api=_port(environment, "AWS_API_PORT", 4566),
    )
    _look_for_neighbours(ports)
    return ports


def _port(environment: Mapping[str, str], variable: str, usual: int) -> int:
    text = environment.get(variable) or str(usual)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65_536:
        raise ValueError(f"{variable} is a port from 1 to 65535, not {text!r}")
    return int(text)


def _range(environment: Mapping[str, str], variable: str, usual: str) -> tuple[int, int]:
    text = environment.get(variable) or usual
    first, _, last = text.partition("-")
    try:
        ends = _port({variable: first}, variable, 0), _port({variable: last or first}, variable, 0)
    except ValueError:
        ends = (1, 0)
    if ends[0] > ends[1]:
        raise ValueError(f"{variable} is a range of ports such as {usual}, not {text!r}")
    return ends


def _look_for_neighbours(ports: Ports) -> None:
    """What the orchestrator itself listens on has to be apart within, too."""
    dns = dict.fromkeys(range(ports.dns[0], ports.dns[1] + 1), "DNS_PORTS")
    taken = {CONTROL: "the elements' control port", METRICS: "Prometheus, within the container"} | dns
    for variable, port in (("PAGE_PORT", ports.page), ("JOURNEY_PORT", ports.api)):
        if port in taken:
            raise ValueError(f"{variable} {port} is that of {taken[port]}; choose another one")
        taken[port] = variable


def outward() -> str:
    """The address at which what is published arrives. The network of the elements, which leads nowhere, has no way
    there: what listens on this address alone cannot be reached from a pod that runs somebody's own code."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(NOWHERE)
        except OSError:
            return HOST  # no network leads out of here, so none is published either
        return str(probe.getsockname()[0])
