"""Strategies that the tests put into processes. Nothing heavy is imported here: each child imports it again."""

import asyncio
import os
import signal
import sys
from collections.abc import Hashable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import ClassVar

from bowstring.core.components import Strategy, on
from bowstring.core.messages import Action, ActionDone, Addressed, Delivery, Event, Lagged, Together
from bowstring.trading.messages import OrderUpdate, PlaceOrder
from bowstring.trading.strategy import Strategy as TradingStrategy


class Riddle(Event, frozen=True, kw_only=True):
    """An event: lossless."""

    n: int = 0
    extra: object = None


class Hint(Event, frozen=True, kw_only=True):
    """Market data of which the latest counts."""

    delivery: ClassVar[Delivery] = "latest"

    symbol: str = ""
    n: int = 0

    def conflation_key(self) -> Hashable:
        return self.symbol


class Rumour(Event, frozen=True, kw_only=True):
    """Market data of which the oldest go."""

    delivery: ClassVar[Delivery] = "recent"

    n: int = 0


class Verdict(Addressed, frozen=True, kw_only=True):
    """An event for one strategy, about one symbol."""

    symbol: str
    n: int = 0


class Guess(Action, frozen=True, kw_only=True):
    """The answer to a riddle."""

    n: int = 0
    text: str = ""
    price: Decimal = Decimal(0)
    extra: object = None


class Seen(Action, frozen=True, kw_only=True):
    """What a handler saw."""

    event_seq: int
    event_cause: int
    event_received_ns: int
    now_ns: int
    name: str
    pid: int


class Guesser(Strategy):
    """Answers in all the ways that an async handler may."""

    def __init__(self) -> None:
        self.count = 0

    @on(Riddle)
    async def answer(self, riddle: Riddle) -> Guess | None:
        await asyncio.sleep(0)
        self.count += 1
        return Guess(n=riddle.n, text=f"{self.count}") if riddle.n % 2 else None

    @on(Riddle)
    async def ponder(self, riddle: Riddle) -> list[Guess]:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(0, riddle.n % 3))
        return [Guess(n=riddle.n, text="pondered") for _ in range(task.result())]

    @on(Hint)
    async def take(self, hint: Hint) -> Guess:
        await asyncio.sleep(0)
        return Guess(n=hint.n, text=f"hint {hint.symbol}")

    @on(Rumour)
    async def hear(self, rumour: Rumour) -> None:
        await asyncio.sleep(0)

    @on(Lagged)
    def lag(self, lagged: Lagged) -> Guess:
        return Guess(n=lagged.count, text=f"lagged {lagged.first}-{lagged.last}")

    def stop(self) -> Iterator[Guess]:
        yield Guess(n=self.count, text="stopped")


class Envelope(Strategy):
    """Tells what it sees of an event's envelope, and the time."""

    @on(Riddle)
    def tell(self, riddle: Riddle) -> Seen:
        return Seen(
            event_seq=riddle.seq,
            event_cause=riddle.cause,
            event_received_ns=riddle.received_ns,
            now_ns=self.clock.now_ns(),
            name=self.name,
            pid=os.getpid(),
        )


class Matcher(Strategy):
    """Knows its own actions again by their number."""

    def __init__(self) -> None:
        self._mine: list[Guess] = []

    @on(Riddle)
    def guess(self, riddle: Riddle) -> Sequence[Action]:
        self._mine = [Guess(n=n) for n in range(riddle.n)]
        return self._mine

    @on(ActionDone)
    def match(self, done: ActionDone) -> Guess | None:
        found = [guess.n for guess in self._mine if guess.seq == done.action]
        return Guess(text=f"done: {found}") if done.action_type == "Guess" and found else None


class Pairer(Matcher):
    """Guesses in pairs, which stand or fall together."""

    @on(Riddle)
    def guess(self, riddle: Riddle) -> Sequence[Action]:
        self._mine = [Guess(n=n) for n in range(5)]
        first, *rest = self._mine
        return [first, Together(rest[:2]), Together(rest[2:])]


class Doomed(Strategy):
    """Ends in the way that it is told."""

    @on(Riddle)
    def say(self, riddle: Riddle) -> Guess:
        return Guess(n=riddle.n, text="before")

    @on(Riddle)
    def end(self, riddle: Riddle) -> Guess | None:
        match riddle.extra:
            case "raise":
                raise LookupError("no such riddle")
            case "sys.exit":
                sys.exit(3)
            case "SIGKILL":
                os.kill(os.getpid(), signal.SIGKILL)
            case "later":
                asyncio.get_running_loop().call_soon(os._exit, 4)
            case "unreadable":
                return Guess(price="dear")  # type: ignore[arg-type]  # msgspec checks when it decodes, not before
            case "unwritable":
                return Guess(extra=object())
            case _:
                pass
        return None


class Busy(Strategy):
    """Computes until a file is there."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    @on(Riddle)
    def burn(self, riddle: Riddle) -> Guess:
        self._path.with_suffix(".pid").write_text(str(os.getpid()))
        while not self._path.exists():
            pass
        return Guess(n=riddle.n)


class Stubborn(Busy):
    """And will not be interrupted."""

    async def start(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


class Stuck(Strategy):
    """Never starts."""

    @on(Riddle)
    def answer(self, riddle: Riddle) -> None:
        raise AssertionError

    async def start(self) -> None:
        await asyncio.Event().wait()


class Broken(Stuck):
    """Cannot start."""

    async def start(self) -> None:
        raise LookupError("no riddle book")


class Slow(Strategy):
    """Waits when it is given a riddle, and has its last actions at once."""

    def __init__(self) -> None:
        self._asked = 0

    @on(Riddle)
    async def wait(self, riddle: Riddle) -> Guess:
        self._asked += 1
        await asyncio.sleep(0.01)
        return Guess(n=riddle.n)

    async def stop(self) -> list[Guess]:
        await asyncio.sleep(0)
        return [Guess(n=self._asked, text="stopped")]


class Everything(Strategy):
    """Sees all events, whatever their module."""

    def __init__(self) -> None:
        self._seen: list[str] = []

    @on(Event)
    def note(self, event: Event) -> None:
        self._seen.append(type(event).__name__)

    def stop(self) -> Iterator[Guess]:
        yield Guess(text=" ".join(self._seen))


class Eavesdropper(Strategy):
    """Has two handlers for one event, one of them for everybody's."""

    def __init__(self) -> None:
        self.symbols = {"A"}

    @on(Verdict)
    def mine(self, verdict: Verdict) -> Guess:
        return Guess(n=verdict.n, text="mine")

    @on(Verdict, all=True)
    def anybody(self, verdict: Verdict) -> Guess:
        return Guess(n=verdict.n, text="anybody's")


class Locked(Guesser):
    """Has something that no other process can have."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = Lock()


class Bidder(TradingStrategy):
    """Bids unless it has an order."""

    @on(Riddle)
    def bid(self, riddle: Riddle) -> Iterator[Action]:
        if not self.orders:
            yield PlaceOrder(symbol="BTC/USDT", side="buy", quantity=Decimal(1), price=Decimal(riddle.n))
        else:
            (order,) = self.orders.values()
            yield Guess(text=f"{order.client_order_id} {order.status} {order.price}")

    @on(OrderUpdate)
    def tell(self, update: OrderUpdate) -> Guess:
        return Guess(text=f"{update.status}, {len(self.orders)} open")
