import sys
from pathlib import Path

import pytest

import actors

KINDS = Path(__file__).parent / "kinds"


@pytest.fixture(autouse=True)
def _tiny_kinds(monkeypatch: pytest.MonkeyPatch):
    """The kinds `host`, `router` and `cloud` beside the real ones."""
    monkeypatch.setattr(actors, "__path__", [*actors.__path__, str(KINDS)])
    yield
    for path in KINDS.glob("*.py"):
        sys.modules.pop(f"actors.{path.stem}", None)
        vars(actors).pop(path.stem, None)
