"""A bot around a scripted gateway: the real engine, queues and executor, on virtual time, and what must always hold."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from decimal import Decimal
from functools import wraps
from itertools import pairwise
from typing import ParamSpec, TypedDict, TypeVar, Unpack

from bowstring.core.components import Collector, Emit, Executor, Guard, on
from bowstring.core.engine import Engine
from bowstring.core.errors import StopIncomplete
from bowstring.core.messages import Action, ActionClosed, Actions, Addressed, CollectorUp, Event
from bowstring.testing.simulation import simulate, simulated_clock
from bowstring.trading.executor import OrderExecutor, Policy
from bowstring.trading.gateway import Gateway
from bowstring.trading.journal.port import Journal
from bowstring.trading.messages import (
    FINAL,
    CancelOrder,
    Fill,
    OrderStatus,
    OrderUpdate,
    PlaceOrder,
    Position,
    ReconcileMismatch,
    ReplaceOrder,
    Side,
)
from bowstring.trading.new_orders import new_id
from bowstring.trading.orders import RANK, Order
from bowstring.trading.strategy import Strategy
from tests.trading.scripted import SYMBOL, ScriptedGateway

P = ParamSpec("P")
E = TypeVar("E", bound=Event)


def simulated(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run a test on virtual time."""

    async def main(*args: P.args, **kwargs: P.kwargs) -> None:
        await test(*args, **kwargs)

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        simulate(main(*args, **kwargs))

    return run


class Terms(TypedDict, total=False):
    """What of an order a test cares about."""

    symbol: str
    side: Side
    quantity: str
    price: str
    client_order_id: str
    valid_for_s: float
    reduces: bool


class Do(Addressed, frozen=True, kw_only=True):
    """Have a strategy publish these actions, as one handler's return."""

    actions: tuple[Action, ...] = ()
    fails: bool = False


class Trader(Strategy):
    """Does as it is told; ``published`` has its actions, ``heard`` the updates and fills that reached it."""

    def __init__(self, name: str = "trader") -> None:
        self.name = name
        self.published: list[Action] = []
        self.heard: list[Event] = []
        self.reactions: list[Callable[[Event], Sequence[Action]]] = []

    told_of = (Action,)

    def publishing(self, actions: Sequence[Action]) -> None:
        super().publishing(actions)
        self.published.extend(actions)

    @on(Do)
    def obey(self, do: Do) -> Actions:
        if do.fails:
            raise LookupError("told to")
        return do.actions

    @on(OrderUpdate)
    def hear_update(self, update: OrderUpdate) -> Actions:
        return self._react(update)

    @on(Fill)
    def hear_fill(self, fill: Fill) -> Actions:
        return self._react(fill)

    def _react(self, event: Event) -> Iterator[Action]:
        self.heard.append(event)
        for reaction in self.reactions:
            yield from reaction(event)


class Recorder(Executor):
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @on(Event)
    def keep(self, event: Event) -> None:
        self.events.append(event)


class Feed(Collector):
    """Where tests publish from."""

    emit: Emit

    async def run(self, emit: Emit) -> None:
        self.emit = emit
        await asyncio.Event().wait()


class Bot:
    """A running engine with one `OrderExecutor`, and at its end the check of what must always hold.

    ``left`` is what the stop complained of. With ``lives_again`` the venue shows orders as open that have ended.
    """

    lives_again = False

    def __init__(
        self,
        gateway: ScriptedGateway | None = None,
        *,
        names: Sequence[str] = ("trader",),
        guards: Sequence[Guard] = (),
        journal: Journal | None = None,
        on_stop: Policy = "cancel",
        on_halt: Policy = "cancel",
        reconcile_every_s: float = 30.0,
        dead_man_s: float | None = None,
        make: Callable[..., OrderExecutor] = OrderExecutor,
    ) -> None:
        self.gateway = gateway or ScriptedGateway()
        self.ledger = self.gateway.ledger
        self.traders = {name: Trader(name) for name in names}
        self.trader = self.traders[names[0]]
        self.executor = make(
            _protocol(self.gateway),
            journal=journal,
            on_stop=on_stop,
            on_halt=on_halt,
            reconcile_every_s=reconcile_every_s,
            dead_man_s=dead_man_s,
        )
        self.blotter = self.executor.blotter
        self.left = ""
        self._recorder = Recorder()
        self._feed = Feed()
        self.engine = Engine(
            collectors=[self._feed],
            strategies=list(self.traders.values()),
            guards=guards,
            executors=[self.executor, self._recorder],
            clock=simulated_clock(),
        )

    async def __aenter__(self) -> "Bot":
        self._running = asyncio.create_task(self.engine.run())
        started = asyncio.create_task(self.engine.started.wait())
        await asyncio.wait({self._running, started}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if self._running.done():
            self._running.result()
        await asyncio.sleep(0.001)
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        await self.stop()
        if error is None:
            self.check()

    async def stop(self) -> None:
        self.engine.stop()
        try:
            await self._running
        except StopIncomplete as left:
            self.left = str(left)

    # Doing

    def do(self, *actions: Action, by: str = "", received_ns: int = 0, fails: bool = False) -> None:
        """Have a strategy return actions from one handler, now."""
        self._feed.emit(Do(strategy=by or self.trader.name, actions=actions, received_ns=received_ns, fails=fails))

    def publish(self, event: Event) -> None:
        self._feed.emit(event)

    def place(self, *, by: str = "", received_ns: int = 0, **terms: Unpack[Terms]) -> str:
        """Have an order placed; returns its client order id."""
        order = buy(**terms)
        self.do(order, by=by, received_ns=received_ns)
        return order.client_order_id

    def cancel(self, client_order_id: str, *, by: str = "") -> CancelOrder:
        action = CancelOrder(client_order_id=client_order_id)
        self.do(action, by=by)
        return action

    def replace(self, client_order_id: str, *, quantity: str = "2", price: str = "101", valid_for_s: float = 60) -> str:
        """Have an order replaced; returns the new client order id."""
        action = ReplaceOrder(
            client_order_id=client_order_id,
            quantity=Decimal(quantity),
            price=Decimal(price),
            valid_for_s=valid_for_s,
        )
        self.do(action)
        return action.new_client_order_id

    async def open(self, *, by: str = "", **terms: Unpack[Terms]) -> str:
        """Have an order placed and wait until it is open; returns its id."""
        client_order_id = self.place(by=by, **terms)
        await until(lambda: self.status(client_order_id) == "open")
        return client_order_id

    async def until_up(self) -> None:
        """Wait until the private stream is up again after a break."""
        ups = self.events(CollectorUp)
        await until(lambda: len(self.events(CollectorUp)) > len(ups))

    # Looking

    def status(self, client_order_id: str) -> OrderStatus | None:
        order = self.blotter.find(client_order_id)
        return order.status if order else None

    def events(self, kind: type[E]) -> list[E]:
        return [event for event in self._recorder.events if isinstance(event, kind)]

    def statuses(self, client_order_id: str) -> list[OrderStatus]:
        """What was told of an order, in order."""
        return [update.status for update in self.updates(client_order_id)]

    def updates(self, client_order_id: str) -> list[OrderUpdate]:
        return [update for update in self.events(OrderUpdate) if update.client_order_id == client_order_id]

    def closing(self, action: Action | str) -> ActionClosed | None:
        """How an action, or that of an order, was closed; None: it is not yet."""
        seq = action.seq if isinstance(action, Action) else self.action_of(action).seq
        return next((closed for closed in self.events(ActionClosed) if closed.action == seq), None)

    def action_of(self, client_order_id: str) -> Action:
        return next(
            action
            for trader in self.traders.values()
            for action in trader.published
            if client_order_id == _new_id(action)
        )

    def outcome(self, action: Action | str) -> tuple[str, str]:
        """The kind of its closing, and the reason."""
        closed = self.closing(action)
        return (type(closed).__name__, closed.reason) if closed else ("", "")

    # What must always hold

    def check(self) -> None:
        self.check_closings()
        self.check_updates()
        self.check_orders()
        assert len(set(self.ledger.accepted)) == len(self.ledger.accepted), "an intent was accepted twice"

    def check_closings(self) -> None:
        closings = Counter(closed.action for closed in self.events(ActionClosed))
        published = [action.seq for trader in self.traders.values() for action in trader.published]
        assert closings == Counter(published), "an action was not closed exactly once"

    def check_updates(self) -> None:
        """The story of each order is monotone, and over once it has ended, unless orders are to live again."""
        stories: dict[tuple[str, str], list[OrderUpdate]] = defaultdict(list)
        for update in self.events(OrderUpdate):
            stories[update.strategy, update.client_order_id].append(update)
        for story in stories.values():
            for before, after in pairwise(story):
                if self.lives_again and after.status == "open" and before.status in FINAL:
                    continue
                assert RANK[before.status] <= RANK[after.status], f"{before} then {after}"
                assert before.filled <= after.filled, f"{before} then {after}"
                assert before.status not in FINAL or before.status == after.status, f"{before} then {after}"

    def check_orders(self) -> None:
        """What strategies believe is what the blotter knows; one that is halted has not heard all."""
        halted = {account.name for account in self.engine.accounts() if account.halted}
        for trader in (trader for trader in self.traders.values() if trader.name not in halted):
            known = {order.client_order_id: order for order in self.blotter.of(trader.name)}
            assert {key: _told(order) for key, order in trader.orders.items()} == {
                key: _told(order) for key, order in known.items()
            }

    def check_ends(self) -> None:
        """The story of every order that a strategy took for one has an end."""
        last = {(update.strategy, update.client_order_id): update.status for update in self.events(OrderUpdate)}
        for trader in self.traders.values():
            assert trader.orders == {}
            for action in trader.published:
                if isinstance(action, PlaceOrder | ReplaceOrder) and action.side:
                    assert last[trader.name, new_id(action)] in FINAL, action

    def check_ledger(self) -> None:
        """Nothing is at the venue that the bot does not know, and all that it knows is so."""
        assert self.events(ReconcileMismatch) == []
        for client_order_id, entry in self.ledger.orders.items():
            known = self.blotter.find(client_order_id)
            assert known is not None, f"{client_order_id} is unknown to the bot"
            assert (known.status, known.filled) == (entry.status, entry.filled), client_order_id
        told = [fill.trade_id for fill in self.events(Fill)]
        assert sorted(told) == sorted(fill.trade_id for fill in self.ledger.fills), "fills were missed or doubled"
        for name, trader in self.traders.items():
            mine = {_new_id(action) for action in trader.published}
            signed = [
                (fill.quantity if fill.side == "buy" else -fill.quantity)
                - (fill.fee if fill.fee_currency == "BTC" else 0)
                for fill in self.ledger.fills
                if fill.client_order_id in mine
            ]
            positions = [position for position in self.events(Position) if position.strategy == name]
            assert (positions[-1].quantity if positions else 0) == sum(signed), name


def buy(**terms: Unpack[Terms]) -> PlaceOrder:
    """An order to buy 5 BTC at 100, unless the terms say otherwise."""
    return PlaceOrder(
        symbol=terms.get("symbol", SYMBOL),
        side=terms.get("side", "buy"),
        quantity=Decimal(terms.get("quantity", "5")),
        price=Decimal(terms.get("price", "100")),
        client_order_id=terms.get("client_order_id", ""),
        valid_for_s=terms.get("valid_for_s", 2.0),
        reduces=terms.get("reduces", False),
    )


def now_s() -> float:
    """How much virtual time has passed."""
    return asyncio.get_running_loop().time()


async def until(condition: Callable[[], object], *, within_s: float = 60.0) -> None:
    """Let time pass until something is the case: looks every ms at first, and ever more rarely."""
    pause_s = 0.001
    async with asyncio.timeout(within_s):
        while not condition():  # on virtual time nothing waits, and no event tells of all conditions
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.01, 0.05)


def _new_id(action: Action) -> str:
    return new_id(action) if isinstance(action, PlaceOrder | ReplaceOrder) else ""


def _told(order: Order) -> tuple[OrderStatus, Decimal, str]:
    return order.status, order.filled, order.venue_order_id


def _protocol(gateway: ScriptedGateway) -> Gateway:
    return gateway  # checked by the type checkers: it is one
