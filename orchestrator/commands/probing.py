"""`journey ping` and `journey traceroute`: from any element that has an IP stack."""

from typing import Annotated, Any

import typer

from orchestrator.commands.failure import THRESHOLD
from orchestrator.commands.options import At, FileOption, Json, a_world
from orchestrator.commands.terminal import print_json

Host = Annotated[
    str, typer.Argument(metavar="HOST", help="An address, a name, or an element, as `journey ps` lists it.")
]
Timeout = Annotated[float, typer.Option("--timeout", min=0.01, max=20, help="Seconds to wait for an answer.")]


def ping(
    host: Host,
    at: At = None,
    count: Annotated[int, typer.Option("--count", "-c", min=1, max=10_000, help="So many.")] = 4,
    interval: Annotated[float, typer.Option("--interval", "-i", min=0, max=60, help="Seconds between.")] = 1,
    timeout: Timeout = 1,
    file: FileOption = None,
    as_json: Json = False,
) -> None:
    """Send ICMP echo requests from an element of the world: from the laptop unless told otherwise.

    [bold]Examples[/bold]

      journey ping resolver
      journey ping 203.0.113.1 -c 3 --at home-router
      journey ping isp --json | jq '.answers[].rtt_ms'

    Ends with 4 when nothing was answered.
    """
    answers: list[dict[str, Any]] = []
    with a_world(file) as world:
        told = world.stream(
            "ping", host=host, element=at, count=count, interval_s=interval, timeout_s=timeout
        )
        whom = next(told)
        if not as_json:
            print(f"PING {host} ({_named(whom)}) from {whom['from']}")
        for answer in told:
            answers.append(answer)
            if not as_json:
                print(_line(answer), flush=True)
    times = [answer["rtt_ms"] for answer in answers if answer["reached"]]
    if as_json:
        print_json({**whom, "answers": answers, "sent": len(answers), "received": len(times)})
    else:
        print(_summary(len(answers), times))
    if not times:
        raise typer.Exit(THRESHOLD)


def _line(answer: dict[str, Any]) -> str:
    if answer["address"] is None:
        return f"icmp_seq={answer['seq']} {answer['error']}"
    if not answer["reached"]:
        return f"from {_named(answer)}: icmp_seq={answer['seq']} {answer['error']}"
    what = f"icmp_seq={answer['seq']} ttl={answer['ttl']} time={answer['rtt_ms']:.2f} ms"
    return f"64 bytes from {answer['address']}: {what}"


def _summary(sent: int, times: list[float]) -> str:
    lost = f"{sent} sent, {len(times)} received, {(sent - len(times)) / sent:.0%} lost"
    if not times:
        return lost
    return f"{lost}; rtt min/avg/max = {min(times):.2f}/{sum(times) / len(times):.2f}/{max(times):.2f} ms"


def traceroute(
    host: Host,
    at: At = None,
    max_hops: Annotated[int, typer.Option("--max-hops", "-m", min=1, max=255, help="So far at most.")] = 30,
    timeout: Timeout = 1,
    file: FileOption = None,
    as_json: Json = False,
) -> None:
    """Show the way to a host: each router that packets pass, by name and autonomous system.

    Three ICMP echo requests for each distance, as `traceroute -I` sends. Nothing answers for the VPC's implicit router,
    as in AWS, and load balancers and nodes only where a security group lets ICMP in.

    [bold]Examples[/bold]

      journey traceroute resolver
      journey traceroute route53 --at laptop
      journey traceroute 203.0.113.10 --at transit-1 --json | jq '.hops[].answers[0].element'

    Ends with 4 when the host was not reached.
    """
    hops: list[dict[str, Any]] = []
    with a_world(file) as world:
        told = world.stream("traceroute", host=host, element=at, max_hops=max_hops, timeout_s=timeout)
        whom = next(told)
        if not as_json:
            print(f"traceroute to {host} ({_named(whom)}) from {whom['from']}, {max_hops} hops at most")
        for hop in told:
            hops.append(hop)
            if not as_json:
                print(f"{hop['hop']:>3}  {_hop(hop['answers'])}", flush=True)
    end = hops[-1]["end"]
    if as_json:
        print_json({**whom, "hops": hops, "reached": end == "reached", "end": end})
    elif end != "reached":
        print(f"not reached: {end}")
    if end != "reached":
        raise typer.Exit(THRESHOLD)


def _hop(answers: list[dict[str, Any]]) -> str:
    """`home-router (192.168.1.1)  0.9 ms  1.0 ms  *`: a name wherever another one answers than before."""
    parts, before = [], None
    for answer in answers:
        if answer["address"] is None:
            parts.append("*")
            continue
        if answer["address"] != before:
            parts.append(_named(answer))
            before = answer["address"]
        parts.append(f"{answer['rtt_ms']:.2f} ms")
    return "  ".join(parts)


def _named(who: dict[str, Any]) -> str:
    """`isp 203.0.113.1 [AS64500]`."""
    name = f"{who['element']} " if who.get("element") else ""
    asn = f" [AS{who['asn']}]" if who.get("asn") else ""
    return f"{name}{who['address']}{asn}"
