"""The worlds that come with the package.

`orchestrator/worlds` is a link to `configs/`: a checkout, an editable installation and a wheel (which holds the files
in the link's place) all find them there.
"""

from pathlib import Path

_WORLDS = Path(__file__).resolve().parent.parent / "worlds"


def default_world() -> Path:
    """The file of the world that is used when none is named."""
    return (_WORLDS / "journey.yaml").resolve()
