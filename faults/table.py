"""The table of what was measured, as Markdown: a line for each row, which its next run in the long form replaces."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from faults.figures import Outcome
from faults.row import Row

HEAD = ("| # | fault | promised | measured | on |", "|---|---|---|---|---|")


def enter(path: Path, row: Row, outcome: Outcome, *, seconds: float) -> None:
    """Enter what came of a row."""
    lines = dict(map(_named, path.read_text().splitlines()[len(HEAD) :])) if path.exists() else dict[str, str]()
    lines[row.id] = _line(row, outcome, seconds)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*HEAD, *(lines[name] for name in sorted(lines, key=_number))]) + "\n")


def _line(row: Row, outcome: Outcome, seconds: float) -> str:
    told = [str(figure) for figure in outcome.figures] + ([] if outcome.is_good else ["**BROKEN**"])
    today = datetime.now(UTC).date()
    where = f"{today}, Python {platform.python_version()}, {os.cpu_count()} cores, {seconds:,.0f} s"
    return f"| {row.id} | {row.fault} | {row.promise} | {'; '.join(told)} | {where} |"


def _named(line: str) -> tuple[str, str]:
    return line.split("|")[1].strip(), line


def _number(name: str) -> int:
    return int(name.removeprefix("F"))
