"""What README and docs tell one to type is typed, in its order, into a shell: each page from its `up` to its `down`.

`tests/told/plan.py` says which commands are typed here, and which of them only by `make soak`.
"""

from pathlib import Path

import pytest

from tests.told.plan import TEST
from tests.told.player import player
from tests.tools import needs

PAGES = {
    "README.md": (
        "docs/faults.md",
        "docs/dns.md",
        "docs/real-clients.md",
        "docs/live-page.md",
        "docs/load.md",
        "docs/bgp.md",
        "docs/kubernetes.md",
    ),
    "docs/tutorial.md": (),
    "docs/own-app.md": (),
}
"""Pages that bring a world up, and those that are guests in it."""


@needs("bash", "kubectl", "curl", "dig", "traceroute")
@pytest.mark.parametrize("page", PAGES)
def test_the_page_is_true(page: str, tmp_path: Path):
    with player(tmp_path) as played:
        played.play(page, TEST, PAGES[page])
    assert played.wrong == [], "\n\n".join(played.wrong)
