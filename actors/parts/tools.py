"""What one types into a host's shell."""

from actors.stack import Stack


async def ping(stack: Stack, host: str, timeout_s: float) -> dict[str, float | str]:
    """One ICMP echo: `rtt_ms`, or `error`, which says why there is no answer."""
    try:
        return {"rtt_ms": await stack.ping(host, timeout_s) * 1000}
    except OSError as error:
        return {"error": str(error) or "no answer"}
