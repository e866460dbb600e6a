"""What each element of a world's file is told when it joins: who it is, and who it is joined to."""

import time
from typing import Any

from actors.element import load_kind
from orchestrator.config import World as WorldConfig
from orchestrator.hosts.host import ElementHost

Welcome = dict[str, Any]


def common_welcome(seed: int, host: ElementHost) -> Welcome:
    """What the welcome of every element of this world has."""
    common = {
        "seed": seed,
        "directory": str(host.directory),
        "unix_offset_ns": time.time_ns() - time.monotonic_ns(),
    }
    return {**common, "doors": host.doors} if host.doors else common


def welcome(name: str, config: WorldConfig, host: ElementHost, common: Welcome) -> Welcome:
    """What the element of this name is told: the arguments of `actors.runtime.join`'s `welcome`."""
    element = config.elements[name]
    return {
        **common,
        "name": name,
        "kind": element.kind,
        "config": element.raw,
        "bind": host.inbox(name),
        "links": _ends_of(name, config, host),
    }


def _ends_of(element: str, config: WorldConfig, host: ElementHost) -> list[dict[str, Any]]:
    """Its own ends of its links. Over tcp it is told where its neighbours' inboxes are when they are open."""
    found = []
    for name, link in config.links.items():
        ends = [tuple(end.split(".", 1)) for end in link.between]
        for (own, port), peer in zip(ends, reversed(ends), strict=True):
            if own == element:
                found.append(
                    {
                        "port": port,
                        "link": name,
                        "config": link.model_dump(),
                        "peer": list(peer),
                        "endpoint": "" if host.keys else host.inbox(peer[0]),
                    }
                )
    return found


def kinds_within(config: WorldConfig) -> list[str]:
    """All kinds of elements that this world may have, with those that others launch."""
    kinds = {element.kind for element in config.elements.values()}
    return sorted(kinds.union(*(load_kind(kind)[1].launches for kind in kinds)))
