"""Real programs that tests talk to. A missing one skips its tests; where CI promises them all, it fails them."""

import os
import shutil

import pytest

DEMANDED = bool(os.environ.get("JOURNEY_REQUIRE_TOOLS") or os.environ.get("CI"))


def needs(*programs: str) -> pytest.MarkDecorator:
    """`@needs("tshark")`: skip the test where a program is missing, unless all are demanded."""
    return wants({program: shutil.which(program) is not None for program in programs})


def wants(there: dict[str, bool]) -> pytest.MarkDecorator:
    """The same for what is more than a program by its name."""
    missing = [what for what, is_there in there.items() if not is_there]
    return pytest.mark.skipif(bool(missing) and not DEMANDED, reason=f"not installed: {', '.join(missing)}")
