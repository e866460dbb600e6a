"""What the orchestrator asks of a place where elements run: this machine, or containers."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from actors.links.curve import Keys


class ElementHost(Protocol):
    """Starts elements, and tells at once when one ends."""

    directory: Path
    """The run directory; elements see it under the same path."""
    keys: Keys | None
    """For a control line over tcp."""
    start_s: float
    """How long a world may take to come up here."""
    doors: dict[str, Any]
    """Where elements serve real programs: `address` and `ports` of `actors.runtime.process.Doors`."""
    on_exit: Callable[[int, int], None]
    on_loss: Callable[[], None]

    @property
    def control(self) -> str:
        """The address of the control line."""

    @property
    def pid(self) -> int | None: ...

    def inbox(self, element: str) -> str:
        """Where an element is to open its inbox."""

    def attach(self, registry: Any) -> None:
        """The orchestrator's end of the control line, for hosts that are spoken to over it."""

    def told(self, pid: int) -> dict[str, Any]:
        """What `ps` shows of a process."""

    def launch(self) -> None: ...

    async def warm_up(self, kinds: Iterable[str]) -> None:
        """Have this code loaded where elements will run."""

    async def ready(self) -> None:
        """Wait until elements can be spawned. Raises `HostFailed`."""

    async def spawn(self, name: str, control: str, launched_kind: str | None = None) -> int:
        """Start the element of this name; returns its process id. `launched_kind` is set for one that another element
        launches. Raises `CallFailed` if there is no place for it."""

    def kill(self, pid: int, number: int) -> None:
        """Send a signal to an element's process."""

    def abandon(self) -> None: ...

    async def close(self) -> None:
        """End every element, and wait until they are gone."""
