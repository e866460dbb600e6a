"""`journey dig`: a DNS question from any element, answered as dig(1) prints it."""

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import typer

from orchestrator.commands.failure import THRESHOLD, usage
from orchestrator.commands.options import At, FileOption, Json, a_world
from orchestrator.commands.terminal import print_json

FLAGS = ("trace", "short", "tcp", "norecurse")

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME [TYPE] [@SERVER] [+trace] [+short] [+tcp] [+norecurse]",
        help="dig's own words, in any order; the server is an address or an element.",
    ),
]


class Question(NamedTuple):
    """What was typed."""

    name: str
    rdtype: str
    server: str | None
    flags: frozenset[str]


def dig(words: Words, at: At = None, file: FileOption = None, as_json: Json = False) -> None:
    """Ask for DNS records from an element of the world, and show which cache or server the answer came from.

    Without @SERVER it asks what programs there would ask: on the laptop its operating system's resolver with its cache.

    [bold]Examples[/bold]

      journey dig packet-journey.com
      journey dig packet-journey.com +trace
      journey dig www.packet-journey.com CNAME @route53 --at resolver
      journey dig nope.packet-journey.com @home-router +tcp
      journey dig packet-journey.com --json | jq '.steps[0].answer'

    Ends with 4 when nobody answered.
    """
    question = _question(words)
    with a_world(file) as world:
        found = world.request(
            "dig",
            name=question.name,
            rdtype=question.rdtype,
            server=question.server,
            element=at,
            tcp="tcp" in question.flags,
            recurse="norecurse" not in question.flags,
            trace="trace" in question.flags,
        )
    if as_json:
        print_json(found)
    elif "short" in question.flags:
        print("\n".join(line["data"] for line in found["steps"][-1].get("answer", ())))
    else:
        print("\n".join(_page(found, trace="trace" in question.flags)))
    if found["steps"][-1]["error"] is not None:
        raise typer.Exit(THRESHOLD)


def _question(words: list[str]) -> Question:
    """dig's words in dig's order: a name, and perhaps a type."""
    plain = [word for word in words if word[0] not in "@+"]
    servers = [word[1:] for word in words if word[0] == "@"]
    flags = [word[1:] for word in words if word[0] == "+"]
    for flag in flags:
        if flag not in FLAGS:
            usage(f"+{flag} is not known; what is: {', '.join(f'+{each}' for each in FLAGS)}")
    if not 1 <= len(plain) <= 2 or len(servers) > 1 or servers == [""]:
        usage("say a name, perhaps a type, perhaps one @SERVER: journey dig packet-journey.com A @resolver")
    if "trace" in flags and ("tcp" in flags or "norecurse" in flags):
        usage("+trace chooses by itself how to ask: leave +tcp and +norecurse out")
    return Question(
        plain[0], plain[1] if plain[1:] else "A", servers[0] if servers else None, frozenset(flags)
    )


def _page(found: dict[str, Any], *, trace: bool) -> Iterator[str]:
    for step in found["steps"]:
        yield from _traced(step) if trace else _answer(step)
    if not trace:
        yield ";; HOW IT WAS FOUND:"
        names = max((len(each["element"]) for each in found["found"]), default=0)
        for each in found["found"]:
            yield f";; {each['t_ms']:9.3f}  {each['element']:<{names}}  {each['text']}"


def _answer(step: dict[str, Any]) -> Iterator[str]:
    if step["error"] is not None:
        yield f";; no servers could be reached: {step['error']}"
        return
    sections = ("question", "answer", "authority", "additional")
    counts = ", ".join(
        f"{section.upper()}: {len(step[section]) + (section == 'additional' and step['edns'] is not None)}"
        for section in sections
    ).replace("QUESTION", "QUERY")
    yield f";; ->>HEADER<<- opcode: QUERY, status: {step['status']}, id: {step['id']}"
    yield f";; flags: {' '.join(step['flags'])}; {counts}"
    yield ""
    if step["edns"] is not None:
        yield ";; OPT PSEUDOSECTION:"
        yield f"; EDNS: version: {step['edns']['version']}, flags:; udp: {step['edns']['udp']}"
    yield ";; QUESTION SECTION:"
    yield from (f";{line}" for line in step["question"])
    yield ""
    for section in sections[1:]:
        if step[section]:
            yield f";; {section.upper()} SECTION:"
            yield from _records(step[section])
            yield ""
    yield f";; Query time: {step['ms']:.2f} msec"
    yield f";; SERVER: {step['server']}#53 ({'TCP' if step['tcp'] else 'UDP'})"
    yield f";; MSG SIZE  rcvd: {step['bytes']}"
    yield ""


def _traced(step: dict[str, Any]) -> Iterator[str]:
    if step["error"] is not None:
        yield f";; {step['error']}"
        return
    yield from _records(step["answer"] or step["authority"])
    name = step["server_name"] or "here"
    how = " by TCP" if step["tcp"] else ""
    yield f";; Received {step['bytes']} bytes from {step['server']}#53({name}){how} in {step['ms']:.2f} ms"
    yield ""


def _records(records: list[dict[str, Any]]) -> Iterator[str]:
    for each in records:
        yield f"{each['name']:<23} {each['ttl']:<7} IN  {each['type']:<7} {each['data']}"
