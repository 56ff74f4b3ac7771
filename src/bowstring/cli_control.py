"""``bowstring control``: a human's commands to a bot, by files beside its journal. See `bowstring.trading.control`.

Exit code 0: it was carried out; 1: it was refused; 2: it is no command; 3: it was not carried out yet.
"""

import getpass
import sys
import time
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Never

import click

from bowstring.core.clock import Clock
from bowstring.core.errors import BadMessage, ConfigError
from bowstring.trading.control.commands import (
    DECIDED,
    Accept,
    Activate,
    Answer,
    AnyCommand,
    Decided,
    DecideOrder,
    Kill,
    Reduce,
    Resume,
    SetPosition,
    Status,
)
from bowstring.trading.control.files import ControlFiles
from bowstring.trading.journal.header import check_header
from bowstring.trading.journal.rows import Damaged

LOOK_S = 0.01
REFUSED, NOT_YET = 1, 3


def _quantity(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Decimal | None:
    try:
        quantity = None if value is None else Decimal(value)
    except InvalidOperation:
        quantity = Decimal("NaN")
    if quantity is not None and not quantity.is_finite():
        raise click.BadParameter(f"{value!r} is no quantity")
    return quantity


def _reason(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("it is empty: say why, for the record")
    return value


def _given(function: Callable[..., AnyCommand]) -> Callable[..., AnyCommand]:
    """What every command has that changes something."""
    why = click.option("--why", required=True, callback=_reason, help="The reason, for the record.")
    operator = click.option(
        "--operator", default=getpass.getuser, show_default="your login name", help="Who decides, for the record."
    )
    return why(operator(function))


@click.group(short_help="Tell a bot what to do: kill, activate, resume, decide.", no_args_is_help=False)
@click.argument("journal", type=click.Path(path_type=Path))
@click.option(
    "--wait", "wait_s", default=5.0, show_default=True, type=click.FloatRange(min=0), help="Seconds for the answer."
)
def control(*, journal: Path, wait_s: float) -> None:
    """Give a command to the bot whose journal is JOURNAL, as the user that it runs as, and print what came of it.

    The bot picks it up at once, and puts it on record. If none runs, it is left for the next start, and this says so.
    """


@control.command()
def status() -> AnyCommand:
    """Tell whether it trades, what is halted, and what waits for a decision."""
    return Status(operator="", why="")


@control.command()
@_given
def kill(*, operator: str, why: str) -> AnyCommand:
    """Halt all trading, and make the kill switch: a file beside JOURNAL, also for the next start."""
    return Kill(operator=operator, why=why)


@control.command()
@_given
def reduce(*, operator: str, why: str) -> AnyCommand:
    """Let through only orders that make a position smaller."""
    return Reduce(operator=operator, why=why)


@control.command()
@_given
def activate(*, operator: str, why: str) -> AnyCommand:
    """Trade again, and remove the kill switch."""
    return Activate(operator=operator, why=why)


@control.command()
@click.argument("strategy")
@_given
def resume(*, strategy: str, operator: str, why: str) -> AnyCommand:
    """Let a halted STRATEGY go on."""
    return Resume(operator=operator, why=why, strategy=strategy)


@control.command()
@click.argument("client_order_id", metavar="ID")
@click.argument("status", metavar="STATUS", type=click.Choice(DECIDED))
@click.option("--filled", callback=_quantity, help="How much of it was filled, in base units.")
@_given
def order(*, client_order_id: str, status: Decided, filled: Decimal | None, operator: str, why: str) -> AnyCommand:
    """Decide what became of the order ID, whose outcome the bot cannot find out.

    STATUS is open, failed, rejected, expired, cancelled or filled.

    failed: it never was at the venue. No fill is booked by this: if the venue has any, the bot finds them.
    """
    return DecideOrder(operator=operator, why=why, client_order_id=client_order_id, status=status, filled=filled)


@control.command()
@click.argument("venue")
@click.argument("symbol")
@_given
def accept(*, venue: str, symbol: str, operator: str, why: str) -> AnyCommand:
    """Take new risk in SYMBOL at VENUE again, in spite of a mismatch."""
    return Accept(operator=operator, why=why, venue=venue, symbol=symbol)


@control.command(context_settings={"ignore_unknown_options": True})  # a negative number is none
@click.argument("strategy")
@click.argument("venue")
@click.argument("symbol")
@click.argument("quantity", callback=_quantity)
@_given
def position(*, strategy: str, venue: str, symbol: str, quantity: Decimal, operator: str, why: str) -> AnyCommand:
    """Decide that the position of STRATEGY in SYMBOL at VENUE is QUANTITY, negative when short."""
    return SetPosition(operator=operator, why=why, strategy=strategy, venue=venue, symbol=symbol, quantity=quantity)


@control.result_callback()
def give(command: AnyCommand, *, journal: Path, wait_s: float) -> Never:
    """Give the command to the bot, and end with what came of it."""
    files = ControlFiles(str(journal.absolute()))
    _check(journal, files)
    if isinstance(command, Kill):
        files.pull(f"{command.why} ({command.operator})")
    files.check_folder()
    if not files.is_running():
        _end_idle(files, command, journal)
    name = new_name()
    path = files.give(name, command)
    answer = _wait(files, name, wait_s=wait_s)
    if answer is not None:
        _end(answer)
    late = f"the bot has not answered within {wait_s:g} s"
    if isinstance(command, Kill | Status) and files.take_back(name):
        longer = ": give it longer, by --wait SECONDS before the journal"
        _end_later(late + (f"; {files.kill_path} is there" if isinstance(command, Kill) else longer))
    _end_later(f"{late}: it is carried out as soon as it can be; to take it back, rm {path}")


def _check(journal: Path, files: ControlFiles) -> None:
    """Raise `ConfigError` where no bot is known by this path: none left its files there, and it is no journal.

    So a bot is still found whose journal is in memory, or damaged.
    """
    if files.kill_path.exists() or files.folder.exists():
        return
    if not journal.exists():
        raise ConfigError(f"there is no journal {journal}: give the path that its bot was given")
    try:
        check_header(journal)
    except Damaged as damage:
        raise ConfigError(f"{journal} is no journal that a bot has used: {damage}") from None


def _end_idle(files: ControlFiles, command: AnyCommand, journal: Path) -> Never:
    idle = f"no bot runs on {journal}"
    if isinstance(command, Status):
        record = f"what is on record: bowstring journal show {journal}"
        _end_later(f"{idle}; {record if journal.is_file() else 'it has no journal in a file: start it, and ask again'}")
    if isinstance(command, Kill):
        _end_later(f"{idle}: the next one starts halted, as {files.kill_path} is there")
    path = files.give(new_name(), command)
    _end_later(f"{idle}: it is carried out when one starts; to take it back, rm {path}")


def _wait(files: ControlFiles, name: str, *, wait_s: float) -> Answer | None:
    deadline_s = time.monotonic() + wait_s
    try:
        while (answer := files.find_answer(name)) is None and time.monotonic() < deadline_s:
            time.sleep(LOOK_S)
    except KeyboardInterrupt:
        files.take_back(name)
        raise
    except BadMessage as error:
        raise ConfigError(f"{files.folder}: the answer to {name}: {error}") from None
    return answer


def new_name() -> str:
    """A name for a command: unique, and greater than those that were given before."""
    return Clock().new_prefix().rstrip("-")


def _end(answer: Answer) -> Never:
    if answer.is_done:
        click.echo(answer.text)
        raise SystemExit(0)
    print(f"bowstring: refused, {answer.text}", file=sys.stderr)
    raise SystemExit(REFUSED)


def _end_later(text: str) -> Never:
    print(f"bowstring: {text}", file=sys.stderr)
    raise SystemExit(NOT_YET)
