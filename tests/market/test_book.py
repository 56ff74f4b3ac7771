"""The book against a naive model of it, and what is read from it."""

from collections.abc import Callable
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import ValidationError

from bowstring.core.codec import decode, encode
from bowstring.core.errors import PublishError
from bowstring.core.messages import Event
from bowstring.market import book as book_module
from bowstring.market.book import PORTABLE_LEVELS, Level, OrderBook

Levels = list[tuple[Decimal, Decimal]]


def levels(*pairs: tuple[str, str]) -> Levels:
    return [(Decimal(price), Decimal(quantity)) for price, quantity in pairs]


BIDS = levels(("99", "1"), ("98", "2"), ("97", "4"))
ASKS = levels(("101", "1"), ("102.5", "2"), ("103", "4"))


def book_of(bids: Levels = BIDS, asks: Levels = ASKS, *, is_whole: bool = True) -> OrderBook:
    book = OrderBook(venue="binance", symbol="BTC/USDT")
    book.reset(update_id=7, bids=bids, asks=asks, is_whole=is_whole, time_ns=70)
    return book


# Against a model

prices = st.integers(1, 30).map(lambda ticks: Decimal(ticks) / 4)
quantities = st.integers(0, 3).map(Decimal)
changes = st.lists(st.lists(st.tuples(prices, quantities), max_size=4), max_size=30)


@given(snapshot=st.lists(st.tuples(prices, quantities)), changed=changes)
def test_each_side_is_what_was_last_said_of_each_price(snapshot: Levels, changed: list[Levels]) -> None:
    book = book_of(snapshot, snapshot)
    model = dict(snapshot)
    for number, change in enumerate(changed, 8):
        book.change(update_id=number, bids=change, asks=change)
        model |= dict(change)
        live = sorted(Level(price, quantity) for price, quantity in model.items() if quantity)

        assert book.update_id == number
        assert book.asks() == live
        assert book.bids() == live[::-1]
        assert (book.bid, book.ask) == ((live[-1], live[0]) if live else (None, None))
        assert book.bids(2) == live[::-1][:2]


@given(asks=st.lists(st.tuples(prices, quantities)), price=prices, quantity=st.integers(1, 60).map(Decimal))
def test_depth_and_average_price_are_those_of_the_levels(asks: Levels, price: Decimal, quantity: Decimal) -> None:
    live = {price: quantity for price, quantity in dict(asks).items() if quantity}
    book = book_of([], asks)
    one_by_one = [level for level in sorted(live) for _ in range(int(live[level]))]

    assert book.ask_depth(price) == sum(live[level] for level in live if level <= price)
    average = book.buy_vwap(quantity)
    if quantity > len(one_by_one):
        assert average is None
    else:
        with localcontext(prec=50):
            assert average == sum(one_by_one[: int(quantity)]) / quantity


@given(bids=st.lists(st.tuples(prices, quantities)), price=prices, quantity=st.integers(1, 60).map(Decimal))
def test_the_bids_are_the_asks_in_a_mirror(bids: Levels, price: Decimal, quantity: Decimal) -> None:
    mirror = Decimal(100)
    book = book_of(bids, [(mirror - price, quantity) for price, quantity in bids])
    average = book.sell_vwap(quantity)

    assert book.bid_depth(price) == book.ask_depth(mirror - price)
    assert (average is None) is (book.buy_vwap(quantity) is None)
    if average is not None:
        assert abs(average + (book.buy_vwap(quantity) or 0) - mirror) < Decimal("1E-20")


# What is not known is not told


def test_a_book_without_a_snapshot_tells_nothing() -> None:
    assert readings(OrderBook(venue="binance", symbol="BTC/USDT")) == dict.fromkeys(READERS)


def test_nor_does_one_that_is_not_valid_any_more() -> None:
    book = book_of()
    assert None not in readings(book).values()
    book.invalidate()

    assert readings(book) == dict.fromkeys(READERS)


READERS: dict[str, Callable[[OrderBook], object]] = {
    "bid": lambda book: book.bid,
    "ask": lambda book: book.ask,
    "bids": lambda book: book.bids(),
    "asks": lambda book: book.asks(3),
    "bid_depth": lambda book: book.bid_depth(Decimal(98)),
    "ask_depth": lambda book: book.ask_depth(Decimal(102)),
    "buy_vwap": lambda book: book.buy_vwap(Decimal(1)),
    "sell_vwap": lambda book: book.sell_vwap(Decimal(1)),
}  # fmt: skip


def readings(book: OrderBook) -> dict[str, object]:
    return {name: read(book) for name, read in READERS.items()}


def test_beyond_where_the_snapshot_was_cut_off_depth_and_average_are_not_known() -> None:
    book = book_of(is_whole=False)

    assert book.bid_depth(Decimal(97)) == 7
    assert book.bid_depth(Decimal("96.99")) is None
    assert book.ask_depth(Decimal(103)) == 7
    assert book.ask_depth(Decimal("103.01")) is None


def test_nor_where_a_change_told_of_a_level_there() -> None:
    book = book_of(is_whole=False)
    book.change(update_id=8, bids=levels(("90", "10")), asks=levels(("110", "10")))

    assert book.sell_vwap(Decimal(7)) is not None
    assert book.sell_vwap(Decimal("7.1")) is None
    assert book.buy_vwap(Decimal("7.1")) is None
    assert book.bids() == [*map(Level._make, BIDS), (90, 10)]


def test_no_side_keeps_more_levels_than_the_limit_and_the_worst_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "MAX_LEVELS", 3)
    book = book_of()
    book.change(update_id=8, bids=levels(("98.5", "1")), asks=levels(("102", "1")))

    assert [level.price for level in book.bids() or ()] == [99, Decimal("98.5"), 98]
    assert [level.price for level in book.asks() or ()] == [101, 102, Decimal("102.5")]
    assert book.bid_depth(Decimal(97)) is None
    assert book.ask_depth(Decimal(103)) is None


def test_an_empty_cut_off_side_has_no_depth_to_tell() -> None:
    book = book_of([], [], is_whole=False)

    assert book.bid is None
    assert book.bid_depth(Decimal(1)) == 0
    assert book.sell_vwap(Decimal(1)) is None


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN"])
def test_a_quantity_that_is_none_has_no_average_price(quantity: str) -> None:
    with pytest.raises(ValueError, match=f"a quantity of {quantity} has no average price"):
        book_of().buy_vwap(Decimal(quantity))


# Crossed


@pytest.mark.parametrize(("bid", "crossed"), [("100.99", False), ("101", True), ("102", True)])
def test_a_bid_at_an_ask_or_above_it_crosses_the_book(bid: str, crossed: bool) -> None:
    book = book_of()
    book.change(update_id=8, bids=levels((bid, "1")), asks=[])

    assert book.is_crossed() is crossed


def test_a_book_with_one_empty_side_is_not_crossed() -> None:
    assert not book_of([], ASKS).is_crossed()
    assert not book_of(BIDS, []).is_crossed()


# In another process


class Told(Event, frozen=True, kw_only=True):
    book: OrderBook


def sent(book: OrderBook) -> OrderBook:
    return decode(encode(Told(book=book)), Told).book


def test_another_process_is_given_a_copy_that_reads_the_same() -> None:
    book = book_of()
    copy = sent(book)

    assert (copy.venue, copy.symbol, copy.update_id, copy.time_ns) == ("binance", "BTC/USDT", 7, 70)
    assert readings(copy) == readings(book)
    book.invalidate()
    assert copy.is_valid


def test_of_an_invalid_book_there_is_nothing_to_read_there_either() -> None:
    book = book_of()
    book.invalidate()

    assert readings(sent(book)) == dict.fromkeys(READERS)


@pytest.mark.parametrize(("more", "depth"), [(0, PORTABLE_LEVELS), (1, None)])
def test_it_is_given_the_best_levels_and_knows_that_there_are_more(more: int, depth: int | None) -> None:
    side = [(Decimal(1000 - n), Decimal(1)) for n in range(PORTABLE_LEVELS + more)]
    copy = sent(book_of(side, []))

    assert copy.bids() == side[:PORTABLE_LEVELS]
    assert copy.bid_depth(Decimal(1)) == depth


def test_a_side_that_was_cut_off_stays_so() -> None:
    copy = sent(book_of(is_whole=False))

    assert copy.bid_depth(Decimal(97)) == 7
    assert copy.bid_depth(Decimal(96)) is None


@pytest.mark.parametrize("data", [None, [], ["binance"], ["binance", "BTC/USDT", 1, 1, [[[["x", "1"]], True]] * 2]])
def test_anything_else_is_no_book(data: object) -> None:
    with pytest.raises(ValidationError):
        OrderBook.from_portable(data)


def test_what_has_no_form_for_another_process_says_so() -> None:
    class Odd(Event, frozen=True, kw_only=True):
        what: object

    with pytest.raises(PublishError, match="Odd cannot be encoded: object has no form for another process"):
        encode(Odd(what=object()))


# A snapshot that was cut off


def test_a_side_whose_known_levels_are_gone_is_exhausted_even_if_a_far_one_was_told() -> None:
    book = book_of(is_whole=False)
    book.change(update_id=8, bids=levels(("90", "10")), asks=[])
    assert not book.is_exhausted()
    book.change(update_id=9, bids=levels(("99", "0"), ("98", "0"), ("97", "0")), asks=[])

    assert book.is_exhausted()


def test_a_whole_side_may_become_empty() -> None:
    book = book_of()
    book.change(update_id=8, bids=[(price, Decimal(0)) for price, _ in BIDS], asks=[])

    assert not book.is_exhausted()
    assert book.bid is None


def test_another_process_knows_no_more_than_this_one() -> None:
    book = book_of(is_whole=False)
    book.change(update_id=8, bids=levels(("90", "10")), asks=levels(("110", "10")))
    copy = sent(book)

    for price in ("97", "90"):
        assert copy.bid_depth(Decimal(price)) == book.bid_depth(Decimal(price))
    assert copy.buy_vwap(Decimal(8)) is None


def test_what_is_known_never_reaches_farther_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(book_module, "MAX_LEVELS", 4)
    book = book_of(is_whole=False)
    book.change(update_id=8, bids=[], asks=levels(("110", "1"), ("120", "1")))

    assert book.ask_depth(Decimal(103)) == 7
    assert book.ask_depth(Decimal(110)) is None
