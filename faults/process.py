"""``python -m faults.process SCRIPT``: one bot in a process of its own."""

import logging
import sys

from msgspec.json import decode

import bowstring as bs
from faults.bot import Script, build


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    bs.run_engine(build(decode(sys.argv[1], type=Script)))


if __name__ == "__main__":
    main()
