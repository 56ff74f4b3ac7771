"""Every guard holds at its limit, one below and one above it, against a model that only looks back."""

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from bowstring.core.clock import Clock
from bowstring.core.components import Executor, Guard, on
from bowstring.core.errors import ConfigError
from bowstring.core.messages import ActionRefused
from bowstring.core.routing import Wiring, give_names
from bowstring.market.instrument import InstrumentListed
from bowstring.trading.guards import MaxNotional, MaxPosition, OrderRate
from bowstring.trading.messages import Fill, OrderStatus, OrderUpdate, PlaceOrder, Position, ReplaceOrder, Side
from tests.trading.bot import Bot, buy, simulated, until
from tests.trading.scripted import SYMBOL, Reply, ScriptedGateway, instrument, not_sent, rejected, reset

UNIT = Decimal("0.001")


def place(
    quantity: Decimal | str = "1",
    *,
    price: Decimal | str = "100",
    side: Side = "buy",
    symbol: str = SYMBOL,
    client_order_id: str = "1",
    strategy: str = "one",
    cause: int = 0,
) -> PlaceOrder:
    return PlaceOrder(
        symbol=symbol,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        client_order_id=client_order_id,
        venue="venue",
        strategy=strategy,
        cause=cause,
    )


def replace(quantity: Decimal | str = "1", *, price: Decimal | str = "100", side: Side | None = "buy") -> ReplaceOrder:
    return ReplaceOrder(
        symbol=SYMBOL,
        client_order_id="old",
        new_client_order_id="new",
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        venue="venue",
        strategy="one",
    )


def update(
    status: OrderStatus,
    *,
    quantity: Decimal = Decimal(1),
    filled: Decimal = Decimal(0),
    side: Side = "buy",
    client_order_id: str = "1",
    strategy: str = "one",
    symbol: str = SYMBOL,
) -> OrderUpdate:
    return OrderUpdate(
        strategy=strategy,
        venue="venue",
        symbol=symbol,
        client_order_id=client_order_id,
        status=status,
        side=side,
        quantity=quantity,
        price=Decimal(100),
        filled=filled,
    )


def fill(
    quantity: Decimal, *, side: Side = "buy", client_order_id: str = "1", strategy: str = "one", symbol: str = SYMBOL
) -> Fill:
    return Fill(
        strategy=strategy,
        venue="venue",
        symbol=symbol,
        client_order_id=client_order_id,
        trade_id="",
        side=side,
        price=Decimal(100),
        quantity=quantity,
        fee=Decimal(0),
        fee_currency="USDT",
        liquidity="maker",
    )


def position(quantity: Decimal, *, strategy: str = "one", symbol: str = SYMBOL) -> Position:
    return Position(strategy=strategy, venue="venue", symbol=symbol, quantity=quantity)


LIMITED: dict[str, Callable[[Any], Guard]] = {
    "MaxNotional limit": MaxNotional,
    'MaxPosition\\("BTC/USDT"\\) limit': partial(MaxPosition, "BTC/USDT"),
}


@pytest.mark.parametrize(
    ("limit", "shown"), [("500", "'500'"), (500.0, "500.0"), (2, "2"), (Decimal(-1), "-1"), (Decimal("NaN"), "NaN")]
)
@pytest.mark.parametrize("named", LIMITED)
def test_a_limit_that_is_none_is_a_mistake(named: str, limit: object, shown: str) -> None:
    with pytest.raises(ConfigError, match=f"^{named} is {shown}: give a "):
        LIMITED[named](limit)


# Notional


@given(st.integers(1, 10**20), st.integers(1, 10**20), st.sampled_from([-1, 0, 1]))
def test_a_notional_is_refused_from_the_smallest_step_above_the_limit(price: int, quantity: int, step: int) -> None:
    with localcontext(prec=5):
        limit = Decimal(f"{price * quantity - step}e-16")
        guard = MaxNotional(limit)

        refusals = [
            guard.judge(place(f"{quantity}e-8", price=f"{price}e-8")),
            guard.judge_replacement(replace(f"{quantity}e-8", price=f"{price}e-8")),
        ]

    assert [bool(refusal) for refusal in refusals] == [step > 0, step > 0]


def test_the_refusal_tells_the_notional_and_the_limit() -> None:
    assert MaxNotional(Decimal(500)).judge(place("6", price="100")) == "notional 600 exceeds 500"


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "sNaN", "Infinity"])
def test_a_quantity_that_is_none_is_refused(quantity: str) -> None:
    for guard in (MaxNotional(Decimal(500)), MaxPosition(SYMBOL, Decimal(500))):
        assert guard.judge(place(quantity)) == f"its quantity is {quantity}"
        assert guard.judge_replacement(replace(quantity)) == f"its quantity is {quantity}"


def test_a_price_below_zero_has_a_notional_too() -> None:
    assert MaxNotional(Decimal(500)).judge(place("6", price="-100")) == "notional 600 exceeds 500"


# Rate


class Hand(Clock):
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time_ns = 0
        self.monotonic_ns = lambda: self.time_ns


def rated(limit: int, *, per_s: float) -> tuple[OrderRate, Hand]:
    guard, clock = OrderRate(limit, per_s=per_s), Hand()
    guard.clock = clock
    return guard, clock


@given(st.integers(1, 4), st.lists(st.integers(0, 6), max_size=40))
def test_no_window_ever_holds_more_orders_than_the_limit_and_none_is_refused_for_less(
    limit: int, pauses: Sequence[int]
) -> None:
    guard, clock = rated(limit, per_s=10e-9)
    passed: list[int] = []
    for pause_ns in pauses:
        clock.time_ns += pause_ns
        refused = guard.judge(place()) is not None

        recent = [time_ns for time_ns in passed if clock.time_ns - time_ns < 10]
        assert refused == (len(recent) >= limit)
        if not refused:
            passed.append(clock.time_ns)


@pytest.mark.parametrize(("after_ns", "refused"), [(999_999_999, True), (1_000_000_000, False), (1_000_000_001, False)])
def test_the_window_is_open_again_after_exactly_its_length(after_ns: int, refused: bool) -> None:
    guard, clock = rated(2, per_s=1.0)
    assert guard.judge(place()) is None
    assert guard.judge_replacement(replace()) is None
    clock.time_ns = after_ns

    reason = "2 orders were placed within 1.0 s already"
    assert guard.judge_replacement(replace()) == (reason if refused else None)


@pytest.mark.parametrize(("limit", "per_s"), [(0, 1.0), (-1, 1.0), (1, 0.0), (1, -1.0), (1, float("nan"))])
def test_a_rate_that_is_none_is_a_mistake(limit: int, per_s: float) -> None:
    with pytest.raises(ConfigError, match="at least one order"):
        OrderRate(limit, per_s=per_s)


@simulated
async def test_the_rate_is_that_of_the_engines_clock() -> None:
    async with Bot(guards=[OrderRate(2, per_s=3.0)]) as bot:
        bot.do(buy(), buy(), buy())
        await asyncio.sleep(2.9)
        bot.place()
        assert len(bot.events(ActionRefused)) == 2

        await asyncio.sleep(0.2)
        bot.place()
        assert len(bot.events(ActionRefused)) == 2


# Position


class Step(Struct, frozen=True):
    """Something that happens to one of a few orders; ``told_first``: the update comes before the fill."""

    kind: str
    order: int
    quantity: int
    side: Side
    strategy: str
    told_first: bool


steps = st.builds(
    Step,
    kind=st.sampled_from(["place", "place", "fill", "cancelled", "failed", "unknown"]),
    order=st.integers(0, 30),
    quantity=st.integers(1, 12),
    side=st.sampled_from(["buy", "sell"]),
    strategy=st.sampled_from(["one", "two"]),
    told_first=st.booleans(),
)


class Model:
    """All that ever happened; what may be reached is counted anew each time."""

    def __init__(self) -> None:
        self.orders: list[dict[str, int]] = []

    def worst(self, sign: int) -> int:
        """The position, in the direction of the sign, if all that may fill on that side did."""
        position = sum(order["sign"] * order["filled"] for order in self.orders)
        may_fill = sum(
            order["quantity"] - order["filled"]
            for order in self.orders
            if order["sign"] == sign and not order["is_final"]
        )
        return sign * position + may_fill


@given(st.integers(1, 30), st.lists(steps, max_size=60))
def test_an_order_passes_exactly_if_the_worst_case_stays_within_the_limit(limit: int, story: Sequence[Step]) -> None:
    guard, model = MaxPosition(SYMBOL, limit * UNIT), Model()
    for step in story:
        if step.kind == "place":
            _place(guard, model, step, limit)
        elif model.orders:
            _happen(guard, model, step)


def _place(guard: MaxPosition, model: Model, step: Step, limit: int) -> None:
    sign = 1 if step.side == "buy" else -1
    name = str(len(model.orders))
    order = place(step.quantity * UNIT, side=step.side, client_order_id=name, strategy=step.strategy)

    refused = guard.judge(order) is not None

    assert refused == (model.worst(sign) + step.quantity > limit)
    if refused:
        guard.take_update(
            update("refused", quantity=order.quantity, side=step.side, client_order_id=name, strategy=step.strategy)
        )
    model.orders.append(
        {"sign": sign, "quantity": step.quantity, "filled": 0, "is_final": refused, "one": step.strategy == "one"}
    )


def _happen(guard: MaxPosition, model: Model, step: Step) -> None:
    name = step.order % len(model.orders)
    order = model.orders[name]
    if order["is_final"] or (step.kind == "failed" and order["filled"]):
        return
    side: Side = "buy" if order["sign"] > 0 else "sell"
    strategy = "one" if order["one"] else "two"
    quantity = min(step.quantity, order["quantity"] - order["filled"])
    if step.kind == "fill":
        order["filled"] += quantity
    order["is_final"] = step.kind in {"cancelled", "failed"} or order["filled"] == order["quantity"]
    statuses: dict[str, OrderStatus] = {"cancelled": "cancelled", "failed": "failed", "unknown": "unknown"}
    status = statuses.get(step.kind, "filled" if order["is_final"] else "open")
    news = update(
        status,
        quantity=order["quantity"] * UNIT,
        filled=order["filled"] * UNIT,
        side=side,
        client_order_id=str(name),
        strategy=strategy,
    )
    if step.told_first:
        guard.take_update(news)
    if step.kind == "fill":
        guard.take_fill(fill(quantity * UNIT, side=side, client_order_id=str(name), strategy=strategy))
    guard.take_update(news)


@pytest.mark.parametrize(("step", "refused"), [(-1, False), (0, False), (1, True)])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_limit_itself_can_be_reached(step: int, refused: bool, side: Side) -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))

    reason = guard.judge(place(10 + step * UNIT, side=side))

    direction = "long" if side == "buy" else "short"
    assert reason == (f"position in {SYMBOL} could reach 10.001 {direction}, beyond 10" if refused else None)


def test_what_was_filled_counts_between_the_update_and_the_fill() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    assert guard.judge(place("8")) is None
    guard.take_update(update("filled", quantity=Decimal(8), filled=Decimal(8)))

    assert guard.judge(place("3", client_order_id="2")) is not None
    guard.take_fill(fill(Decimal(8)))
    assert guard.judge(place("3", client_order_id="2")) is not None
    assert guard.judge(place("2", client_order_id="2")) is None


def test_a_position_is_absolute_and_each_strategys_own() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    guard.take_position(position(Decimal(4)))
    guard.take_position(position(Decimal(5), strategy="two"))
    guard.take_position(position(Decimal(3)))

    assert guard.judge(place("2.001")) is not None
    assert guard.judge(place("2")) is None


def test_a_short_position_leaves_more_to_buy() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    guard.take_position(position(Decimal(-4)))

    assert guard.judge(place("14.001")) is not None
    assert guard.judge(place("14")) is None
    assert guard.judge(place("6.001", side="sell", client_order_id="2")) is not None


def test_other_symbols_are_no_matter() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    guard.take_position(position(Decimal(100), symbol="ETH/USDT"))
    guard.take_fill(fill(Decimal(100), symbol="ETH/USDT"))
    guard.take_update(update("open", quantity=Decimal(100), symbol="ETH/USDT"))

    assert guard.judge(place("100", symbol="ETH/USDT")) is None
    assert guard.judge(place("10")) is None


def listing(symbol: str, *, seq: int = 1) -> InstrumentListed:
    return InstrumentListed(symbol=symbol, instrument=instrument("venue", symbol), seq=seq)


@pytest.mark.parametrize(
    ("symbol", "hint"), [("BTCUSDT", "did you mean BTC/USDT?"), ("XRP/EUR", "give a symbol that is listed")]
)
def test_a_limit_for_what_no_venue_lists_refuses_everything(symbol: str, hint: str) -> None:
    guard = MaxPosition(symbol, Decimal(10))
    guard.take_listed(listing("BTC/USDT"))

    expected = f'MaxPosition("{symbol}"): the bot\'s venues list no {symbol}; {hint}'
    assert guard.judge(place(cause=2)) == expected
    assert guard.judge(place(symbol=symbol, cause=2)) == expected


def test_a_limit_holds_as_long_as_nothing_is_listed() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))

    assert guard.judge(place("10", cause=2)) is None
    assert guard.judge(place("1", cause=2, client_order_id="2")) is not None


def test_an_order_that_answers_a_listing_does_not_wait_for_the_others() -> None:
    guard = MaxPosition("ETH/USDT", Decimal(10))
    guard.take_listed(listing("BTC/USDT", seq=1))
    assert guard.judge(place(symbol="BTC/USDT", cause=1)) is None

    guard.take_listed(listing("ETH/USDT", seq=2))
    assert guard.judge(place(symbol="BTC/USDT", cause=3)) is None


def test_an_order_that_was_found_at_the_venue_counts() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    guard.take_position(position(Decimal(2)))
    guard.take_update(update("open", quantity=Decimal(7), filled=Decimal(2)))

    assert guard.judge(place("3.001", client_order_id="2")) is not None
    assert guard.judge(place("3", client_order_id="2")) is None


class Transparent(MaxPosition):
    def kept(self) -> int:
        return len(self._orders)


def test_what_has_ended_is_forgotten_once_its_fills_were_told() -> None:
    guard = Transparent(SYMBOL, Decimal(10))
    for client_order_id in ("1", "2", "3"):
        guard.judge(place("1", client_order_id=client_order_id))
    guard.take_update(update("cancelled"))
    guard.take_fill(fill(Decimal(1), client_order_id="2"))
    guard.take_update(update("filled", filled=Decimal(1), client_order_id="2"))
    guard.take_update(update("filled", filled=Decimal(1), client_order_id="3"))
    assert guard.kept() == 1

    guard.take_fill(fill(Decimal(1), client_order_id="3"))
    assert guard.kept() == 0


def test_equal_ids_of_two_strategies_are_two_orders() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    assert guard.judge(place("6", strategy="one")) is None
    assert guard.judge(place("4", strategy="two")) is None
    guard.take_update(update("failed", quantity=Decimal(4), strategy="two"))

    assert guard.judge(place("4.001", client_order_id="2")) is not None
    assert guard.judge(place("4", client_order_id="2")) is None


def test_a_replacement_of_what_is_no_order_is_not_judged() -> None:
    guard = MaxPosition(SYMBOL, Decimal(1))

    assert guard.judge_replacement(replace("5", side=None)) is None
    assert guard.judge_replacement(replace("5")) is not None


def test_positions_are_counted_exactly_whatever_the_ambient_precision() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    with localcontext(prec=3):
        assert guard.judge(place("9.99999")) is None
        guard.take_fill(fill(Decimal("9.99999")))
        assert guard.judge(place("0.00002", client_order_id="2")) is not None
        assert guard.judge(place("0.00001", client_order_id="2")) is None


# In the bot


@pytest.mark.parametrize("reply", [rejected(), not_sent(), not_sent(at_once=True)])
@simulated
async def test_an_order_that_never_lived_gives_back_its_room(reply: Reply) -> None:
    async with Bot(guards=[MaxPosition(SYMBOL, Decimal(5))]) as bot:
        bot.gateway.then("place", reply)
        first = bot.place(quantity="5")
        await until(lambda: bot.closing(first))

        second = bot.place(quantity="5")
        await until(lambda: bot.status(second) == "open")


@simulated
async def test_an_unknown_order_keeps_its_room_until_its_absence_is_proved() -> None:
    async with Bot(guards=[MaxPosition(SYMBOL, Decimal(5))]) as bot:
        bot.gateway.then("place", reset())
        first = bot.place(quantity="5")
        await until(lambda: bot.status(first) == "unknown")
        assert bot.statuses(bot.place(quantity="0.001")) == ["refused"]

        await until(lambda: bot.status(first) == "failed")
        second = bot.place(quantity="5")
        await until(lambda: bot.status(second) == "open")


class Mood(Guard):
    """Refuses what it is told to."""

    refuses = False

    @on(PlaceOrder)
    def judge(self, order: PlaceOrder) -> str | None:
        return "not now" if self.refuses else None


@simulated
async def test_what_a_later_guard_refuses_gives_back_its_room() -> None:
    mood = Mood()
    async with Bot(guards=[MaxPosition(SYMBOL, Decimal(5)), mood]) as bot:
        mood.refuses = True
        refused = bot.place(quantity="5")
        assert bot.outcome(refused) == ("ActionRefused", "not now")
        assert bot.statuses(refused) == ["refused"]
        mood.refuses = False

        second = bot.place(quantity="5")
        await until(lambda: bot.status(second) == "open")


@simulated
async def test_a_typo_in_a_limit_is_refused_with_what_was_meant() -> None:
    async with Bot(guards=[MaxPosition("BTCUSDT", Decimal(5))]) as bot:
        refused = bot.place(quantity="1")

        reason = 'MaxPosition("BTCUSDT"): the bot\'s venues list no BTCUSDT; did you mean BTC/USDT?'
        assert bot.outcome(refused) == ("ActionRefused", reason)


@simulated
async def test_several_guards_all_have_to_agree_and_the_first_says_no() -> None:
    guards = [MaxNotional(Decimal(500)), MaxPosition(SYMBOL, Decimal(4)), OrderRate(1, per_s=60)]
    async with Bot(guards=guards) as bot:
        bot.do(
            buy(quantity="5.001"),
            buy(quantity="4.001"),
            buy(quantity="4"),
            buy(quantity="4"),
            buy(quantity="1", side="sell"),
        )

        assert [closed.by for closed in bot.events(ActionRefused)] == [
            "MaxNotional",
            "MaxPosition",
            "MaxPosition",
            "OrderRate",
        ]
        assert bot.gateway.count("place") == 1


@simulated
async def test_the_limit_is_for_all_strategies_together() -> None:
    async with Bot(guards=[MaxPosition(SYMBOL, Decimal(5))], names=("one", "two")) as bot:
        first = await bot.open(quantity="3", by="one")
        assert bot.statuses(bot.place(quantity="2.001", by="two")) == ["refused"]
        second = await bot.open(quantity="2", by="two")
        bot.ledger.fill(first, "3")
        bot.ledger.fill(second, "1")
        bot.cancel(second, by="two")
        await until(lambda: bot.status(second) == "cancelled")

        assert bot.statuses(bot.place(quantity="1.001", by="two")) == ["refused"]
        await bot.open(quantity="1", by="one")


@simulated
async def test_a_fee_in_base_leaves_room() -> None:
    async with Bot(ScriptedGateway(), guards=[MaxPosition(SYMBOL, Decimal(5))]) as bot:
        order = await bot.open(quantity="5")
        bot.ledger.fill(order, "5", fee="0.005", fee_currency="BTC")
        await until(lambda: bot.status(order) == "filled")

        assert bot.statuses(bot.place(quantity="0.006")) == ["refused"]
        await bot.open(quantity="0.005")


def test_a_guard_of_orders_fits_an_executor_that_only_places_them() -> None:
    class Placer(Executor):
        @on(PlaceOrder)
        def place(self, order: PlaceOrder) -> None:
            pass

    guard, placer = MaxNotional(Decimal(1)), Placer()
    give_names([guard, placer])

    assert Wiring([guard], [placer], []).plan(PlaceOrder).guards
