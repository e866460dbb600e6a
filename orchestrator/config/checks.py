"""What must hold between the parts of a world: ends of links, ports, addresses, references.

Each check yields faults as `Fault(path, what)`; the loader adds file, line and column. They also take worlds of which
some elements or links were already found wrong, and then stay silent about what follows from that.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import NamedTuple

from actors.element import CertificateName, ElementName, FileName, FolderName, Reference
from actors.links.impairments import LinkConfig
from orchestrator.config.errors import Path, nearest, suggestion
from orchestrator.config.models import ElementSpec

_DOMAIN = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.IGNORECASE)


class Fault(NamedTuple):
    """A path, what is wrong there, and where the other half of a contradiction stands."""

    path: Path
    what: str
    of_key: bool = False
    other: Path | None = None


class PlugPoint(NamedTuple):
    """A port of an element, as an end of a link names it."""

    element: str
    port: str


@dataclass
class Draft:
    """The parts of a world that are right in themselves, and the names of all that it declares."""

    elements: Mapping[str, ElementSpec]
    links: Mapping[str, LinkConfig]
    declared: set[str]
    beside: Callable[[Path], FilePath]
    """The folder that a file named at this path is looked for in."""
    ends: Mapping[str, list[str]]
    """The ends of every link, also of those that are wrong in something else."""

    def cables(self) -> list[list[PlugPoint]]:
        """The ends of all links as they were probably meant, so that a misspelt one is one fault and not three."""
        return [[self._meant(end) for end in ends] for ends in self.ends.values()]

    def ports(self, element: str) -> list[str]:
        return list(self.elements[element].config.port_names())

    def _meant(self, end: str) -> PlugPoint:
        name, _, port = end.partition(".")
        element = name if name in self.declared else nearest(name, self.declared) or name
        if element not in self.elements or port in (known := self.ports(element)):
            return PlugPoint(element, port)
        return PlugPoint(element, nearest(port, known) or next(iter(known), port))


def check(draft: Draft) -> Iterator[Fault]:
    """All that is wrong between the parts."""
    yield from _check_links(draft)
    yield from _check_ports(draft)
    yield from _check_references(draft)


def _check_links(draft: Draft) -> Iterator[Fault]:
    for name, link in draft.links.items():
        if link.jitter > link.delay:
            yield Fault(
                ("links", name, "jitter"),
                "must not be more than the delay: nothing arrives before it is sent",
            )
        if link.rate is None and "queue" in link.model_fields_set:
            yield Fault(("links", name, "queue"), "a queue needs a rate: without one no frame waits")
    for name, ends in draft.ends.items():
        for index, end in enumerate(ends):
            if what := _wrong_end(draft, end):
                yield Fault(("links", name, "between", index), what)


def _wrong_end(draft: Draft, end: str) -> str | None:
    element, dot, port = end.partition(".")
    if not dot:
        return f"an end is written element.port{_port_hint(draft, element)}"
    if element not in draft.declared:
        return f"there is no element {element!r}" + suggestion(element, draft.declared, otherwise="there are")
    if element not in draft.elements:
        return None
    known = draft.ports(element)
    if port in known:
        return None
    return f"{element} has no port {port!r}" + suggestion(port, known, otherwise="its ports are")


def _port_hint(draft: Draft, name: str) -> str:
    meant = name if name in draft.elements else nearest(name, draft.elements)
    ports = draft.ports(meant) if meant else []
    return f", did you mean '{meant}.{ports[0]}'?" if ports else ""


def _check_ports(draft: Draft) -> Iterator[Fault]:
    plugged: dict[PlugPoint, Path] = {}
    for name, ends in draft.ends.items():
        for index, end in enumerate(ends):
            path = ("links", name, "between", index)
            point = PlugPoint(*end.partition(".")[::2])
            if point in plugged:
                yield Fault(path, f"{end} is already in link {plugged[point][1]!r}", other=plugged[point])
            plugged.setdefault(point, path)
    meant = {point for ends in draft.cables() for point in ends}
    for name in draft.elements:
        for port in draft.ports(name):
            if PlugPoint(name, port) not in meant:
                yield Fault(("elements", name), f"port {port!r} is not in any link", of_key=True)


def _check_references(draft: Draft) -> Iterator[Fault]:
    for name, spec in draft.elements.items():
        for path, reference in spec.references():
            where = ("elements", name, *path)
            if what := _dangling(draft, reference, draft.beside(where)):
                yield Fault(where, what)


def _dangling(draft: Draft, reference: Reference, directory: FilePath) -> str | None:
    match reference:
        case ElementName() if reference not in draft.declared:
            return f"there is no element {str(reference)!r}" + suggestion(
                reference, draft.declared, otherwise="there are"
            )
        case FolderName():
            return _missing(directory, reference, "folder", FilePath.is_dir)
        case FileName():
            return _missing(directory, reference, "file", FilePath.is_file)
        case CertificateName() if not _DOMAIN.fullmatch(reference):
            return f"{str(reference)!r} is not a domain name such as packet-journey.com"
    return None


def _missing(directory: FilePath, name: str, kind: str, is_one: Callable[[FilePath], bool]) -> str | None:
    try:
        if is_one(directory / name):
            return None
        folder = (directory / name).parent
        beside = [str(path.relative_to(directory)) for path in folder.iterdir() if is_one(path)]
    except (OSError, ValueError):
        beside = []
    return f"there is no {kind} {name!r} beside the world file" + suggestion(
        name, beside, otherwise="there are"
    )
