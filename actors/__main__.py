"""`python -m actors NAME --control ADDRESS`: one element as a process of its own."""

import argparse
import sys

from actors.runtime.join import run_element


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m actors", description="Run one element of a world.")
    parser.add_argument("name", help="the element's name in the world's config")
    parser.add_argument(
        "--control", required=True, help="the orchestrator's control address, such as ipc:///run/control.sock"
    )
    arguments = parser.parse_args()
    return run_element(arguments.name, arguments.control)


if __name__ == "__main__":
    sys.exit(main())
