"""The laws of the generated feed, and that it looks like a market."""

from collections import Counter, defaultdict
from decimal import Decimal
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.json import decode

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.feed import MARKETS, START_NS, generate, live
from bowstring.local_exchange.recording import RecordedFrame

seeds = st.integers(0, 2**32)
some_symbols = st.lists(st.sampled_from(sorted(MARKETS)), min_size=1, max_size=3, unique=True)


class Quote(Struct):
    """A book ticker as Binance sends it."""

    u: int
    s: str
    b: Decimal
    B: Decimal
    a: Decimal
    A: Decimal


class Trade(Struct):
    """A trade (t) or an aggregate trade (a, f, l) as Binance sends it."""

    e: str
    E: int
    s: str
    p: Decimal
    q: Decimal
    T: int
    m: bool
    t: int = 0
    a: int = 0
    f: int = 0
    l: int = 0  # noqa: E741  # Binance's name


def messages(symbols: list[str], *, seed: int, count: int = 400) -> dict[str, list[Quote | Trade]]:
    """The first messages of each symbol, in their order."""
    by_symbol: dict[str, list[Quote | Trade]] = defaultdict(list)
    for frame in islice(generate(symbols, seed=seed, rate_hz=100), count):
        symbol, _, kind = frame.stream.partition("@")
        message = decode(frame.payload, type=Quote) if kind == "bookTicker" else decode(frame.payload, type=Trade)
        assert message.s == symbol.upper()
        by_symbol[message.s].append(message)
    return by_symbol


def quotes(stream: list[Quote | Trade]) -> list[Quote]:
    return [message for message in stream if isinstance(message, Quote)]


def trades(stream: list[Quote | Trade], kind: str) -> list[Trade]:
    return [message for message in stream if isinstance(message, Trade) and message.e == kind]


def first(symbol: str, *, seed: int, count: int) -> list[RecordedFrame]:
    return list(islice(generate([symbol], seed=seed, rate_hz=100), count))


@given(symbols=some_symbols, seed=seeds)
def test_the_same_seed_gives_the_same_frames(symbols: list[str], seed: int) -> None:
    one, other = (generate(symbols, seed=seed, rate_hz=50) for _ in range(2))

    assert list(islice(one, 200)) == list(islice(other, 200))


def test_another_seed_gives_other_frames() -> None:
    assert first("BTCUSDT", seed=1, count=20) != first("BTCUSDT", seed=2, count=20)


@given(symbols=some_symbols, seed=seeds)
def test_the_bid_is_below_the_ask_and_something_is_displayed(symbols: list[str], seed: int) -> None:
    for stream in messages(symbols, seed=seed).values():
        assert all(0 < quote.b < quote.a and quote.B > 0 < quote.A for quote in quotes(stream))


@given(symbols=some_symbols, seed=seeds)
def test_prices_and_quantities_are_on_their_steps_and_have_8_decimals(symbols: list[str], seed: int) -> None:
    for symbol, stream in messages(symbols, seed=seed).items():
        instrument = MARKETS[symbol].instrument
        for message in stream:
            prices = [message.b, message.a] if isinstance(message, Quote) else [message.p]
            quantities = [message.B, message.A] if isinstance(message, Quote) else [message.q]
            assert all(price % instrument.tick_size == 0 for price in prices)
            assert all(quantity % instrument.lot_size == 0 for quantity in quantities)
            assert {number.as_tuple().exponent for number in prices + quantities} == {-8}


@given(symbols=some_symbols, seed=seeds)
def test_takers_hit_the_displayed_touch_and_the_next_quote_shows_it(symbols: list[str], seed: int) -> None:
    for stream in messages(symbols, seed=seed).values():
        shown, taken, seller = quotes(stream)[0], Decimal(0), False
        for message in stream:
            if isinstance(message, Trade):
                seller = message.m
                assert message.p == (shown.b if seller else shown.a)
                taken += message.q if message.e == "trade" else 0
                continue
            if taken:
                before, left = (shown.B, message.B) if seller else (shown.A, message.A)
                moved = message.b < shown.b if seller else message.a > shown.a
                assert moved if taken == before else (not moved and left == before - taken)
            shown, taken = message, Decimal(0)


@given(symbols=some_symbols, seed=seeds)
def test_ids_increase_and_trade_ids_have_no_gap(symbols: list[str], seed: int) -> None:
    for stream in messages(symbols, seed=seed).values():
        assert all(one.u < other.u for one, other in pairwise(quotes(stream)))
        assert all(one.t + 1 == other.t for one, other in pairwise(trades(stream, "trade")))
        assert all(one.a + 1 == other.a for one, other in pairwise(trades(stream, "aggTrade")))


@given(symbols=some_symbols, seed=seeds)
def test_an_aggregate_trade_sums_the_trades_that_it_names(symbols: list[str], seed: int) -> None:
    for stream in messages(symbols, seed=seed).values():
        single = {trade.t: trade for trade in trades(stream, "trade")}
        for total in trades(stream, "aggTrade"):
            parts = [single[number] for number in range(total.f, total.l + 1)]
            assert sum(part.q for part in parts) == total.q
            assert {(part.p, part.m) for part in parts} == {(total.p, total.m)}


@given(symbols=some_symbols, seed=seeds, start=st.integers(0, 2 * 10**18))
def test_times_never_go_back_and_begin_at_the_start(symbols: list[str], seed: int, start: int) -> None:
    frames = list(islice(generate(symbols, seed=seed, rate_hz=100, start_ns=start), 200))

    assert frames[0].time_ns == start
    assert all(one.time_ns <= other.time_ns for one, other in pairwise(frames))
    for frame in frames:
        if not frame.stream.endswith("@bookTicker"):
            trade = decode(frame.payload, type=Trade)
            assert trade.E == trade.T == frame.time_ns // 1_000_000


def test_a_combined_frame_wraps_its_payload() -> None:
    for frame in first("ETHBTC", seed=3, count=50):
        assert frame.combined == b'{"stream":"%b","data":%b}' % (frame.stream.encode(), frame.payload)


def test_every_symbol_is_quoted_before_anything_else() -> None:
    frames = list(islice(generate(list(MARKETS), seed=1, rate_hz=100), len(MARKETS)))

    assert [frame.stream for frame in frames] == [f"{symbol.lower()}@bookTicker" for symbol in MARKETS]


def test_prices_start_where_the_market_says() -> None:
    for symbol, stream in messages(list(MARKETS), seed=1).items():
        start = MARKETS[symbol].price
        assert abs(quotes(stream)[0].b / start - 1) < Decimal("0.001")


def test_the_rate_is_the_mean_over_time() -> None:
    frames = list(generate(["BTCUSDT", "ETHUSDT"], seed=4, rate_hz=100, seconds=600))

    assert 0.9 < len(frames) / 60_000 < 1.1
    assert frames[-1].time_ns < START_NS + 600 * 10**9


def test_frames_come_in_bursts() -> None:
    seconds = Counter(frame.time_ns // 10**8 for frame in generate(["BTCUSDT"], seed=5, rate_hz=100, seconds=600))

    counts = [seconds[START_NS // 10**8 + tenth] for tenth in range(6000)]
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert variance > 3 * mean  # a steady stream of independent frames has a variance equal to its mean


def test_volatility_clusters() -> None:
    mids = [float(quote.a + quote.b) for quote in quotes(messages(["BTCUSDT"], seed=6, count=40_000)["BTCUSDT"])]

    moves = [abs(after - before) for before, after in pairwise(mids) if after != before]
    blocks = [sum(moves[start : start + 50]) for start in range(0, len(moves) - 50, 50)]
    mean = sum(blocks) / len(blocks)
    covariance = sum((one - mean) * (other - mean) for one, other in pairwise(blocks))
    assert covariance / sum((block - mean) ** 2 for block in blocks) > 0.2


def test_spreads_are_one_tick_mostly_and_sometimes_more() -> None:
    spreads = Counter(
        (quote.a - quote.b) / Decimal("0.01") for quote in quotes(messages(["BTCUSDT"], seed=7)["BTCUSDT"])
    )

    assert spreads.most_common(1)[0][0] == 1
    assert len(spreads) > 2


def test_a_symbol_without_a_market_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no market is known for 'NOSUCH'; those are BTCUSDT, ETHUSDT"):
        generate(["BTCUSDT", "NOSUCH"], seed=1, rate_hz=1)


@pytest.mark.parametrize("rate_hz", [0, -1, float("inf"), float("nan")])
def test_a_rate_must_be_a_positive_number(rate_hz: float) -> None:
    with pytest.raises(ConfigError, match="is no positive number of frames a second"):
        live(["BTCUSDT"], seed=1, rate_hz=rate_hz)


def test_a_symbol_named_twice_is_one() -> None:
    twice, once = (generate(symbols, seed=1, rate_hz=9) for symbols in (["ETHBTC", "ETHBTC"], ["ETHBTC"]))

    assert list(islice(twice, 50)) == list(islice(once, 50))


def test_a_live_feed_has_the_times_of_now_and_knows_its_instruments() -> None:
    feed = live(["ETHBTC"], seed=1, rate_hz=10)
    earlier, later = (next(feed.frames()) for _ in range(2))

    assert earlier.time_ns < later.time_ns < earlier.time_ns + 60 * 10**9
    assert earlier.payload == later.payload
    assert feed.instruments == (MARKETS["ETHBTC"].instrument,)
