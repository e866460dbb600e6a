"""Images on a node: which are there, and what pulling one takes."""

from collections.abc import Iterable
from typing import NamedTuple

from actors.element import Context
from actors.parts.kubelet.config import RESOLVE_S, ImageConfig
from actors.protocols.kubelet.backoff import Backoff
from actors.protocols.kubelet.containers import Object
from actors.protocols.kubelet.images import Reference, parse
from actors.units import SECOND

SIZE_BYTES = 72_950_530
"""What events say of a pulled image's size; nothing depends on it."""


class Pull(NamedTuple):
    """A pull that is to be made: it takes so long, and fails if there is no such image."""

    seconds: float
    image: ImageConfig | None


class Images:
    """The images that this node has, and those that it could pull."""

    def __init__(self, context: Context, catalogue: dict[str, ImageConfig], apps: str | None = None) -> None:
        """`apps` is the folder that apps are imported from, if there is one."""
        self.backoff = Backoff()
        self.apps = apps
        self._context = context
        self._catalogue = catalogue
        self._present: dict[str, Reference] = {}

    def find(self, reference: Reference) -> ImageConfig | None:
        """What the registry has by this name; an app is no matter of registries."""
        if reference.app is not None:
            return ImageConfig(program="app", app=reference.app, present=True)
        return self._catalogue.get(reference.short) or self._catalogue.get(reference.repository)

    def is_present(self, reference: Reference) -> bool:
        found = self.find(reference)
        return reference.name in self._present or (found is not None and found.present)

    def plan(self, reference: Reference) -> Pull:
        """What it takes to have the image now; layers that are there are not pulled again."""
        found = self.find(reference)
        if found is None or self.is_present(reference):
            return Pull(RESOLVE_S, found)
        return Pull(max(found.pull_time / SECOND, RESOLVE_S), found)

    def add(self, reference: Reference) -> None:
        """It has been pulled."""
        self._present[reference.name] = reference

    def recover(self, described: Iterable[Object]) -> None:
        """What the Node's status lists was pulled before this kubelet began, and is on the disk still."""
        for each in described:
            self.add(parse(each["names"][-1]))

    def described(self) -> list[Object]:
        """As a Node's status lists them."""
        return [
            {"names": [reference.image_id, reference.name], "sizeBytes": SIZE_BYTES}
            for reference in self._present.values()
        ]
