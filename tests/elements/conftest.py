"""What beds with HTTPS listeners share."""

from pathlib import Path

import pytest

from orchestrator.pki import make_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority, and certificates for two domains; nobody changes them."""
    directory = tmp_path_factory.mktemp("pki")
    make_authority(directory, ["example.com", "other.org"])
    return directory


@pytest.fixture
def directory(tmp_path: Path, authority: Path) -> Path:
    """A run's directory with those certificates in it."""
    for name in ("ca.pem", "certs"):
        (tmp_path / name).symlink_to(authority / name)
    return tmp_path
