"""``python -m faults.skewed SECONDS python -m faults.process SCRIPT``: a bot in a process whose system clock is off."""

import runpy
import sys

from faults.skew import SKEW


def main() -> None:
    SKEW.seconds = float(sys.argv[1])
    SKEW.install()
    _python, _option, module = sys.argv[2:5]
    sys.argv = sys.argv[4:]
    runpy.run_module(module, run_name="__main__")


if __name__ == "__main__":
    main()
