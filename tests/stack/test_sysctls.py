"""What a world file says about a host's TCP reaches its connections."""

from dataclasses import fields

import pytest
from pydantic import ValidationError

from actors.element import load_kind
from actors.protocols.tcp import DEFAULTS, TcpSettings
from actors.runtime.virtual import VirtualNetwork
from actors.stack.sysctls import Sysctls
from actors.units import SECOND
from orchestrator.config import default_world, load_world
from tests.stack.hosts import Host

NAMES = {each.name for each in fields(TcpSettings)}
INTERNAL = {
    "initial_window_segments", "max_ssthresh_segments", "initial_rto_ns", "minimum_rto_ns", "maximum_rto_ns",
    "delayed_ack_ns", "challenge_interval_ns", "maximum_receive_buffer_bytes",
}  # fmt: skip
"""What Linux has as constants, or as attributes of routes."""


def test_the_defaults_are_the_engines():
    assert Sysctls().settings() == DEFAULTS


def test_every_key_changes_a_setting():
    other = {
        "tcp_congestion_control": "reno", "tcp_rmem": 4096, "tcp_syn_retries": 1, "tcp_synack_retries": 1,
        "tcp_retries2": 3, "tcp_fin_timeout": "5s", "tcp_keepalive_time": "9s", "tcp_keepalive_intvl": "2s",
        "tcp_keepalive_probes": 2, "somaxconn": 9,
    }  # fmt: skip
    changed = set()
    for name, field in Sysctls.model_fields.items():
        value = other.get(name, not field.default)
        settings = Sysctls.model_validate({name: value}).settings()
        differs = {
            each.name
            for each in fields(TcpSettings)
            if getattr(settings, each.name) != getattr(DEFAULTS, each.name)
        }
        assert len(differs) == 1, f"{name} changes {differs}"
        changed |= differs
    assert changed == NAMES - INTERNAL


@pytest.mark.parametrize("wrong", [{"tcp_congestion_control": "bbr"}, {"tcp_rmem": 100}, {"tcp_sak": True}])
def test_what_is_not_known_is_refused(wrong: dict):
    with pytest.raises(ValidationError):
        Sysctls.model_validate(wrong)


def test_a_laptop_takes_them():
    net = VirtualNetwork(seed=1)
    net.add_element("other", lambda context: Host(context, "10.0.0.1/24", None))
    net.add(
        "laptop", "laptop", {"hostname": "x", "sysctls": {"tcp_keepalive_time": "30s", "so_keepalive": True}}
    )
    net.link("wifi", ("laptop", "wifi"), ("other", "eth0"), delay="1ms")

    async def nothing() -> None: ...

    net.run(nothing())
    settings = net.element("laptop").stack.tcp.settings
    assert (settings.keepalive, settings.keepalive_time_ns) == (True, 30 * SECOND)


@pytest.mark.parametrize("name", ["home-router", "isp", "aws-edge"])
def test_routers_take_them_for_their_own_connections(name: str):
    element = load_world(default_world()).elements[name]
    config = element.config.model_dump(mode="json", exclude_unset=True)
    told = {"tcp_keepalive_time": "30s", "tcp_congestion_control": "reno"}
    net = VirtualNetwork(seed=1)
    config |= {"sysctls": told} | ({"aws_api": None} if name == "aws-edge" else {})
    net.add(name, element.kind, config)
    for port in element.config.port_names():
        net.add_element(f"at-{port}", lambda context: Host(context, None, None))
        net.link(f"link-{port}", (name, port), (f"at-{port}", "eth0"), delay="1ms")

    async def nothing() -> None: ...

    net.run(nothing())
    settings = net.element(name).stack.tcp.settings
    assert (settings.congestion_control, settings.keepalive_time_ns) == ("reno", 30 * SECOND)


def test_a_pod_takes_over_those_of_its_node():
    config, _ = load_kind("nginx_pod")
    told = Sysctls.model_validate({"somaxconn": 7, "tcp_keepalive_time": "5s"})
    dumped = told.model_dump(mode="json", exclude_defaults=True)
    pod = config.model_validate({"node": "node-1", "pod": "default/web", "sysctls": dumped})
    assert pod.sysctls == told  # type: ignore[attr-defined]
