"""`make simulate`, run by a test: in a process of its own, where no coverage is measured, for that takes its time."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 170


def simulate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command; its output is what a failing test shows."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "simulation", *arguments],
        env={**inherited, "PYTHONPATH": path, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    print(done.stdout[-10_000:], done.stderr[-10_000:])  # noqa: T201
    return done
