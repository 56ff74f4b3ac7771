"""``bowstring journal``: reading a bot's journal. See `bowstring.trading.journal.commands`."""

from collections.abc import Iterable
from pathlib import Path

import click

from bowstring.core.errors import MissingExtra

PATH = click.argument("path", type=click.Path(path_type=Path))


@click.group(no_args_is_help=False)
def journal() -> None:
    """Read a bot's journal. The bot may be running, or have been killed: nothing is changed."""


@journal.command(short_help="Where the bot stands, or the history of an order.")
@PATH
@click.argument("order", required=False)
def show(path: Path, *, order: str | None) -> None:
    """Show where the bot stands whose journal is PATH, or all that is on record of ORDER, a client order id."""
    try:
        from bowstring.trading.journal.commands import show as lines
    except ModuleNotFoundError as missing:
        raise _missing(missing) from None
    _print(lines(path, order))


@journal.command(short_help="All that is on record, as lines of JSON.")
@PATH
def export(path: Path) -> None:
    """Print all that is on record in the journal PATH, a line of JSON for each row."""
    try:
        from bowstring.trading.journal.commands import export as lines
    except ModuleNotFoundError as missing:
        raise _missing(missing) from None
    _print(lines(path))


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
        raise SystemExit(1)
    click.echo("sound")


def _missing(missing: ModuleNotFoundError) -> MissingExtra:
    return MissingExtra(missing, user="journal", extra="journal")


def _print(lines: Iterable[str]) -> int:
    """Print lines; returns how many there were."""
    count = 0
    for line in lines:
        click.echo(line)
        count += 1
    return count
