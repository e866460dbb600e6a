"""Real programs that tests talk to. A missing one skips its tests; where CI promises them all, it fails them."""

import os
import shutil

import pytest

DEMANDED = bool(os.environ.get("JOURNEY_REQUIRE_TOOLS") or os.environ.get("CI"))


def needs(*programs: str) -> pytest.MarkDecorator:
    """`@needs("tshark")`: skip the test where a program is missing, unless all are demanded."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing) and not DEMANDED, reason=f"not installed: {', '.join(missing)}")
