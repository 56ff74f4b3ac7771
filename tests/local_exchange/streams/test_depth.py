"""A client's book, made as Binance says it is to be made, is the exchange's at each update."""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, convert

from bowstring.local_exchange.matching.accounts import Order
from bowstring.local_exchange.matching.book import Book
from bowstring.local_exchange.matching.rules import UNIT
from tests.local_exchange.streams.stage import MS, SECOND, Client, Message, Stage

FAST, SLOW = "btcusdt@depth@100ms", "btcusdt@depth"
Sides = dict[str, dict[Decimal, Decimal]]

prices = st.integers(64_990, 65_010)
lots = st.integers(1, 5)
sides = st.sampled_from(["BUY", "SELL"])
actions = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), sides, prices, lots),
        st.tuples(st.just("take"), sides, prices, lots),
        st.tuples(st.just("cancel"), sides, prices, lots),
        st.tuples(st.just("wait"), sides, prices, st.integers(1, 12)),
    ),
    max_size=60,
)


class Update(Struct):
    U: int
    u: int
    b: list[tuple[Decimal, Decimal]]
    a: list[tuple[Decimal, Decimal]]


class LocalBook:
    """A snapshot, and what has been applied to it since."""

    def __init__(self, book: Book) -> None:
        self.update_id, self.sides = book.update_id, levels(book)

    def apply(self, update: Update) -> None:
        if update.u <= self.update_id:
            return
        assert self.update_id >= update.U - 1
        for side, changes in (("b", update.b), ("a", update.a)):
            for price, quantity in changes:
                self.sides[side].pop(price, None)
                if quantity:
                    self.sides[side][price] = quantity
        self.update_id = update.u


def levels(book: Book) -> Sides:
    return {
        side: {Decimal(price) / UNIT: Decimal(quantity) / UNIT for price, quantity in book.depth(5000, is_bid=is_bid)}
        for side, is_bid in (("b", True), ("a", False))
    }


def updates(messages: list[Message], stream: str) -> list[Update]:
    return [convert(message.data, Update, strict=False) for message in messages if message.stream == stream]


class Trader:
    """Does what is drawn, as far as the exchange lets it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._quotes: list[Order] = []

    def act(self, what: str, side: str, price: int, number: int) -> None:
        is_buy = side == "BUY"
        if what == "quote":
            self._quotes.append(self._stage.quote("BUY" if is_buy else "SELL", price, number))
        elif what == "take":
            self._stage.take("BUY" if is_buy else "SELL", number, price=price)
        elif what == "wait":
            self._stage.pass_time(number * 100 * MS)
        elif still := [order for order in self._quotes if order.is_open]:
            self._stage.cancel(still[number % len(still)])


def ignore(_stage: Stage, _client: Client) -> None:
    """Nothing is looked at in between."""


def played(actions: list[tuple[str, str, int, int]], *, look: Callable[[Stage, Client], None]) -> tuple[Stage, Client]:
    """Play all, calling ``look`` after each action."""
    stage = Stage()
    client, trader = stage.join(FAST, SLOW), Trader(stage)
    for action in actions:
        trader.act(*action)
        look(stage, client)
    stage.pass_time(SECOND)
    return stage, client


@given(actions=actions)
def test_at_each_update_the_clients_book_is_the_exchanges(actions: list[tuple[str, str, int, int]]) -> None:
    books: dict[int, Sides] = {}
    told: list[Message] = []

    def look(stage: Stage, client: Client) -> None:
        told.extend(client.take())
        books[stage.market.book.update_id] = levels(stage.market.book)

    stage, client = played(actions, look=look)
    look(stage, client)
    for stream in (FAST, SLOW):
        local = LocalBook(Book())
        for update in updates(told, stream):
            local.apply(update)
            assert local.sides == books[update.u]
        assert local.sides == levels(stage.market.book)


@given(actions=actions)
def test_each_update_begins_where_the_one_before_has_ended(actions: list[tuple[str, str, int, int]]) -> None:
    _, client = played(actions, look=ignore)
    told = client.take()

    for stream in (FAST, SLOW):
        ids = [(update.U, update.u) for update in updates(told, stream)]
        assert all(first <= last for first, last in ids)
        assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(ids))


@given(actions=actions, after=st.integers(0, 60))
def test_a_snapshot_is_as_new_as_all_that_was_sent_before_and_leads_to_the_same_book(
    actions: list[tuple[str, str, int, int]], after: int
) -> None:
    snapshots: list[tuple[LocalBook, LocalBook]] = []
    told: list[Message] = []

    def look(stage: Stage, client: Client) -> None:
        if len(snapshots) < after:
            told.extend(client.take())
            snapshots.append((LocalBook(stage.market.book), LocalBook(stage.market.book)))
            for stream in (FAST, SLOW):
                assert all(update.u <= snapshots[-1][0].update_id for update in updates(told, stream))

    stage, client = played(actions, look=look)
    told += client.take()
    locals_ = snapshots[-1] if snapshots else (LocalBook(Book()), LocalBook(Book()))
    for stream, local in zip((FAST, SLOW), locals_, strict=True):
        for update in updates(told, stream):
            local.apply(update)
        assert local.sides == levels(stage.market.book)


def test_a_level_that_is_gone_is_told_with_zero() -> None:
    stage = Stage()
    client, order = stage.join(FAST), stage.quote("BUY", 64_000)
    stage.pass_time(100 * MS)
    stage.cancel(order)
    stage.pass_time(100 * MS)

    assert client.take()[-1].fields["b"] == [["64000.00000000", "0.00000000"]]


def test_nothing_is_told_while_nothing_changes() -> None:
    stage = Stage()
    client = stage.join(FAST, SLOW)
    stage.quote("BUY", 64_000)
    stage.pass_time(5 * SECOND)

    assert client.counts() == {FAST: 1, SLOW: 1}


def test_the_fast_stream_tells_every_100_ms_and_the_slow_one_every_second() -> None:
    stage = Stage()
    client = stage.join(FAST, SLOW)
    for price in range(64_000, 64_020):
        stage.quote("BUY", price)
        stage.pass_time(100 * MS)

    assert client.counts() == {FAST: 20, SLOW: 2}


def test_levels_are_told_best_first() -> None:
    stage = Stage()
    client = stage.join(FAST)
    for price in (64_001, 64_003, 64_002):
        stage.quote("BUY", price)
        stage.quote("SELL", price + 1000)
    stage.pass_time(100 * MS)
    update = updates(client.take(), FAST)[0]

    assert [int(price) for price, _ in update.b] == [64_003, 64_002, 64_001]
    assert [int(price) for price, _ in update.a] == [65_001, 65_002, 65_003]


def test_who_subscribes_later_gets_the_next_update_and_its_first_id_follows_the_last_one() -> None:
    stage = Stage()
    stage.quote("BUY", 64_000)
    stage.pass_time(SECOND)
    before = stage.market.book.update_id
    client = stage.join(FAST, SLOW)
    stage.quote("BUY", 64_001)
    stage.pass_time(SECOND)

    assert {message.fields["U"] for message in client.take()} == {before + 1}


def test_partial_depth_has_that_many_levels_and_comes_at_two_speeds() -> None:
    stage = Stage()
    streams = [f"btcusdt@depth{number}{speed}" for number in (5, 10, 20) for speed in ("", "@100ms")]
    client = stage.join(*streams)
    for price in range(64_000, 64_030):
        stage.quote("BUY", price)
    stage.pass_time(SECOND)
    told = client.take()

    for stream in streams:
        best = [message.fields["bids"] for message in told if message.stream == stream]
        number = int(stream.removeprefix("btcusdt@depth").removesuffix("@100ms"))
        assert best == [[[f"{64_029 - one}.00000000", "0.00010000"] for one in range(number)]] * (
            10 if stream.endswith("@100ms") else 1
        )


def test_the_slow_streams_are_there_under_names_with_their_speed_too() -> None:
    stage = Stage("BTCUSDT")
    client = stage.join(SLOW, f"{SLOW}@1000ms", f"{SLOW}10", f"{SLOW}10@1000ms")
    stage.quote("BUY", 64_000)
    stage.pass_time(SECOND)
    told = {message.stream: message.data for message in client.take()}

    assert told[SLOW] == told[f"{SLOW}@1000ms"]
    assert told[f"{SLOW}10"] == told[f"{SLOW}10@1000ms"]
