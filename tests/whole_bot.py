"""Whole bots, run in this process against a generated feed that another process serves."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

import pytest
from msgspec.json import decode

import bowstring as bs
from bowstring.core.messages import Message
from bowstring.core.run import run
from bowstring.core.subscriber import Account

M = TypeVar("M", bound=Message)
DEADLINE_S = 30
FEED = ("-m", "bowstring", "play", "--generate", "BTCUSDT,ETHUSDT", "--rate", "2000")


@contextmanager
def generated_feed() -> Generator[Mapping[str, str]]:
    """Serve BTC and ETH, on Spot and as perpetuals; gives the environment that points a bot at both."""
    with _serving("BINANCE") as spot, _serving("FUTURES", "--futures") as futures:
        yield spot | futures


@contextmanager
def _serving(name: str, *options: str) -> Generator[dict[str, str]]:
    with subprocess.Popen([sys.executable, *FEED, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            _ready, rest_url, ws_url = process.stdout.readline().split()
            yield {f"{name}_REST_URL": rest_url, f"{name}_WS_URL": ws_url}
        finally:
            process.terminate()


@contextmanager
def local_exchange(*options: str) -> Generator[Mapping[str, str]]:
    """Run an exchange; gives the environment that a bot with an account there needs."""
    command = [sys.executable, "-m", "bowstring", "exchange", "--json", "--port", "0", "--speed", "5", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            told = decode(process.stdout.readline())
            account = told["accounts"][0]
            yield {
                "EXCHANGE_REST_URL": told["rest"],
                "EXCHANGE_WS_URL": told["ws"],
                "BOWSTRING_BINANCE_KEY": account["ed25519_key"],
                "BOWSTRING_BINANCE_PRIVATE_KEY_FILE": account["ed25519_private_key_file"],
            }
        finally:
            process.terminate()


class Witness(bs.Guard):
    """Keeps every event and action, and notes when it has seen enough."""

    def __init__(self, enough: Callable[["Witness"], bool]) -> None:
        self.seen: list[Message] = []
        self.satisfied = asyncio.Event()
        self._enough = enough

    @bs.on(bs.Event)
    def note(self, event: bs.Event) -> None:
        self.seen.append(event)
        if self._enough(self):
            self.satisfied.set()

    @bs.on(bs.Action)
    def judge(self, action: bs.Action) -> None:
        self.seen.append(action)

    def of(self, message_type: type[M]) -> list[M]:
        """Return the messages of a type."""
        return [message for message in self.seen if isinstance(message, message_type)]

    def cause(self, message: Message) -> Message:
        """Return the message that caused this one."""
        return next(one for one in self.seen if one.seq == message.cause)


class Enough(bs.Collector):
    """Ends, and the bot with it, when the witness has seen enough or the time is over."""

    finite = True

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    async def run(self, emit: bs.Emit) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(DEADLINE_S):
                await self._witness.satisfied.wait()


def run_until(
    enough: Callable[[Witness], bool], *, main: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> Witness:
    """Run ``main``, which calls ``bs.run``, with a witness among its guards; return what that has seen."""
    witness = Witness(enough)

    def run_watched(
        *,
        collectors: Sequence[bs.Collector],
        strategies: Sequence[bs.Strategy],
        guards: Sequence[bs.Guard],
        executors: Sequence[bs.Executor],
    ) -> list[Account]:
        return run(
            collectors=[*collectors, Enough(witness)],
            strategies=strategies,
            guards=[witness, *guards],
            executors=executors,
        )

    monkeypatch.setattr(bs, "run", run_watched)
    main()
    return witness
