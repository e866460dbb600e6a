"""`python -m dashboards build` writes the JSON files and docs/dashboards.md anew; `check` says what is stale."""

import sys
from pathlib import Path

from dashboards.handbook import handbook
from dashboards.pages import PAGES
from dashboards.render import render

JSON = Path(__file__).parent / "json"
HANDBOOK = Path(__file__).parents[1] / "docs" / "dashboards.md"


def wanted() -> dict[Path, str]:
    """Every file and what it is to say."""
    return {HANDBOOK: handbook(), **{JSON / f"{page.uid}.json": render(page) for page in PAGES}}


def build() -> int:
    """Write every file, and remove those of dashboards that are no more."""
    files = wanted()
    JSON.mkdir(exist_ok=True)
    for stale in set(JSON.glob("*.json")).difference(files):
        stale.unlink()
    for path, text in files.items():
        path.write_text(text)
    print(f"{len(PAGES)} dashboards written to {JSON}")
    return 0


def check() -> int:
    """Name every file that is not what the code says; 1 if there is one."""
    files = wanted()
    stale = [path.name for path, text in files.items() if not path.exists() or path.read_text() != text]
    stale += [
        f"{path.name} (no page makes it)" for path in sorted(set(JSON.glob("*.json")).difference(files))
    ]
    for name in stale:
        print(f"stale: {name}; run `make dashboards`", file=sys.stderr)
    return 1 if stale else 0


def main(arguments: list[str]) -> int:
    """`build` or `check`."""
    commands = {"build": build, "check": check}
    if len(arguments) != 1 or arguments[0] not in commands:
        print("usage: python -m dashboards build|check", file=sys.stderr)
        return 2
    return commands[arguments[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
