"""The position stays within the limit whatever of the live orders is filled: against a model that looks back."""

from collections.abc import Sequence
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from bowstring.core.components import Guard, on
from bowstring.core.messages import ActionRefused
from bowstring.trading.guards.max_notional import MaxNotional
from bowstring.trading.guards.max_position import MaxPosition
from bowstring.trading.guards.order_rate import OrderRate
from bowstring.trading.messages import OrderStatus, PlaceOrder, Side
from tests.trading.bot import Bot, buy, simulated, until
from tests.trading.guards.told import fill, judged, listing, place, position, replace, tell, update
from tests.trading.scripted import SYMBOL, Reply, ScriptedGateway, not_sent, rejected, reset

UNIT = Decimal("0.001")


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

    refused = judged(guard, order) is not None

    assert refused == (model.worst(sign) + step.quantity > limit)
    if refused:
        tell(
            guard,
            update("refused", quantity=order.quantity, side=step.side, client_order_id=name, strategy=step.strategy),
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
        tell(guard, news)
    if step.kind == "fill":
        tell(guard, fill(quantity * UNIT, side=side, client_order_id=str(name), strategy=strategy))
    tell(guard, news)


@pytest.mark.parametrize(("step", "refused"), [(-1, False), (0, False), (1, True)])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_the_limit_itself_can_be_reached(step: int, refused: bool, side: Side) -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))

    reason = judged(guard, place(10 + step * UNIT, side=side))

    direction = "long" if side == "buy" else "short"
    assert reason == (f"position in {SYMBOL} could reach 10.001 {direction}, beyond 10" if refused else None)


def test_what_was_filled_counts_between_the_update_and_the_fill() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    assert judged(guard, place("8")) is None
    tell(guard, update("filled", quantity=Decimal(8), filled=Decimal(8)))

    assert judged(guard, place("3", client_order_id="2")) is not None
    tell(guard, fill(Decimal(8)))
    assert judged(guard, place("3", client_order_id="2")) is not None
    assert judged(guard, place("2", client_order_id="2")) is None


def test_a_position_is_absolute_and_each_strategys_own() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    tell(guard, position(Decimal(4)))
    tell(guard, position(Decimal(5), strategy="two"))
    tell(guard, position(Decimal(3)))

    assert judged(guard, place("2.001")) is not None
    assert judged(guard, place("2")) is None


def test_a_short_position_leaves_more_to_buy() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    tell(guard, position(Decimal(-4)))

    assert judged(guard, place("14.001")) is not None
    assert judged(guard, place("14")) is None
    assert judged(guard, place("6.001", side="sell", client_order_id="2")) is not None


def test_other_symbols_are_no_matter() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    tell(guard, position(Decimal(100), symbol="ETH/USDT"))
    tell(guard, fill(Decimal(100), symbol="ETH/USDT"))
    tell(guard, update("open", quantity=Decimal(100), symbol="ETH/USDT"))

    assert judged(guard, place("100", symbol="ETH/USDT")) is None
    assert judged(guard, place("10")) is None


@pytest.mark.parametrize(
    ("symbol", "hint"), [("BTCUSDT", "did you mean BTC/USDT?"), ("XRP/EUR", "give one that is listed")]
)
def test_a_limit_for_what_no_venue_lists_refuses_everything(symbol: str, hint: str) -> None:
    guard = MaxPosition(symbol, Decimal(10))
    tell(guard, listing("BTC/USDT", seq=1))

    expected = f'MaxPosition("{symbol}"): the bot\'s venues list no {symbol}; {hint}'
    assert judged(guard, place(cause=2)) == expected
    assert judged(guard, place(symbol=symbol, cause=2)) == expected


def test_a_limit_holds_as_long_as_nothing_is_listed() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))

    assert judged(guard, place("10", cause=2)) is None
    assert judged(guard, place("1", cause=2, client_order_id="2")) is not None


def test_an_order_that_answers_a_listing_does_not_wait_for_the_others() -> None:
    guard = MaxPosition("ETH/USDT", Decimal(10))
    tell(guard, listing("BTC/USDT", seq=1))
    assert judged(guard, place(symbol="BTC/USDT", cause=1)) is None

    tell(guard, listing("ETH/USDT", seq=2))
    assert judged(guard, place(symbol="BTC/USDT", cause=3)) is None


def test_an_order_that_was_found_at_the_venue_counts() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    tell(guard, position(Decimal(2)))
    tell(guard, update("open", quantity=Decimal(7), filled=Decimal(2)))

    assert judged(guard, place("3.001", client_order_id="2")) is not None
    assert judged(guard, place("3", client_order_id="2")) is None


class Transparent(MaxPosition):
    def kept(self) -> int:
        return len(self.live.orders)


def test_what_has_ended_is_forgotten_once_its_fills_were_told() -> None:
    guard = Transparent(SYMBOL, Decimal(10))
    for client_order_id in ("1", "2", "3"):
        judged(guard, place("1", client_order_id=client_order_id))
    tell(guard, update("cancelled"))
    tell(guard, fill(Decimal(1), client_order_id="2"))
    tell(guard, update("filled", filled=Decimal(1), client_order_id="2"))
    tell(guard, update("filled", filled=Decimal(1), client_order_id="3"))
    assert guard.kept() == 1

    tell(guard, fill(Decimal(1), client_order_id="3"))
    assert guard.kept() == 0


def test_equal_ids_of_two_strategies_are_two_orders() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    assert judged(guard, place("6", strategy="one")) is None
    assert judged(guard, place("4", strategy="two")) is None
    tell(guard, update("failed", quantity=Decimal(4), strategy="two"))

    assert judged(guard, place("4.001", client_order_id="2")) is not None
    assert judged(guard, place("4", client_order_id="2")) is None


def test_the_limit_is_for_all_venues_together() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    tell(guard, position(4, venue="other"))
    assert judged(guard, place(3, venue="another")) is None

    assert judged(guard, place("3.001")) is not None
    assert judged(guard, place(3)) is None


@pytest.mark.parametrize("reduces", [False, True])
def test_beyond_the_limit_the_way_back_is_open_whatever_it_claims(reduces: bool) -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    tell(guard, position(15), position(-1, strategy="two"))

    assert judged(guard, place(1, strategy="two", reduces=reduces)) is not None
    assert judged(guard, place("24.001", side="sell", client_order_id="2", reduces=reduces)) is not None
    assert judged(guard, place(24, side="sell", client_order_id="2", reduces=reduces)) is None


def test_a_fee_in_base_leaves_room_at_once() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    judged(guard, place(10))
    tell(guard, fill(10, fee="0.01", fee_currency="BTC"))

    assert judged(guard, place("0.011", client_order_id="2")) is not None
    assert judged(guard, place("0.01", client_order_id="2")) is None


def test_a_replacement_of_what_is_no_order_is_not_judged() -> None:
    guard = MaxPosition(SYMBOL, Decimal(1))

    assert judged(guard, replace("5", side=None)) is None
    assert judged(guard, replace("5")) is not None


def test_positions_are_counted_exactly_whatever_the_ambient_precision() -> None:
    guard = MaxPosition(SYMBOL, Decimal(10))
    with localcontext(prec=3):
        assert judged(guard, place("9.99999")) is None
        tell(guard, fill(Decimal("9.99999")))
        assert judged(guard, place("0.00002", client_order_id="2")) is not None
        assert judged(guard, place("0.00001", client_order_id="2")) is None


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
