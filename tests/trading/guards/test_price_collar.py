"""A limit price is near a reference price that can be relied on, or the order adds no risk."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.errors import ConfigError
from bowstring.core.messages import CollectorDown, Event, LoopBlocked
from bowstring.market.book import OrderBook
from bowstring.market.events import BookChanged, BookLost, StreamStale
from bowstring.trading.guards.price_collar import PriceCollar
from tests.trading.guards.told import Hand, by_hand, judged, place, quote, replace, tell, trade, verdicts
from tests.trading.scripted import SYMBOL

FAR = "price 106 is not between 95 and 105, within 0.05 of 100"
UNKNOWN = "no price of BTC/USDT at venue is known"


def collared(share: str = "0.05", *, stale_after_s: float = 5.0) -> tuple[PriceCollar, Hand]:
    guard = PriceCollar(Decimal(share), stale_after_s=stale_after_s)
    clock = by_hand(guard)
    clock.set(100)
    return guard, clock


@given(st.integers(2, 10**12), st.integers(1, 9_999), st.sampled_from([-1, 0, 1]), st.booleans(), st.booleans())
def test_a_price_is_refused_from_the_smallest_step_outside_of_the_collar(
    middle: int, share: int, step: int, above: bool, reduces: bool
) -> None:
    with localcontext(prec=5):
        guard, _clock = collared(f"{share}e-4")
        tell(guard, quote(f"{middle - 1}e-4", f"{middle + 1}e-4"))
        edge = middle * (10_000 + share if above else 10_000 - share)
        price = f"{edge + (step if above else -step)}e-8"

        assert verdicts(guard, [place(price=price, reduces=reduces), replace(price=price)]) == [step <= 0] * 2


def test_the_refusal_tells_the_price_and_the_collar() -> None:
    guard, _clock = collared()
    tell(guard, quote(99, 101))

    assert judged(guard, place(price=106)) == FAR


def test_what_reduces_is_held_to_the_collar_too_where_there_is_one() -> None:
    guard, _clock = collared()
    tell(guard, quote(99, 101))

    assert judged(guard, place(price=106, reduces=True)) == FAR


def test_without_a_price_only_what_reduces_passes() -> None:
    guard, _clock = collared()

    assert judged(guard, place()) == UNKNOWN
    assert judged(guard, replace()) == UNKNOWN
    assert judged(guard, place(reduces=True)) is None


@pytest.mark.parametrize(("age_ns", "passes"), [(4_999_999_999, True), (5_000_000_000, True), (5_000_000_001, False)])
def test_a_quote_is_fresh_for_exactly_its_budget(age_ns: int, passes: bool) -> None:
    guard, clock = collared()
    tell(guard, quote(99, 101))
    clock.time_ns += age_ns

    assert (judged(guard, place()) is None) is passes
    assert judged(guard, place(reduces=True)) is None


def test_the_refusal_tells_how_old_the_price_is() -> None:
    guard, clock = collared()
    tell(guard, quote(99, 101))
    clock.set(107)

    assert (
        judged(guard, place())
        == "the price of BTC/USDT at venue is 7.0 s old, or its stream failed or the event loop was blocked since"
    )


def test_the_last_trade_counts_where_no_fresh_quote_is() -> None:
    guard, clock = collared()
    tell(guard, trade(100))
    assert verdicts(guard, [place(price=105), place(price=106)]) == [True, False]

    tell(guard, quote(199, 201))
    assert verdicts(guard, [place(price=105), place(price=200)]) == [False, True]

    clock.set(106)
    tell(guard, trade(100))
    assert verdicts(guard, [place(price=105), place(price=200)]) == [True, False]


@pytest.mark.parametrize(("bid", "ask"), [("101", "100"), ("100", "100"), ("0", "1"), ("-1", "1")])
def test_a_crossed_quote_is_none(bid: str, ask: str) -> None:
    guard, _clock = collared()
    tell(guard, trade(100), quote(bid, ask))

    assert judged(guard, place()) == f"BTC/USDT at venue is crossed: bid {bid}, ask {ask}"
    assert judged(guard, place(reduces=True)) is None


def test_prices_are_those_of_the_orders_own_venue_and_symbol() -> None:
    guard, _clock = collared()
    tell(guard, quote(99, 101, venue="other"), quote(99, 101, symbol="ETH/USDT"))

    assert judged(guard, place()) == UNKNOWN


def test_the_accounts_of_a_venue_see_the_same_prices() -> None:
    guard, _clock = collared()
    tell(guard, quote(99, 101, venue="venue:other"))

    assert verdicts(guard, [place(), place(venue="venue:hedge")]) == [True, True]


DOUBTS: list[Event] = [
    BookLost(venue="venue", symbol=SYMBOL, reason="gap"),
    StreamStale(venue="venue", stream="btcusdt@bookTicker", symbol=SYMBOL, silent_s=3.0),
    CollectorDown(collector="quotes", reason="reset", retry_in_s=1.0),
    LoopBlocked(handler="Trader.think", blocked_s=1.0),
]


@pytest.mark.parametrize("doubt", range(len(DOUBTS)))
def test_what_came_before_a_failure_is_not_fresh_and_what_comes_after_is(doubt: int) -> None:
    guard, _clock = collared()
    tell(guard, quote(99, 101), trade(100))
    tell(guard, _copy(DOUBTS[doubt]))
    assert (
        judged(guard, place())
        == "the price of BTC/USDT at venue is 0.0 s old, or its stream failed or the event loop was blocked since"
    )
    assert judged(guard, place(reduces=True)) is None

    tell(guard, quote(99, 101))
    assert judged(guard, place()) is None


def test_a_loop_that_was_blocked_for_less_than_a_second_is_no_matter() -> None:
    guard, _clock = collared()
    tell(guard, quote(99, 101), LoopBlocked(handler="Trader.think", blocked_s=0.9))

    assert judged(guard, place()) is None


@pytest.mark.parametrize("doubt", range(2))
def test_a_failure_elsewhere_is_no_matter(doubt: int) -> None:
    guard, _clock = collared()
    tell(guard, quote(99, 101, venue="other"), quote(99, 101, symbol="ETH/USDT"))
    tell(guard, _copy(DOUBTS[doubt]))

    assert verdicts(guard, [place(venue="other"), place(symbol="ETH/USDT")]) == [True, True]


def _copy(event: Event) -> Event:
    from msgspec.structs import replace as copied

    return copied(event)


def book(bid: str | None, ask: str | None) -> OrderBook:
    made = OrderBook(venue="venue", symbol=SYMBOL)
    one = Decimal(1)
    made.reset(
        update_id=1,
        bids=[(Decimal(bid), one)] if bid else [],
        asks=[(Decimal(ask), one)] if ask else [],
        is_whole=True,
    )
    return made


def test_a_book_is_read_when_an_order_is_judged() -> None:
    guard, _clock = collared()
    live = book("99", "101")
    tell(guard, BookChanged(venue="venue", symbol=SYMBOL, book=live))
    assert verdicts(guard, [place(price=105), place(price=106)]) == [True, False]

    live.invalidate()
    assert judged(guard, place()) == "the book of BTC/USDT at venue is not valid, or has an empty side"
    assert judged(guard, place(reduces=True)) is None


@pytest.mark.parametrize(("bid", "ask"), [(None, "101"), ("99", None), (None, None)])
def test_a_book_with_an_empty_side_has_no_middle(bid: str | None, ask: str | None) -> None:
    guard, _clock = collared()
    tell(guard, BookChanged(venue="venue", symbol=SYMBOL, book=book(bid, ask)))

    assert judged(guard, place()) is not None


@pytest.mark.parametrize("share", ["1", "1.5"])
def test_a_share_of_all_is_a_mistake(share: str) -> None:
    with pytest.raises(ConfigError, match="give a share below 1"):
        PriceCollar(Decimal(share))


@pytest.mark.parametrize("stale_after_s", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_that_is_none_is_a_mistake(stale_after_s: float) -> None:
    with pytest.raises(ConfigError, match=r"PriceCollar stale_after_s is .*: give a time above 0 seconds"):
        PriceCollar(Decimal("0.05"), stale_after_s=stale_after_s)
