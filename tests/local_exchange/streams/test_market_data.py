"""Trades, aggregates and best prices are told at once, to those who want them."""

from hypothesis import given
from hypothesis import strategies as st

from bowstring.local_exchange.matching.orders import Side
from tests.local_exchange.streams.stage import SECOND, Message, Stage

TRADE, AGGREGATE, BEST = "btcusdt@trade", "btcusdt@aggTrade", "btcusdt@bookTicker"

prices = st.integers(64_990, 65_010)
sides: st.SearchStrategy[Side] = st.sampled_from(["BUY", "SELL"])


def fields(messages: list[Message], *names: str) -> list[tuple[object, ...]]:
    return [tuple(message.fields[name] for name in names) for message in messages]


def test_a_taker_who_meets_three_makers_at_two_prices_makes_three_trades_and_two_aggregates() -> None:
    stage = Stage()
    client = stage.join(TRADE, AGGREGATE)
    for price in (65_000, 65_000, 65_001):
        stage.quote("SELL", price, 2)
    stage.take("BUY", 5)
    told = client.take()

    assert fields([one for one in told if one.stream == TRADE], "t", "p", "q", "m") == [
        (1, "65000.00000000", "0.00020000", False),
        (2, "65000.00000000", "0.00020000", False),
        (3, "65001.00000000", "0.00010000", False),
    ]
    assert fields([one for one in told if one.stream == AGGREGATE], "a", "f", "l", "p", "q", "m") == [
        (1, 1, 2, "65000.00000000", "0.00040000", False),
        (2, 3, 3, "65001.00000000", "0.00010000", False),
    ]


def test_two_takers_at_one_price_make_two_aggregates() -> None:
    stage = Stage()
    client = stage.join(AGGREGATE)
    stage.quote("BUY", 65_000, 2)
    for _ in range(2):
        stage.take("SELL")

    assert fields(client.take(), "a", "f", "l", "m") == [(1, 1, 1, True), (2, 2, 2, True)]


@given(
    quotes=st.lists(st.tuples(sides, prices, st.integers(1, 3)), max_size=30),
    takers=st.lists(st.tuples(sides, st.integers(1, 9)), max_size=10),
)
def test_aggregates_partition_the_trades_by_taker_and_price(
    quotes: list[tuple[Side, int, int]], takers: list[tuple[Side, int]]
) -> None:
    stage = Stage()
    client = stage.join(AGGREGATE)
    for side, price, lots in quotes:
        stage.quote(side, price, lots)
    for side, lots in takers:
        stage.take(side, lots)
    trades = {trade.id: trade for trade in stage.market.trades}
    told = fields(client.take(), "a", "f", "l")

    ids = [number for _, first, last in told for number in range(int(str(first)), int(str(last)) + 1)]
    assert ids == sorted(trades)
    assert [number for number, *_ in told] == list(range(1, len(told) + 1))
    kinds = [{(trades[one].taker_order_id, trades[one].price) for one in span(first, last)} for _, first, last in told]
    assert all(len(kind) == 1 for kind in kinds)
    assert len({tuple(kind) for kind in kinds}) == len(kinds)


def span(first: object, last: object) -> range:
    return range(int(str(first)), int(str(last)) + 1)


def test_the_best_prices_are_told_when_they_change_and_only_then() -> None:
    stage = Stage()
    client = stage.join(BEST)
    stage.quote("BUY", 64_000)
    stage.quote("SELL", 65_000, 2)
    stage.quote("SELL", 66_000)
    behind = stage.quote("BUY", 63_000)
    stage.cancel(behind)
    stage.take("BUY")

    assert fields(client.take(), "u", "b", "B", "a", "A") == [
        (2, "64000.00000000", "0.00010000", "0.00000000", "0.00000000"),
        (3, "64000.00000000", "0.00010000", "65000.00000000", "0.00020000"),
        (7, "64000.00000000", "0.00010000", "65000.00000000", "0.00010000"),
    ]


def test_a_taker_who_sweeps_changes_the_best_price_once() -> None:
    stage = Stage()
    for price in (65_000, 65_001, 65_002):
        stage.quote("SELL", price)
    client = stage.join(BEST)
    stage.take("BUY", 2)

    assert fields(client.take(), "u", "a") == [(stage.market.book.update_id, "65002.00000000")]


def test_what_happens_to_one_symbol_is_told_of_no_other() -> None:
    stage = Stage("BTCUSDT", "ETHUSDT")
    client = stage.join(TRADE, BEST, "ethusdt@trade", "ethusdt@bookTicker")
    stage.quote("SELL", 65_000, symbol="ETHUSDT")
    stage.take("BUY", symbol="ETHUSDT")

    assert client.counts() == {"ethusdt@trade": 1, "ethusdt@bookTicker": 2}


def test_everybody_is_told_that_the_server_goes_raw_or_combined() -> None:
    stage = Stage()
    idle, raw, combined = stage.join(), stage.join(TRADE, combined=False, unit=1), stage.join(TRADE)
    stage.data.announce_shutdown()

    event = b'{"e":"serverShutdown","E":1700000000123}'
    assert combined.texts == idle.texts == [b'{"stream":"!serverShutdown","data":%b}' % event]
    assert raw.texts == [b'{"e":"serverShutdown","E":1700000000123456}']


def test_a_second_has_ten_ticks() -> None:
    stage = Stage()
    client = stage.join("btcusdt@miniTicker", "btcusdt@depth20@100ms")
    stage.pass_time(3 * SECOND)

    assert client.counts() == {"btcusdt@miniTicker": 3, "btcusdt@depth20@100ms": 30}
