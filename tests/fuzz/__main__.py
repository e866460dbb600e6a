"""`python -m tests.fuzz`: every parser gets its mutants, and everybody his flood, in processes; see `--help`."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from time import perf_counter

from tests.fuzz.floods import FLOODS
from tests.fuzz.fuzzing import fuzz
from tests.fuzz.parser import Outcome
from tests.fuzz.parsers import PARSERS
from tests.fuzz.watching import Kept, overflows


def one(name: str, inputs: int, seed: int) -> Outcome:
    return fuzz(PARSERS[name], inputs, seed)


def flood(name: str, count: int) -> tuple[str, float, list[Kept]]:
    began = perf_counter()
    kept = FLOODS[name](count)
    return name, perf_counter() - began, kept


def line(outcome: Outcome) -> str:
    counts = f"{outcome.accepted + outcome.refused:>9,} {outcome.accepted:>9,} {outcome.refused:>9,}"
    return f"{outcome.name:<58} {counts} {outcome.seconds:>8.1f}"


def run_parsers(pool: ProcessPoolExecutor, names: list[str], inputs: int, seed: int) -> bool:
    """Whether all is well."""
    well = True
    print(f"{'parser':<58} {'inputs':>9} {'accepted':>9} {'refused':>9} {'seconds':>8}", flush=True)
    for job in as_completed([pool.submit(one, name, inputs, seed) for name in names]):
        outcome = job.result()
        print(line(outcome), flush=True)
        for data, error in outcome.findings:
            well = False
            print(f"  {error}\n    bytes.fromhex({data.hex()!r})", flush=True)
    return well


def run_floods(pool: ProcessPoolExecutor, names: list[str], count: int) -> bool:
    """Whether all is well."""
    well = True
    print(f"\n{'flood':<30} {'of':>9} {'seconds':>8}  the most that was kept", flush=True)
    for job in as_completed([pool.submit(flood, name, count) for name in names]):
        name, seconds, kept = job.result()
        most = ", ".join(f"{each.most:,} {each.what} (of {each.limit:,})" for each in kept)
        print(f"{name:<30} {count:>9,} {seconds:>8.1f}  {most}", flush=True)
        for trouble in overflows(kept):
            well = False
            print(f"  {trouble}", flush=True)
    return well


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    options.add_argument("--inputs", type=int, default=100_000, help="for each parser, and in each flood")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--only", default="", help="parsers and floods whose names have this in them")
    chosen = options.parse_args()
    began = perf_counter()
    parsers = [name for name in reversed(PARSERS) if chosen.only in name]  # the costly ones stand last
    floods = [name for name in reversed(FLOODS) if chosen.only in name]
    with ProcessPoolExecutor(chosen.processes) as pool:
        well = [
            run_parsers(pool, parsers, chosen.inputs, chosen.seed) if parsers else True,
            run_floods(pool, floods, chosen.inputs) if floods else True,
        ]
    print(f"\n{len(parsers)} parsers, {len(floods)} floods, {perf_counter() - began:.0f} s")
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
