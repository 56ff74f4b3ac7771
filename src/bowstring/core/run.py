"""`run`: a bot as a process, with its signals, its loop and its exit code."""

import asyncio
import gc
import importlib
import importlib.util
import logging
import signal
from collections.abc import Callable, Sequence
from typing import cast

from bowstring.core.components import Collector, Executor, Guard, Strategy
from bowstring.core.engine import Engine
from bowstring.core.errors import StopIncomplete
from bowstring.core.subscriber import Account

log = logging.getLogger(__name__)


def run(
    *,
    collectors: Sequence[Collector] = (),
    strategies: Sequence[Strategy] = (),
    guards: Sequence[Guard] = (),
    executors: Sequence[Executor] = (),
    spin: bool = False,
) -> list[Account]:
    """Build an `Engine` and run it until SIGINT, SIGTERM or its own end; a second signal ends it at once.

    Runs on uvloop when that is installed. ``spin`` polls the sockets without ever sleeping: half the latency for
    a whole core, which should be its own. Returns the accounts as they stood at the end. Raises `WiringError`, what a component's ``start`` raises, and
    ``SystemExit(3)`` when something was left behind.
    """
    engine = Engine(collectors=collectors, strategies=strategies, guards=guards, executors=executors)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        try:
            runner.run(_main(engine, spin=spin))
        except StopIncomplete as left:
            log.critical("left behind: %s", left)
            raise SystemExit(3) from left
    return engine.accounts()


async def _main(engine: Engine, *, spin: bool) -> None:
    loop = asyncio.get_running_loop()
    running = asyncio.ensure_future(engine.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _on_signal, engine, running, number)
    if spin:
        _spin(loop)
    freezing = asyncio.ensure_future(_freeze(engine))
    try:
        await running
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGINT) from None
    finally:
        freezing.cancel()


def _on_signal(engine: Engine, running: "asyncio.Future[None]", number: int) -> None:
    if engine.stopping:
        running.cancel()
    engine.stop(signal.Signals(number).name)


def _spin(loop: asyncio.AbstractEventLoop) -> None:
    """A callback that is always due keeps the loop from waiting for its sockets: it looks and goes on."""
    loop.call_soon(_spin, loop)


async def _freeze(engine: Engine) -> None:
    """Keep the collector off everything that start-up made: a full collection then takes microseconds, not 190 ms."""
    await engine.started.wait()
    gc.collect()
    gc.freeze()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if importlib.util.find_spec("uvloop") is None:
        return None
    return cast("Callable[[], asyncio.AbstractEventLoop]", importlib.import_module("uvloop").new_event_loop)
