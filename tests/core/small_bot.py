"""A bot for the tests of `run`, as a process of its own: ``python -m tests.core.small_bot SCENE OPTIONS``."""

import asyncio
import gc
import signal
import sys
import time
from functools import partial

if "stock" in sys.argv:
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # as if it were not installed

from bowstring.collectors.timer import Elapsed, Every
from bowstring.core import run, stopping
from bowstring.core.components import Collector, Emit, Executor, Strategy, on
from bowstring.core.errors import ConfigError, Disconnected, StopIncomplete
from bowstring.core.messages import Event, KillSwitch, LoopBlocked

SCENE = sys.argv[1]
say = partial(print, flush=True)


class Line(Event, frozen=True, kw_only=True):
    """What came over a socket."""

    text: str


class Lines(Collector):
    """Reads three lines from a server of its own."""

    finite = True

    async def run(self, emit: Emit) -> None:
        async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for n in range(3):
                writer.write(f"line {n}\n".encode())
                await writer.drain()
                await asyncio.sleep(0.05)
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            async for line in reader:
                emit(Line(text=line.decode().strip()))
            writer.close()


class Patient(Collector):
    """Ends after half a second; tells how much of it the process computed."""

    finite = True

    async def run(self, emit: Emit) -> None:
        began_s = time.process_time()
        await asyncio.sleep(0.5)
        say(time.process_time() - began_s)


class Mistaken(Collector):
    """Was configured wrongly."""

    async def run(self, emit: Emit) -> None:
        raise ConfigError("no such symbol")


class Printer(Strategy):
    """Tells on stdout what happens; in some scenes it misbehaves."""

    def __init__(self) -> None:
        self.is_up = False

    async def start(self) -> None:
        if SCENE == "starting":
            say("up")
            await asyncio.sleep(1000)
        if SCENE in {"alone", "alone and left"}:
            raise Disconnected("no venue answers")
        if SCENE == "broken":
            raise ValueError("no idea")

    @on(Line)
    def show(self, line: Line) -> None:
        say(line.text)

    @on(Elapsed)
    def tell(self, elapsed: Elapsed) -> None:
        if not self.is_up:
            self.is_up = True
            say(type(asyncio.get_running_loop()).__module__, "frozen" if gc.get_freeze_count() else "")
            say("up")
        if SCENE == "exiting":
            sys.exit(5)
        if SCENE == "untidy":
            self.task = asyncio.ensure_future(never_end())
        if SCENE == "blocked":
            for name in sys.argv[-2:]:
                signal.raise_signal(signal.Signals[name])
                say("after", name)

    @on(KillSwitch)
    def end(self, pulled: KillSwitch) -> None:
        say("killed:", pulled.reason, pulled.by)

    @on(LoopBlocked)
    def complain(self, blocked: LoopBlocked) -> None:
        say(blocked.handler, "blocked")

    @on(stopping.Stopping)
    def hear(self, event: stopping.Stopping) -> None:
        say("stopping:", event.reason)


class Keeper(Executor):
    """Stops as the scene wants it."""

    @on(Line)
    def hear(self, line: Line) -> None:
        pass

    async def stop(self) -> None:
        await asyncio.sleep(0.05)
        say("executors stop")
        if SCENE in {"left", "alone and left"}:
            raise StopIncomplete("order 1 may be alive")
        if SCENE == "stubborn":
            await never_end()


async def never_end() -> None:
    say("stubborn")
    while True:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            continue


def main() -> None:
    if "quick" in sys.argv:
        stopping.STOP_S, stopping.EXECUTORS_S = 0.3, 0.1
    sources: dict[str, Collector] = {"lines": Lines(), "patient": Patient(), "mistaken": Mistaken()}
    try:
        accounts = run.run(
            collectors=[Every(0.05), sources.get(SCENE, Every(1000))],
            strategies=[Printer()],
            executors=[Keeper()],
            spin="spin" in sys.argv,
            blocked_after_s=0.3 if SCENE == "stopped" else None,
        )
    finally:
        say("frozen" if gc.get_freeze_count() else "not frozen")
    say([account.name for account in accounts])


async def main_in_a_loop() -> None:
    main()


if __name__ == "__main__":
    if SCENE == "notebook":
        asyncio.run(main_in_a_loop())
    main()
