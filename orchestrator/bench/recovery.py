"""How long no packet passes after a router's process was killed."""

import time

from orchestrator.bench.figures import Figure
from orchestrator.world import World

PROBE_TIMEOUT_S = 0.03
GIVE_UP_S = 20.0


async def measure(world: World, victim: str, target: str) -> Figure:
    """Kill `victim`, then ping `target`, which lies behind it, from the laptop until an answer comes back."""
    for _ in range(3):
        await world.call("laptop", "ping", host=target, timeout_s=1.0)
    world.kill(victim)
    began = time.perf_counter()
    while time.perf_counter() - began < GIVE_UP_S:
        if "rtt_ms" in await world.call("laptop", "ping", host=target, timeout_s=PROBE_TIMEOUT_S):
            break
    took_s = time.perf_counter() - began
    await world.until_up(victim)
    title = "killed router: packets again"
    return Figure("router_recovery_s", title, "s", took_s, None, "", 1.0, most=True)
