"""F28: hostile bytes into everything that reads bytes from outside, by the property tests of each parser.

They draw bytes of any kind, and what is valid with some bytes, or some values, replaced. Only errors that are
documented may come out. `tools/fuzz.py` does the same, guided by coverage, for as long as one likes.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from faults.figures import Note, Outcome, Zero
from faults.row import Bench, Row

ROOT = Path(__file__).parents[1]
TESTS = {
    "tests/collectors/test_rest.py": "whatever_the_answer_is",
    "tests/core/test_codec.py": "damaged_bytes",
    "tests/local_exchange/api/test_robust.py": "any_frame or any_bytes",
    "tests/local_exchange/test_recording.py": "read_or_refused",
    "tests/net/test_frames.py": "whatever_comes",
    "tests/net/test_handshake.py": "whatever_answers or no_url",
    "tests/venues/binance/test_exchange_info.py": "read_or_refused",
    "tests/venues/binance/test_order_results.py": "hostile_bytes",
    "tests/venues/binance/test_payloads.py": "refused",
    "tests/venues/binance/test_snapshot.py": "read_or_refused",
    "tests/venues/binance/test_user_data.py": "hostile_bytes",
    "tests/venues/binance/test_wire.py": "parsed_or_refused",
}
"""Files, and the tests in each that are meant."""


def run(bench: Bench) -> Outcome:
    folder = bench.room("pytest")
    profile = "thorough" if bench.form == "long" else "brief"
    environment = os.environ | {"HYPOTHESIS_PROFILE": profile, "TMPDIR": str(folder)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-show-statistics"]
    command += [*TESTS, "-k", " or ".join(f"({Path(file).name} and ({words}))" for file, words in TESTS.items())]
    command += ["-x", "-p", "faults.loose_parser"] if bench.mutant else []
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    (folder / "output.txt").write_text(ended.stdout + ended.stderr)
    cases = sum(int(count) for count in re.findall(r"(\d[\d,]*) passing", ended.stdout))
    parsers = len(re.findall(r"^tests/.*::.*:$", ended.stdout, re.MULTILINE))
    failed = re.findall(r"^FAILED (.*)$", ended.stdout, re.MULTILINE)
    if ended.returncode and not failed:
        failed = [f"pytest ended with {ended.returncode}"]
    return Outcome(
        figures=[Note(f"{parsers} properties"), Zero("errors that are not documented", len(failed), cases)],
        findings=failed,
    )


ROW = Row(
    id="F28",
    fault="hostile bytes into every parser",
    how="hypothesis: any bytes, and valid messages with other bytes and other values in them",
    promise="typed errors only",
    run=run,
)
