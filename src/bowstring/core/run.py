"""`run` and `run_engine`: a bot as a process, with its signals, its loop and its exit code."""

import asyncio
import gc
import importlib
import importlib.util
import logging
import os
import signal
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from types import FrameType
from typing import cast

from bowstring.core.components import Collector, Executor, Guard, Strategy
from bowstring.core.engine import Engine
from bowstring.core.errors import BadMessage, ConfigError, Disconnected, NotSent, Rejected, StopIncomplete, WiringError
from bowstring.core.owner import Overdue
from bowstring.core.subscriber import Account
from bowstring.core.watchdog import Watchdog

BLOCKED_AFTER_S = 0.08  # named by twice that, and what wakes up late still keeps to 250 ms
CLOSE_S = 0.5
REFUSED, LEFT_BEHIND = 2, 3  # exit codes; 2 is also the shell's, argparse's and click's for what is given wrongly

EXPECTED = BadMessage, ConfigError, Disconnected, NotSent, Overdue, Rejected
"""What keeps a bot from running and is no mistake in its code: the message says all."""

log = logging.getLogger(__name__)


def run(
    *,
    collectors: Iterable[Collector] = (),
    strategies: Iterable[Strategy] = (),
    guards: Iterable[Guard] = (),
    executors: Iterable[Executor] = (),
    spin: bool = False,
    blocked_after_s: float | None = BLOCKED_AFTER_S,
) -> list[Account]:
    """Build an `Engine` and `run_engine`: raises what they raise."""
    engine = Engine(collectors=collectors, strategies=strategies, guards=guards, executors=executors)
    return run_engine(engine, spin=spin, blocked_after_s=blocked_after_s)


def run_engine(engine: Engine, *, spin: bool = False, blocked_after_s: float | None = BLOCKED_AFTER_S) -> list[Account]:
    """Run an engine until SIGINT, SIGTERM or its own end. For the main thread only.

    With an engine of your own you can reach it while it runs, as to `Engine.resume` a strategy. A second signal ends
    the process at once, whatever it does, with exit code 128 plus the signal's number. SIGUSR1 pulls the kill switch,
    as `Engine.kill` does. What keeps the event loop from running for ``blocked_after_s`` is named in the log, and told
    by `LoopBlocked`; None: nobody looks. Runs on uvloop when that is installed. ``spin`` polls the sockets without ever
    sleeping: half the latency for a whole core, which should be its own. Returns the accounts as they stood at the end.

    Raises ``SystemExit(2)``, with the reason in the log, when a start or a collector's `ConfigError` tells that the bot
    cannot run as it is set up or connected; ``SystemExit(3)`` when something was left behind; what else `Engine.run`
    raises; `ConfigError` for an impossible ``blocked_after_s``; and `WiringError` where an event loop runs already.
    """
    _check_no_loop()
    watchdog = None if blocked_after_s is None else engine.watchdog(after_s=blocked_after_s)
    loop = _new_loop()
    try:
        with _heeding_signals(engine, loop):
            _run(engine, loop, spin=spin, watchdog=watchdog)
    except StopIncomplete as left:
        if isinstance(left.__context__, EXPECTED):
            log.critical("%s", _told(left.__context__))
        log.critical("left behind: %s", left)
        raise SystemExit(LEFT_BEHIND) from left
    except EXPECTED as error:
        log.critical("%s", _told(error))
        raise SystemExit(REFUSED) from error
    finally:
        _close(loop)
    return engine.accounts()


def _told(error: BaseException) -> str:
    return "; ".join([str(error), *getattr(error, "__notes__", ())])


def _check_no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise WiringError("an event loop runs here already, as in a notebook: use `await bs.Engine(...).run()`")


def _run(engine: Engine, loop: asyncio.AbstractEventLoop, *, spin: bool, watchdog: Watchdog | None) -> None:
    """Run to the end: what a handler's `sys.exit` raises breaks the loop off at once, but is to stop it in order."""
    running = loop.create_task(_main(engine, spin=spin, watchdog=watchdog))
    exits: list[SystemExit] = []
    while not running.done():
        try:
            loop.run_until_complete(running)
        except SystemExit as exit_:
            exits.append(exit_)
            engine.stop(repr(exit_))
    if exits:
        raise exits[0]


async def _main(engine: Engine, *, spin: bool, watchdog: Watchdog | None) -> None:
    if spin:
        _spin(asyncio.get_running_loop())
    settling = asyncio.ensure_future(_settle(engine, watchdog))
    try:
        await engine.run()
    finally:
        settling.cancel()
        if watchdog is not None:
            watchdog.stop()
        gc.unfreeze()


@contextmanager
def _heeding_signals(engine: Engine, loop: asyncio.AbstractEventLoop) -> Generator[None]:
    """Handlers of Python, not of the loop: they run also while a strategy keeps the loop from running."""
    seen: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) > 1:
            os._exit(128 + number)
        loop.call_soon_threadsafe(engine.stop, signal.Signals(number).name)

    def on_kill(number: int, _frame: FrameType | None) -> None:
        engine.kill("it was told to by a signal", by=signal.Signals(number).name)

    handlers = {signal.SIGINT: on_signal, signal.SIGTERM: on_signal, signal.SIGUSR1: on_kill}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _spin(loop: asyncio.AbstractEventLoop) -> None:
    """A callback that is always due keeps the loop from waiting for its sockets: it looks and goes on."""
    loop.call_soon(_spin, loop)


async def _settle(engine: Engine, watchdog: Watchdog | None) -> None:
    """Once everything has started: what that took is no block.

    Keep the collector off everything that start-up made: a full collection then takes microseconds, not 190 ms.
    """
    await engine.started.wait()
    gc.collect()
    gc.freeze()
    if watchdog is not None:
        watchdog.start()


def _new_loop() -> asyncio.AbstractEventLoop:
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop()
    new_event_loop = importlib.import_module("uvloop").new_event_loop
    return cast("Callable[[], asyncio.AbstractEventLoop]", new_event_loop)()


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is left, as `asyncio.Runner` does, but wait for half a second at most."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=CLOSE_S))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
