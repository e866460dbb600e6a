"""`python -m actors NAME --control ADDRESS`: one element as a process of its own, in a container or on this machine."""

import argparse
import sys
import time

from actors.links.curve import ELEMENTS, Keys, NoKeys, load_keys
from actors.runtime.outpost import run_outpost

KEYS_S = 60.0
"""How long to wait for the keys: the orchestrator makes them at its first start."""


def main() -> int:
    arguments = _arguments()
    keys = None if arguments.keys is None else _wait_for_keys(arguments.keys)
    try:
        if arguments.kind is not None:
            return run_outpost({"kind": arguments.kind}, arguments.control, keys, arguments.alive)
        if arguments.outpost:
            return run_outpost({"element": arguments.name}, arguments.control, keys, arguments.alive)
        from actors.runtime.join import run_element  # an outpost does without all that elements need

        return run_element(arguments.name, arguments.control, keys)
    except NoKeys as error:
        print(f"python -m actors: {error}", file=sys.stderr)
        return 2


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m actors", description="Run one element of a world.")
    parser.add_argument("name", nargs="?", help="the element's name in the world's config")
    parser.add_argument(
        "--control",
        required=True,
        metavar="ADDRESS",
        help="the orchestrator's control address, such as ipc:///run/control.sock or tcp://orchestrator:7000",
    )
    parser.add_argument(
        "--keys",
        metavar="DIRECTORY",
        help="where the CURVE keys are that tcp needs; waited for if they are not there yet",
    )
    parser.add_argument(
        "--outpost",
        action="store_true",
        help="offer to run the element: it is forked from here, and forked again should it be killed",
    )
    parser.add_argument(
        "--kind", metavar="KIND", help="offer to run what others launch of this kind: nginx_pod"
    )
    parser.add_argument(
        "--alive", metavar="FILE", help="touched each second while all is well, for a health check"
    )
    arguments = parser.parse_args()
    if (arguments.name is None) == (arguments.kind is None):
        parser.error("either a NAME or --kind KIND says what to run")
    return arguments


def _wait_for_keys(directory: str) -> Keys:
    until = time.monotonic() + KEYS_S
    while True:
        try:
            return load_keys(ELEMENTS, directory)
        except OSError as error:
            if time.monotonic() > until:
                sys.exit(f"python -m actors: no keys after {KEYS_S:g} s: {error}")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
