"""How a world is commanded from a shell: what the page writes beside its buttons, and what only a shell can do."""

from typing import NamedTuple


class Shell(NamedTuple):
    """`journey` is how its commands begin, `scale` the command for so many pods where the page cannot: `{}` of them.
    `plays` is the scenario that alone decides what happens, and its variant: there is only to look on then."""

    journey: str = "journey"
    scale: str = ""
    plays: str = ""

    def command(self, words: str) -> str:
        return f"{self.journey} {words}"
