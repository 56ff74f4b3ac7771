"""The command line, ``bowstring``. Each command imports what it needs when it runs.

Bad input is one line on stderr and exit code 2.
"""

import math
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path

import click
from click.core import ParameterSource

from bowstring.cli_control import control
from bowstring.cli_journal import journal
from bowstring.core.errors import ConfigError, Disconnected, MissingExtra

INTERRUPTED = 130  # what a shell says of a program that was ended by SIGINT


def _speed(_context: click.Context, _option: click.Parameter, value: str) -> float:
    try:
        speed = math.inf if value == "max" else float(value)
    except ValueError:
        speed = math.nan
    if not speed > 0:
        raise click.BadParameter(f"{value!r} is neither a positive number nor max")
    return speed


def _seconds(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    """No range of click's refuses a NaN."""
    if value is not None and math.isnan(value):
        raise click.BadParameter(f"{value} is no number of seconds")
    return value


def _refuse_idle_options(*, generated: bool) -> None:
    """Options that would do nothing, or contradict each other, are no options of this command line."""
    context = click.get_current_context()
    given = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    idle = {"loop", "exit_at_end"} if generated else {"rate", "seed", "futures"}
    for name in sorted(given & idle):
        feed = "a generated feed, which has no end" if generated else "a recording, only for --generate"
        raise click.UsageError(f"--{name.replace('_', '-')} is not for {feed}: leave it out")
    if {"loop", "exit_at_end"} <= given:
        raise click.UsageError("--loop never comes to the end at which to exit: leave out --loop or --exit-at-end")


def _symbols(given: str, *, option: str) -> list[str]:
    """The symbols as Binance calls them: BTC/USDT is BTCUSDT."""
    symbols = [symbol.strip().replace("/", "") for symbol in given.split(",")]
    found = [symbol for symbol in symbols if symbol]
    if not found:
        raise click.UsageError(f"{option} {given!r} names no symbol: give some, as in BTCUSDT,ETHUSDT")
    return found


@click.group(no_args_is_help=False)
@click.version_option(package_name="bowstring")
def cli() -> None:
    """Live trading bots: collectors, strategies, guards and executors around one event queue."""


cli.add_command(control)
cli.add_command(journal)


@cli.command(short_help="Serve a recording, or a made-up feed, as Binance does.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--generate", metavar="SYMBOLS", help="Serve a generated feed instead, such as BTCUSDT,ETHUSDT.")
@click.option("--futures", is_flag=True, help="Generate a feed of USD-M futures: mark prices and liquidations too.")
@click.option("--rate", default=200.0, show_default=True, help="Generated frames a second.")
@click.option("--seed", default=1, show_default=True, help="The generated feed's seed.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="0, the default, takes a free one.")
@click.option(
    "--speed", default="1", show_default=True, callback=_speed, metavar="FACTOR|max", help="Times the recorded pace."
)
@click.option("--loop", is_flag=True, help="Start anew at the end of the recording.")
@click.option("--exit-at-end", is_flag=True, help="Exit when all is played and read.")
def play(
    file: Path | None,
    *,
    generate: str | None,
    futures: bool,
    rate: float,
    seed: int,
    host: str,
    port: int,
    speed: float,
    loop: bool,
    exit_at_end: bool,
) -> None:
    """Serve a recording, or a generated feed, as if it were Binance.

    FILE is a .ws. file, the stem of several, or a folder with one recording; its REST replies are found beside it.
    The first line of output tells the addresses, the second one the symbols. At a pace, time starts with the first
    subscription, and who comes later misses what was before; at --speed max every client gets everything.
    """
    if (file is None) == (generate is None):
        raise click.UsageError("play needs either a FILE or --generate SYMBOLS")
    _refuse_idle_options(generated=file is None)
    try:
        from bowstring.local_exchange.play import PlayServer, serve
    except ModuleNotFoundError as missing:
        raise MissingExtra(missing, user="play", extra="binance") from None
    from bowstring.local_exchange.feed import live
    from bowstring.local_exchange.recording import open_recording

    recording = (
        open_recording(file)
        if file
        else live(_symbols(str(generate), option="--generate"), seed=seed, rate_hz=rate, futures=futures)
    )
    server = PlayServer(recording, speed=speed, loop=loop, host=host, port=port)
    _run(serve(server, ready=click.echo, exit_at_end=exit_at_end))


@cli.command(short_help="Run an exchange that takes orders as Binance does.")
@click.option("--symbols", default="BTCUSDT,ETHUSDT", show_default=True, help="What can be traded.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=9090, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--seed", default=1, show_default=True, help="Of the participants.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Times the usual number of events; 0: nobody trades but clients.",
)
@click.option("--ledger", type=click.Path(path_type=Path), help="A new file for the ledger; without it, none is kept.")
@click.option("--accounts", type=click.Path(path_type=Path), help="A JSON file with more accounts.")
@click.option("--legacy", is_flag=True, help="Serve listen keys too, which Binance has retired.")
@click.option("--unlimited", is_flag=True, help="Count requests and orders, but limit none.")
@click.option("--cancel-after", is_flag=True, help="Serve a dead-man switch too, which Binance Spot does not have.")
@click.option("--admin-port", type=click.IntRange(0, 65535), help="Serve the switches of faults here; 0: a free one.")
@click.option("--stop-at-eof", is_flag=True, help="Stop when standard input ends, too: with the process that holds it.")
@click.option("--json", "as_json", is_flag=True, help="Print addresses and accounts as one line of JSON.")
def exchange(
    *,
    symbols: str,
    host: str,
    port: int,
    seed: int,
    speed: float,
    ledger: Path | None,
    accounts: Path | None,
    legacy: bool,
    unlimited: bool,
    cancel_after: bool,
    admin_port: int | None,
    stop_at_eof: bool,
    as_json: bool,
) -> None:
    """Run an exchange that clients of Binance Spot can trade on, with participants who make a market.

    When it is ready, it prints its addresses and two funded accounts with their keys, which are made anew each time.
    Their private keys are in files that are gone when it has stopped. SIGINT and SIGTERM stop it.
    """
    try:
        from bowstring.local_exchange.command import run
    except ModuleNotFoundError as missing:
        raise MissingExtra(missing, user="exchange", extra="exchange") from None
    _run(
        run(
            click.echo,
            symbols=_symbols(symbols, option="--symbols"),
            host=host,
            port=port,
            seed=seed,
            speed=speed,
            ledger=ledger,
            accounts=accounts,
            legacy=legacy,
            unlimited=unlimited,
            cancel_after=cancel_after,
            admin_port=admin_port,
            stop_at_eof=stop_at_eof,
            as_json=as_json,
        )
    )


@cli.command(short_help="Record market data of Binance, to play it.")
@click.argument("symbols", nargs=-1, required=True)
@click.option("--to", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder.")
@click.option("--futures", is_flag=True, help="USD-M perpetuals, such as BTC/USDT:USDT, instead of Spot.")
@click.option("--books/--no-books", default=True, show_default=True, help="The changes and snapshots of the books too.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    callback=_seconds,
    help="How long; without it, until Ctrl-C.",
)
@click.option("--max-mb", default=100, show_default=True, type=click.IntRange(1), help="Of a file.")
@click.option("--max-files", default=10, show_default=True, type=click.IntRange(1), help="The oldest go.")
@click.option("--rest-url", help="Another server than Binance's own.")
@click.option("--ws-url", help="Another server than Binance's own.")
def record(
    symbols: tuple[str, ...],
    *,
    folder: Path,
    futures: bool,
    books: bool,
    seconds: float | None,
    max_mb: int,
    max_files: int,
    rest_url: str | None,
    ws_url: str | None,
) -> None:
    """Record the public market data of SYMBOLS, such as BTC/USDT, for `bowstring play`.

    Quotes, trades and books are recorded as they are received, of perpetuals mark prices and liquidations too, and
    nothing private. A running bot records what it receives with Binance(..., recorder=Recorder(folder)).
    """
    try:
        from bowstring.record import record as run_record
    except ModuleNotFoundError as missing:
        raise MissingExtra(missing, user="record", extra="binance") from None
    from bowstring.net.recorder import Recorder

    with Recorder(folder, max_bytes=max_mb * 1_000_000, max_files=max_files) as recorder:
        run_record(symbols, recorder, futures=futures, books=books, seconds=seconds, rest_url=rest_url, ws_url=ws_url)
    click.echo(f"{recorder.received_count} messages recorded in {folder}, {recorder.lost} lines lost")
    if not recorder.received_count:
        raise click.ClickException("nothing was received: see above, or try a longer time")


@cli.command(short_help="Run a bot and an exchange, kill the bot, and compare their records.")
@click.option(
    "--seconds",
    default=15.0,
    show_default=True,
    type=click.FloatRange(1),
    callback=_seconds,
    help="How long the bot trades, starts left out.",
)
@click.option(
    "--kills", default=1, show_default=True, type=click.IntRange(0, 100), help="How often it is killed meanwhile."
)
def demo(*, seconds: float, kills: int) -> None:
    """Run a bot on a local exchange, kill it with SIGKILL on the way, and start it again.

    Both are processes of their own. At the end the exchange's ledger is compared with the bot's journal. Exit code 1:
    they do not agree.
    """
    try:
        from bowstring.demo.run import demo as run_demo
    except ModuleNotFoundError as missing:
        raise MissingExtra(missing, user="demo", extra="binance,exchange") from None

    try:
        run_demo(seconds=seconds, kills=kills)
    except Disconnected as error:
        _exit(str(error))


def _run(program: Coroutine[object, object, None]) -> None:
    """Run it on uvloop where that is installed, else on asyncio's own loop."""
    import asyncio

    loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    with suppress(ModuleNotFoundError):
        from uvloop import new_event_loop as loop_factory
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(program)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; its errors become one line on stderr and exit code 2."""
    try:
        cli.main(arguments, prog_name="bowstring", standalone_mode=False)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "bowstring"
        _exit(f"{' '.join(error.format_message().split())} (see {command} --help)")
    except (ConfigError, MissingExtra, OSError) as error:
        _exit(str(error))
    except click.Abort:  # Ctrl-C
        raise SystemExit(INTERRUPTED) from None


def _exit(message: str) -> None:
    print(f"bowstring: {message}", file=sys.stderr)
    raise SystemExit(2)
