import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from bowstring.core import process
from bowstring.core.clock import Clock
from bowstring.core.components import Collector, Emit, Executor, Strategy, on
from bowstring.core.engine import Engine
from bowstring.core.errors import WiringError
from bowstring.core.messages import Action, ComponentFailed, Event
from bowstring.core.process import ProcessFailed, ProcessStrategy, in_process
from bowstring.core.queue import EventQueue
from bowstring.core.routing import Wiring, give_names
from bowstring.core.subscriber import Account
from bowstring.trading.messages import OrderUpdate, PlaceOrder
from tests.core.riddles import (
    Bidder,
    Broken,
    Busy,
    Doomed,
    Eavesdropper,
    Envelope,
    Everything,
    Guess,
    Guesser,
    Hint,
    Locked,
    Matcher,
    Riddle,
    Slow,
    Stubborn,
    Stuck,
    Verdict,
)
from tests.core.stranger import Stranger

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30


class Sink(Executor):
    """Keeps all actions, and notes failures."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.failures: list[ComponentFailed] = []

    @on(Guess)
    def take(self, guess: Guess) -> None:
        self.actions.append(guess)

    @on(PlaceOrder)
    def place(self, order: PlaceOrder) -> OrderUpdate:
        self.actions.append(order)
        return OrderUpdate(
            strategy=order.strategy,
            venue="somewhere",
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            status="open",
            side=order.side,
            quantity=order.quantity,
            price=order.price,
        )

    @on(ComponentFailed)
    def note(self, failed: ComponentFailed) -> None:
        self.failures.append(failed)


class Bot:
    """Strategies around a queue, with what came of it."""

    def __init__(self, strategies: Sequence[Strategy], *, clock: Clock) -> None:
        self.sink = Sink()
        give_names([*strategies, self.sink])
        for strategy in strategies:
            strategy.clock = clock
        self.queue = EventQueue(Wiring((), (self.sink,), strategies), clock=clock)

    @property
    def guesses(self) -> list[Guess]:
        return [action for action in self.sink.actions if isinstance(action, Guess)]

    @property
    def texts(self) -> list[str]:
        return [guess.text for guess in self.guesses]

    @property
    def reason(self) -> str:
        (failed,) = self.sink.failures
        assert failed.halted
        return failed.reason

    def account(self, name: str) -> Account:
        return next(account for account in self.queue.accounts() if account.name == name)

    async def publish(self, *events: Event) -> None:
        """Publish all in one go, and wait for what comes of them."""
        for event in events:
            self.queue.publish(event)
        async with asyncio.timeout(DEADLINE_S):
            await self.queue.idle()


@asynccontextmanager
async def running(*strategies: Strategy, clock: Clock | None = None) -> AsyncIterator[Bot]:
    bot = Bot(strategies, clock=clock or Clock())
    try:
        for strategy in strategies:
            await strategy.start()
        yield bot
    finally:
        for strategy in strategies:
            if isinstance(strategy, ProcessStrategy):
                await strategy.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  # what is waited for happens in another process
            await asyncio.sleep(0.005)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


# --- as without a process --------------------------------------------------------------------------------------------


async def reactions(strategy: Strategy, bursts: Iterable[Sequence[Event]]) -> tuple[list[Action], Account]:
    async with running(strategy) as bot:
        for burst in bursts:
            await bot.publish(*burst)
        return bot.sink.actions, bot.account(strategy.name)


EVENTS = st.one_of(
    st.builds(Riddle, n=st.integers(0, 12)),
    st.builds(Hint, n=st.integers(0, 12), symbol=st.sampled_from("ABC")),
)


@settings(max_examples=8)
@given(bursts=st.lists(st.lists(EVENTS, max_size=20), min_size=3, max_size=10))
def test_a_strategy_in_a_process_does_and_accounts_for_the_same_as_one_without(bursts: list[list[Event]]) -> None:
    def copies() -> Iterable[Sequence[Event]]:
        return [[type(event)(**event_fields(event)) for event in burst] for burst in bursts]

    actions, account = asyncio.run(reactions(Guesser(), copies()))
    theirs, their_account = asyncio.run(reactions(in_process(Guesser()), copies()))

    assert [facts(action) for action in theirs] == [facts(action) for action in actions]
    assert counts(their_account) == counts(account)


def event_fields(event: Event) -> dict[str, object]:
    return {"n": getattr(event, "n"), **({"symbol": event.symbol} if isinstance(event, Hint) else {})}


def facts(action: Action) -> tuple[object, ...]:
    return type(action), action.seq, action.cause, action.strategy, getattr(action, "n"), getattr(action, "text")


def counts(account: Account) -> tuple[object, ...]:
    return account.name, account.published, account.delivered, account.conflated, account.dropped, account.waiting
