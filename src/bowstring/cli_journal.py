"""``bowstring journal``: reading a bot's journal. See `bowstring.trading.journal.commands`.

Exit code 0: it was read; 1: there is a finding, or a part of its log could not be read; 2: it is no journal.
"""

from collections.abc import Iterable
from pathlib import Path

import click

from bowstring.core.errors import MissingExtra

FOUND = 1
PATH = click.argument("path", type=click.Path(path_type=Path))


@click.group(no_args_is_help=False)
def journal() -> None:
    """Read a bot's journal. The bot may be running, or have been killed: what is in the journal is not changed."""


@journal.command(short_help="Where the bot stands, or the history of an order.")
@PATH
@click.argument("order", required=False)
def show(path: Path, *, order: str | None) -> None:
    """Show where the bot stands whose journal is PATH, or all that is on record of ORDER, a client order id.

    If a part of the log cannot be read, stderr says so, and the exit code is 1.
    """
    try:
        from bowstring.trading.journal.commands import show as lines
        from bowstring.trading.journal.commands import unread
    except ModuleNotFoundError as missing:
        raise _missing(missing) from None
    _tell(lines(path, order), unread=unread(path))


@journal.command(short_help="All that is on record, as lines of JSON.")
@PATH
def export(path: Path) -> None:
    """Print all that is on record in the journal PATH, a line of JSON for each row.

    If a part of the log cannot be read, stderr says so, and the exit code is 1.
    """
    try:
        from bowstring.trading.journal.commands import export as lines
        from bowstring.trading.journal.commands import unread
    except ModuleNotFoundError as missing:
        raise _missing(missing) from None
    _tell(lines(path), unread=unread(path))


@journal.command(short_help="Whether a journal is sound.")
@PATH
def verify(path: Path) -> None:
    """Check the journal PATH: that it is what was written, and makes sense.

    Each finding is a line, and the exit code is 1; without one it is 0.
    """
    try:
        from bowstring.trading.journal.commands import verify as lines
    except ModuleNotFoundError as missing:
        raise _missing(missing) from None
    if _print(lines(path)):
        raise SystemExit(FOUND)
    click.echo("sound")


def _missing(missing: ModuleNotFoundError) -> MissingExtra:
    return MissingExtra(missing, user="journal", extra="journal")


def _tell(lines: Iterable[str], *, unread: Iterable[str]) -> None:
    """Print lines, and before them, on stderr, why they are not all; the exit code is 1 then."""
    warnings = list(unread)
    for warning in warnings:
        click.echo(f"bowstring: {warning}; what is told here is from before them", err=True)
    _print(lines)
    if warnings:
        raise SystemExit(FOUND)


def _print(lines: Iterable[str]) -> int:
    """Print lines; returns how many there were."""
    count = 0
    for line in lines:
        click.echo(line)
        count += 1
    return count
