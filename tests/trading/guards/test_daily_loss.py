"""The day's loss, to the last digit, at present prices, over fills, fees, restarts and midnight."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from bowstring.core.errors import ConfigError
from bowstring.core.messages import Event
from bowstring.market.events import BookChanged
from bowstring.testing.simulation import simulated_clock
from bowstring.trading.guards.daily_loss import DailyLoss
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.messages import GuardState, RiskAlarm, RiskStateChanged, Side
from tests.trading.bot import Bot, simulated, until
from tests.trading.guards.test_price_collar import book
from tests.trading.guards.told import (
    Hand,
    by_hand,
    fill,
    judged,
    listing,
    place,
    position,
    quote,
    replace,
    tell,
    trade,
    verdicts,
)
from tests.trading.scripted import SYMBOL

DAY_S = 86_400


def limited(limit: str = "100", **options: Any) -> tuple[DailyLoss, Hand]:
    guard = DailyLoss("USDT", Decimal(limit), **options)
    clock = by_hand(guard)
    clock.set(3600)
    return guard, clock


def bought(guard: DailyLoss, quantity: str = "1", **terms: Any) -> list[Event]:
    """Have something filled, as an executor tells it."""
    return tell(guard, fill(quantity, **terms))


def alarms(events: Sequence[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, RiskAlarm)]


def kept(events: Sequence[Event]) -> GuardState:
    return [event for event in events if isinstance(event, GuardState)][-1]


def at(price: str) -> list[Event]:
    middle = Decimal(price)
    return [quote(middle - Decimal("0.5"), middle + Decimal("0.5"))]


def restarted(state: GuardState | None, clock: Hand, limit: str = "100") -> DailyLoss:
    guard, _clock = limited(limit)
    guard.clock = clock
    if state is not None:
        tell(guard, GuardState(guard=state.guard, state=state.state))
    return guard


# The limit


@given(st.integers(1, 10**9), st.integers(0, 10**9), st.sampled_from([-1, 0, 1]))
def test_new_risk_is_refused_from_the_smallest_step_beyond_the_limit(quantity: int, fall: int, step: int) -> None:
    with localcontext(prec=5):
        loss = quantity * fall
        guard, _clock = limited(f"{max(loss - step, 0)}e-8")
        bought(guard, f"{quantity}e-4", price="1e6")
        told = tell(guard, quote(f"{10**10 - fall - 1}e-4", f"{10**10 - fall + 1}e-4"))

        is_over = loss > max(loss - step, 0)
        assert (judged(guard, place()) is not None) is is_over
        assert bool(alarms(told)) is is_over


def test_the_refusal_tells_the_loss_and_the_limit() -> None:
    guard, _clock = limited()
    bought(guard, "2", price=100)

    assert alarms(tell(guard, *at("49.5"))) == ["101 USDT were lost since midnight UTC, more than 100"]
    assert judged(guard, place()) == "101 USDT were lost since midnight UTC, more than 100"
    assert judged(guard, replace()) is not None
    assert judged(guard, place(symbol="BTC/EUR")) is not None


def test_what_reduces_passes() -> None:
    guard, _clock = limited()
    bought(guard, "2")
    tell(guard, *at("10"))

    assert verdicts(guard, [place(side="sell", reduces=True), place(side="sell")]) == [True, False]


def test_the_alarm_is_raised_once_a_day_and_names_the_guard() -> None:
    guard, clock = limited(state="halted")
    bought(guard, "2")
    (alarm, _state) = tell(guard, *at("10"))
    assert isinstance(alarm, RiskAlarm)
    assert (alarm.state, alarm.by) == ("halted", "DailyLoss USDT")

    assert tell(guard, *at("9"), *at("100"), *at("9"), *at("100")) == []
    clock.set(DAY_S)
    tell(guard, *at("100"))
    assert len(alarms(tell(guard, *at("9")))) == 1


def test_the_guard_refuses_as_long_as_the_loss_is_there_whatever_a_human_decides() -> None:
    guard, _clock = limited()
    bought(guard, "2")
    tell(guard, *at("10"), RiskStateChanged(state="active"))
    assert judged(guard, place()) is not None

    tell(guard, *at("60"))
    assert judged(guard, place()) is None


# What counts


def test_a_loss_that_was_taken_stays_one() -> None:
    guard, _clock = limited("9.99")
    bought(guard, "1", price=100)
    told = bought(guard, "1", price=90, side="sell")

    assert alarms(told) == ["10 USDT were lost since midnight UTC, more than 9.99"]


def test_what_was_bought_above_the_market_is_a_loss_at_once() -> None:
    guard, _clock = limited("9.99")
    tell(guard, *at("100"))

    assert alarms(bought(guard, "1", price=110)) == ["10 USDT were lost since midnight UTC, more than 9.99"]


def test_a_short_position_loses_when_the_price_rises() -> None:
    guard, _clock = limited("9.99")
    bought(guard, "1", price=100, side="sell")

    assert len(alarms(tell(guard, *at("110")))) == 1


@pytest.mark.parametrize(
    ("fee", "currency", "loss"),
    [("1.5", "USDT", "1.5"), ("0.01", "BTC", "1"), ("0", "BNB", None), ("-1.5", "USDT", None)],
)
def test_a_fee_is_a_loss(fee: str, currency: str, loss: str | None) -> None:
    guard, _clock = limited("0")
    told = bought(guard, "1", price=100, fee=fee, fee_currency=currency)

    assert alarms(told) == ([f"{loss} USDT were lost since midnight UTC, more than 0"] if loss else [])


def test_a_fee_in_a_third_currency_counts_at_its_price() -> None:
    guard, _clock = limited("0")
    tell(guard, quote(299, 301, symbol="BNB/USDT"))
    told = bought(guard, "1", fee="0.01", fee_currency="BNB")

    assert alarms(told) == ["3 USDT were lost since midnight UTC, more than 0"]


def test_while_a_fees_currency_has_no_price_the_loss_is_not_known() -> None:
    guard, _clock = limited("2")
    bought(guard, "1", fee="0.01", fee_currency="BNB")
    bought(guard, "1", fee="0.01", fee_currency="BNB")
    missing = "a fee of 0.02 BNB was paid, and no price of BNB/USDT at venue is known"
    assert judged(guard, place()) == f"today's loss in USDT is not known: {missing}"
    assert judged(guard, place(reduces=True)) is None

    told = tell(guard, trade(300, symbol="BNB/USDT"))
    assert alarms(told) == ["6 USDT were lost since midnight UTC, more than 2"]


def test_all_strategies_venues_and_symbols_in_the_currency_count_together() -> None:
    guard, _clock = limited("29.99")
    bought(guard, "1", price=100)
    bought(guard, "1", price=100, strategy="two", venue="other")
    bought(guard, "1", price=100, symbol="ETH/USDT")
    bought(guard, "1", price=100, symbol="BTC/EUR")
    told = tell(
        guard,
        *at("90"),
        quote(89, 91, venue="other"),
        quote(89, 91, symbol="ETH/USDT"),
        quote(1, 2, symbol="BTC/EUR"),
        quote(1, 2, symbol="XRP/USDT"),
    )

    assert len(alarms(told)) == 1


def test_books_and_trades_are_prices_too() -> None:
    guard, _clock = limited("9")
    bought(guard, "1", price=100)

    assert alarms(tell(guard, trade(90)))
    other, _clock = limited("9")
    bought(other, "1", price=100)
    assert alarms(tell(other, BookChanged(venue="venue", symbol=SYMBOL, book=book("89", "91"))))


def test_a_price_that_is_none_leaves_the_one_before() -> None:
    guard, _clock = limited("9")
    bought(guard, "1", price=100)
    lost = book("1", "2")
    lost.invalidate()

    assert tell(guard, quote(2, 1), BookChanged(venue="venue", symbol=SYMBOL, book=lost)) == []


# Midnight


def test_a_day_begins_with_what_is_held_at_its_last_price() -> None:
    guard, clock = limited("50")
    bought(guard, "1", price=100)
    tell(guard, *at("60"))
    clock.set(DAY_S)
    tell(guard, *at("40"))  # 20 lost since midnight, 60 since it was bought
    assert judged(guard, place()) is None

    tell(guard, *at("9"))
    assert judged(guard, place()) is not None


def test_an_order_after_midnight_is_judged_by_the_new_day() -> None:
    guard, clock = limited("30")
    bought(guard, "1", price=100)
    tell(guard, *at("60"))
    clock.time_ns = DAY_S * 10**9 - 1
    assert judged(guard, place()) is not None

    clock.time_ns += 1
    assert judged(guard, place()) is None
    assert kept(tell(guard, *at("60"))).state


# Restarts


def test_after_a_restart_it_goes_on_where_it_was() -> None:
    guard, clock = limited()
    bought(guard, "2", price=100)
    state = kept(bought(guard, "1", price=70, side="sell"))
    again = restarted(state, clock)
    tell(again, position(1))
    missing = "no price of BTC/USDT at venue is known, and 1 is held"
    assert judged(again, place()) == f"today's loss in USDT is not known: {missing}"
    assert judged(again, place(reduces=True)) is None

    tell(again, *at("30"))
    assert judged(again, place()) is None
    assert alarms(tell(again, *at("29"))) == ["101 USDT were lost since midnight UTC, more than 100"]


def test_the_alarm_of_before_is_not_raised_again() -> None:
    guard, clock = limited()
    bought(guard, "2", price=100)
    state = kept(tell(guard, *at("10")))
    again = restarted(state, clock)
    tell(again, position(2))

    assert alarms(tell(again, *at("10"))) == []
    assert judged(again, place()) is not None


def test_a_fill_that_was_recorded_and_not_kept_counts_from_the_next_price_on() -> None:
    guard, clock = limited()
    state = kept(bought(guard, "1", price=100))
    again = restarted(state, clock)
    tell(again, position(3))  # two more were bought, at a price that the guard did not live to keep
    tell(again, *at("80"))

    tell(again, *at("54"))  # 20 lost with the first, 3 x 26 since
    assert judged(again, place()) is None
    tell(again, *at("53"))
    assert judged(again, place()) == "101 USDT were lost since midnight UTC, more than 100"


def test_positions_of_before_the_guard_was_used_count_from_their_first_price_on() -> None:
    guard, _clock = limited()
    tell(guard, position(2), position(-1, strategy="two"), position(5, symbol="BTC/EUR"))
    assert judged(guard, place()) is not None
    tell(guard, *at("500"))
    assert judged(guard, place()) is None

    assert alarms(tell(guard, *at("399"))) == ["101 USDT were lost since midnight UTC, more than 100"]


def test_a_fill_before_any_price_is_a_price() -> None:
    guard, _clock = limited()
    tell(guard, position(2))
    bought(guard, "1", price=100)
    assert judged(guard, place()) is None

    tell(guard, *at("66"))
    assert judged(guard, place()) is not None


def test_after_a_restart_on_another_day_what_is_held_counts_from_its_first_price_on() -> None:
    guard, clock = limited()
    state = kept(bought(guard, "2", price=100))
    clock.set(DAY_S + 1)
    again = restarted(state, clock)
    tell(again, position(2))
    tell(again, *at("10"))
    assert judged(again, place()) is None


def test_what_was_missed_is_booked_when_it_is_told() -> None:
    guard, clock = limited()
    state = kept(bought(guard, "1", price=100))
    again = restarted(state, clock)
    tell(again, position(1), fill(1, price=100), position(2))
    tell(again, *at("50"))
    assert judged(again, place()) is None

    tell(again, *at("49"))
    assert judged(again, place()) is not None


def test_fees_without_a_price_are_kept() -> None:
    guard, clock = limited("2")
    state = kept(bought(guard, "1", fee="0.01", fee_currency="BNB"))
    again = restarted(state, clock, "2")
    tell(again, position(1), *at("100"))
    assert judged(again, place()) is not None

    assert alarms(tell(again, trade(300, symbol="BNB/USDT"))) == ["3 USDT were lost since midnight UTC, more than 2"]


def test_what_it_kept_itself_does_not_come_back_to_it() -> None:
    guard, _clock = limited("9")
    state = kept(bought(guard, "1", price=100))
    bought(guard, "1", price=80, side="sell")
    tell(guard, GuardState(guard=state.guard, state=state.state))

    assert judged(guard, place()) is not None


def test_what_another_guard_kept_is_no_matter() -> None:
    guard, _clock = limited()
    tell(guard, GuardState(guard="DailyLoss EUR", state="garbage"))

    assert judged(guard, place()) is None


def test_what_is_known_already_is_not_kept_again() -> None:
    guard, _clock = limited()
    bought(guard, "1")

    assert tell(guard, position(1)) == []


def test_a_currency_in_which_nothing_is_listed_is_refused_with_what_was_meant() -> None:
    guard = DailyLoss("USD", Decimal(1000))
    by_hand(guard)
    tell(guard, listing("BTC/USDT", seq=1))

    reason = 'DailyLoss("USD"): the bot\'s venues list no USD; did you mean USDT?'
    assert judged(guard, place(cause=2)) == reason


@pytest.mark.parametrize("state", ["active", "off"])
def test_a_state_that_is_no_less_risk_is_a_mistake(state: Any) -> None:
    with pytest.raises(ConfigError, match=f"DailyLoss state is '{state}': give"):
        DailyLoss("USDT", Decimal(1), state=state)


# Against a model


class Step(Struct, frozen=True):
    kind: str
    quantity: int
    price: int
    side: Side
    symbol: str


STEPS = st.builds(
    Step,
    kind=st.sampled_from(["fill", "price", "price", "restart", "day"]),
    quantity=st.integers(1, 9),
    price=st.integers(1, 100),
    side=st.sampled_from(["buy", "sell"]),
    symbol=st.sampled_from(["A/USDT", "B/USDT"]),
)


@given(st.integers(0, 300), st.lists(STEPS, max_size=60))
def test_the_loss_is_what_cash_and_positions_lost_since_midnight(limit: int, story: Sequence[Step]) -> None:
    guard, clock = limited(str(limit))
    prices, held, cash, opening, state = {"A/USDT": 10, "B/USDT": 10}, {"A/USDT": 0, "B/USDT": 0}, 0, 0, None
    for step in story:
        told: list[Event] = []
        if step.kind == "fill":
            sign = 1 if step.side == "buy" else -1
            held[step.symbol] += sign * step.quantity
            cash -= sign * step.quantity * prices[step.symbol] + 1
            told = tell(
                guard,
                quote_at(step.symbol, prices[step.symbol]),
                fill(step.quantity, price=prices[step.symbol], side=step.side, symbol=step.symbol, fee=1),
                position(held[step.symbol], symbol=step.symbol),
            )
        elif step.kind == "price":
            prices[step.symbol] = step.price
            told = tell(guard, quote_at(step.symbol, step.price))
        elif step.kind == "restart":
            guard = restarted(state, clock, str(limit))
            told = tell(guard, *(position(quantity, symbol=symbol) for symbol, quantity in held.items() if quantity))
            told += tell(guard, *(quote_at(symbol, price) for symbol, price in prices.items()))
        elif step.kind == "day":
            clock.set(Decimal(clock.time_ns) / 10**9 + DAY_S)
            cash, opening = 0, sum(quantity * prices[symbol] for symbol, quantity in held.items())
            told = tell(guard, *(quote_at(symbol, price) for symbol, price in prices.items()))
        states = [event for event in told if isinstance(event, GuardState)]
        state = states[-1] if states else state

        worth = sum(quantity * prices[symbol] for symbol, quantity in held.items())
        assert (judged(guard, place()) is not None) is (opening - worth - cash > limit)


def quote_at(symbol: str, price: int) -> Event:
    return quote(price - Decimal("0.5"), price + Decimal("0.5"), symbol=symbol)


# In the bot


@simulated
async def test_the_alarm_changes_the_state_of_trading_and_a_restart_keeps_both() -> None:
    journal = MemoryJournal()
    async with Bot(guards=[DailyLoss("USDT", Decimal(100))], journal=journal) as bot:
        order = await bot.open(quantity="2", price="100")
        bot.ledger.fill(order, "2")
        await until(lambda: bot.status(order) == "filled")
        bot.publish(quote(9, 11))

        assert bot.outcome(bot.place())[1].startswith("180 USDT were lost since midnight UTC, more than 100")
        assert [changed.state for changed in bot.events(RiskStateChanged)] == ["reducing"]
        gateway = bot.gateway
    async with Bot(gateway, guards=[DailyLoss("USDT", Decimal(100))], journal=journal) as again:
        bot_says = again.outcome(again.place())[1]
        assert bot_says.startswith("today's loss in USDT is not known: no price of BTC/USDT at venue is known")
        again.publish(quote(9, 11))
        assert again.outcome(again.place())[1].startswith("180 USDT were lost")
        assert again.events(RiskAlarm) == []

        reducing = again.place(side="sell", quantity="1", price="10", reduces=True)
        await until(lambda: again.status(reducing) == "open")


@simulated
async def test_midnight_is_the_engines() -> None:
    async with Bot(guards=[DailyLoss("USDT", Decimal(100))]) as bot:
        assert simulated_clock().now_ns() % (DAY_S * 10**9) < 10**9
        order = await bot.open(quantity="2", price="100")
        bot.ledger.fill(order, "2")
        await until(lambda: bot.status(order) == "filled")
        bot.publish(quote(9, 11))
        await asyncio.sleep(DAY_S)
        bot.publish(quote(9, 11))

        refused = bot.outcome(bot.place())
        assert refused[1].startswith("trading is reducing by DailyLoss USDT")
