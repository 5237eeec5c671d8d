"""`script/fuzz`: a long run with a product of its own. Exit status 1 when something was found."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.fuzz.run import run
from tests.product import Product


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=900, help="how long (900)")
    parser.add_argument("--seed", type=int, default=None, help="of a run that is to be repeated (a new one)")
    parser.add_argument("--phases", default="examples,coverage,fuzzing,stateful")
    parser.add_argument("--examples", type=int, default=200, help="cases of an operation (200)")
    given = parser.parse_args()
    seed = random.randrange(2**31) if given.seed is None else given.seed
    product = Product()
    product.environment["API_RATE_PER_MINUTE"] = "0"
    try:
        product.start()
        with tempfile.TemporaryDirectory() as folder:
            verdict = run(
                product.new_account(),
                product.new_account(),
                folder=Path(folder),
                seconds=given.seconds,
                seed=seed,
                phases=given.phases,
                examples=given.examples,
            )
    finally:
        product.stop()
    sys.stdout.write(f"{verdict.output}\nseed {seed}\n")
    return 0 if verdict.passed else 1


if __name__ == "__main__":
    sys.exit(main())
