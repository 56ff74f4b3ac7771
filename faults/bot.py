"""What a bot of this suite is made of, as its `Script` tells.

It is an ordinary bot: `bowstring.run` with Binance's gateway and the journal that bots have. What differs from row to
row, its strategies above all, is a module's ``cast(stage)``. By its input it is told words, which come as `Told`; on
its output it says words, by `Say`.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from msgspec import Struct, field
from msgspec.json import encode

import bowstring as bs
from bowstring.core.components import Strategy
from bowstring.trading.executor import OrderExecutor, Policy
from bowstring.trading.journal.file import Durability
from bowstring.venues.binance.gateway import OrdersOver
from faults import mutants
from faults.exchange import Account, Addresses
from faults.gateway import LocalGateway, Truth
from faults.gauge import Gauge

ABANDONED = 70  # exit code


class Script(Struct, frozen=True, kw_only=True):
    """What a bot is made of. ``cast`` names the module that has the rest; ``words`` are for that."""

    cast: str
    addresses: Addresses
    account: Account
    folder: str
    journal: str = "journal"
    durability: Durability = "process"
    truth: Truth = Truth()
    orders_over: OrdersOver = "ws"
    weight_limit: int | None = None
    seed: int = 1
    on_stop: Policy = "leave"
    reconcile_every_s: float = 30.0
    mutant: str = ""
    words: dict[str, str] = field(default_factory=dict[str, str])


class Told(bs.Event, frozen=True):
    """A word from whoever started the bot."""

    word: str


class Pulse(bs.Event, frozen=True):
    """It is time for more."""


class Say(bs.Action, frozen=True):
    """Say a line to whoever started the bot."""

    line: str


class Voice(bs.Executor):
    """Carries out `Say`. It says ``begun`` by itself, as the engine starts: from then on signals are heeded."""

    async def start(self, emit: bs.Emit) -> None:
        print("begun", flush=True)

    @bs.on(Say)
    def say(self, say: Say) -> None:
        print(say.line, flush=True)


class Ear(bs.Collector):
    """Tells what is said; after ``go`` it also gives a `Pulse` every so often, until ``rest``.

    When there is nobody to say more, the process ends at once.
    """

    def __init__(self, *, every_s: float = 0.004) -> None:
        self._every_s = every_s

    async def run(self, emit: bs.Emit) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        pace_s: float | None = None
        while True:
            try:
                async with asyncio.timeout(pace_s):
                    word = (await reader.readline()).decode().strip()
            except TimeoutError:
                emit(Pulse())
                continue
            if not word:
                os._exit(ABANDONED)
            pace_s = {"go": self._every_s, "rest": None}.get(word, pace_s)
            emit(Told(word=word))


class Stage(Struct, frozen=True, kw_only=True):
    """What a cast is made with. Give its orders to the ``executor``."""

    script: Script
    gateway: LocalGateway
    executor: OrderExecutor
    gauge: Gauge


class Cast(Struct, frozen=True, kw_only=True):
    """What a bot has besides its executor of orders, its `Ear` and its `Voice`."""

    collectors: Sequence[bs.Collector] = ()
    strategies: Sequence[Strategy] = ()
    guards: Sequence[bs.Guard] = ()
    executors: Sequence[bs.Executor] = ()
    every_s: float = 0.004


def build(script: Script) -> bs.Engine:
    """The bot, with its mutant if it is to have one."""
    parts = mutants.of(script.mutant)
    gauge = Gauge(Path(script.folder) / "gauge")
    gateway = parts.gateway(
        script.addresses,
        script.account,
        truth=script.truth,
        gauge=gauge,
        limit=script.weight_limit,
        orders_over=script.orders_over,
    )
    executor = parts.executor(
        gateway,
        journal=parts.journal(Path(script.folder) / script.journal, durability=script.durability),
        on_stop=script.on_stop,
        reconcile_every_s=script.reconcile_every_s,
    )
    cast: Cast = import_module(script.cast).cast(Stage(script=script, gateway=gateway, executor=executor, gauge=gauge))
    return bs.Engine(
        collectors=[Ear(every_s=cast.every_s), *cast.collectors],
        strategies=cast.strategies,
        guards=cast.guards,
        executors=[executor, *cast.executors, Voice()],
    )


def encoded(script: Script) -> str:
    """As the process is given it."""
    return encode(script).decode()
