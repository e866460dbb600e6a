"""Every file in `wrong/` says at its end, in `#!` lines, what the loader must say of it."""

from pathlib import Path

import pytest

from orchestrator.config import ConfigErrors, load_world

FILES = sorted((Path(__file__).parent / "wrong").glob("*.yaml"))


def test_there_are_files():
    assert len(FILES) > 60


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_fault_is_told_with_its_place(path: Path):
    expected = [line.removeprefix("#! ") for line in path.read_text().splitlines() if line.startswith("#! ")]
    with pytest.raises(ConfigErrors) as caught:
        load_world(path)
    assert [line.removeprefix(f"{path}:") for line in str(caught.value).splitlines()] == expected
