"""`python -m tests.fuzz`: every parser gets its mutants, in processes of their own; see `--help`."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from time import perf_counter

from tests.fuzz.fuzzing import fuzz
from tests.fuzz.parser import Outcome
from tests.fuzz.parsers import PARSERS


def one(name: str, inputs: int, seed: int) -> Outcome:
    return fuzz(PARSERS[name], inputs, seed)


def line(outcome: Outcome) -> str:
    counts = f"{outcome.accepted + outcome.refused:>9,} {outcome.accepted:>9,} {outcome.refused:>9,}"
    return f"{outcome.name:<58} {counts} {outcome.seconds:>8.1f}"


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--inputs", type=int, default=100_000, help="for each parser")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--only", default="", help="parsers whose names have this in them")
    chosen = options.parse_args()
    names = [name for name in PARSERS if chosen.only in name]
    began, bad = perf_counter(), False
    print(f"{'parser':<58} {'inputs':>9} {'accepted':>9} {'refused':>9} {'seconds':>8}", flush=True)
    with ProcessPoolExecutor(chosen.processes) as pool:
        # The costly ones stand last, and begin first.
        jobs = [pool.submit(one, name, chosen.inputs, chosen.seed) for name in reversed(names)]
        for job in as_completed(jobs):
            outcome = job.result()
            print(line(outcome), flush=True)
            for data, error in outcome.findings:
                bad = True
                print(f"  {error}\n    bytes.fromhex({data.hex()!r})", flush=True)
    print(f"{len(names)} parsers, {perf_counter() - began:.0f} s")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
