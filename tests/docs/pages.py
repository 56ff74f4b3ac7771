"""What the tests of the documentation share: where it is, and how its code is run and checked."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import bowstring

ROOT = Path(__file__).parents[2]
SOURCE = Path(bowstring.__file__).parents[1]
ENVIRONMENT: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(SOURCE), "MYPYPATH": str(SOURCE)}


def check_types(folder: Path) -> str:
    """Run mypy on all files of a folder; return what it says."""
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(ROOT / "build" / "mypy"), "."]
    checked = subprocess.run(mypy, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    return checked.stdout + checked.stderr
