"""What a user gets who installs the wheel: everything, wherever they stand."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_SOURCES = shutil.ignore_patterns(".*", "build", "dist", "runs", "tests", "*.egg-info", "__pycache__")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources (a build leaves files behind) and unpacked."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(ROOT, folder / "sources", symlinks=True, ignore=NOT_SOURCES)
    offline = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        *offline,
        "--wheel-dir",
        folder,
        folder / "sources",
    ]
    subprocess.run(command, check=True, timeout=120)
    (wheel,) = folder.glob("packet_journey-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def run(installed: Path, program: str, tmp_path: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_worlds(installed: Path):
    configs = ROOT / "configs"
    for path in configs.rglob("*"):
        if path.suffix in (".yaml", ".zone"):
            assert (
                installed / "orchestrator" / "worlds" / path.relative_to(configs)
            ).read_bytes() == path.read_bytes()


def test_the_wheel_holds_every_module_and_no_test(installed: Path):
    sources = {
        path.relative_to(ROOT)
        for room in ("actors", "journey", "orchestrator")
        for path in (ROOT / room).rglob("*.py")
    }
    packed = {path.relative_to(installed) for path in installed.rglob("*.py")}
    example = Path("orchestrator/worlds/apps/shop.py")
    assert packed == {path for path in sources if "worlds" not in path.parts} | {example}


def test_the_wheel_holds_the_live_page(installed: Path):
    page = ROOT / "orchestrator" / "page"
    for path in [*(page / "static").iterdir(), *(page / "vendor").iterdir()]:
        assert (installed / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


def test_the_default_world_loads_from_the_wheel_in_an_empty_folder(installed: Path, tmp_path: Path):
    program = (
        "from orchestrator.config import default_world, load_world\n"
        "print(default_world()); print(*load_world(default_world()).elements)"
    )
    path, elements = run(installed, program, tmp_path).splitlines()
    assert Path(path) == installed / "orchestrator" / "worlds" / "journey.yaml"
    assert {"laptop", "home-router", "node-1"} <= set(elements.split())


def test_the_schema_of_the_kubernetes_api_is_in_the_wheel(installed: Path, tmp_path: Path):
    program = (
        "from actors.protocols.kubernetes.schema import definition_of, definitions\n"
        "print(*(definition_of(kind) in definitions() for kind in ('Pod', 'TargetGroupBinding')))"
    )
    assert run(installed, program, tmp_path) == "True True\n"
