"""Which instruments a recording shows."""

import os
from pathlib import Path

import pytest

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.instruments import derive_instruments
from bowstring.local_exchange.recording import RecordedFrame, RecordedReply, Recording, open_recording
from tests.local_exchange.traffic import depth, recording


def shown(stream: str, payload: str) -> RecordedFrame:
    return RecordedFrame(time_ns=0, stream=stream, combined=b"", payload=payload.encode())


def steps(played: Recording) -> dict[str, tuple[str, str]]:
    return {
        instrument.venue_symbol: (f"{instrument.tick_size:f}", f"{instrument.lot_size:f}")
        for instrument in derive_instruments(played)
    }


@pytest.mark.parametrize(
    ("venue_symbol", "base", "quote"),
    [
        ("BTCUSDT", "BTC", "USDT"),
        ("BTCFDUSD", "BTC", "FDUSD"),
        ("USDCUSDT", "USDC", "USDT"),
        ("BNBBTC", "BNB", "BTC"),
        ("ETHBTC", "ETH", "BTC"),
        ("RUNEEUR", "RUNE", "EUR"),
        ("BTCZAR", "BTC", "ZAR"),
    ],
)
def test_a_symbol_is_split_before_its_quote_asset(venue_symbol: str, base: str, quote: str) -> None:
    trade = shown(f"{venue_symbol.lower()}@trade", '{"p":"1.0","q":"1.0"}')

    (instrument,) = derive_instruments(recording([trade]))
    assert (instrument.symbol, instrument.base, instrument.quote) == (f"{base}/{quote}", base, quote)
    assert instrument.venue_symbol == venue_symbol


def test_a_futures_symbol_is_settled_in_its_quote_asset() -> None:
    (instrument,) = derive_instruments(recording([shown("btcusdt@trade", '{"p":"1","q":"1"}')], futures=True))

    assert instrument.symbol == "BTC/USDT:USDT"


@pytest.mark.parametrize(
    ("stream", "payload"),
    [
        ("aaabtc@trade", '{"e":"trade","b":88,"a":50,"p":"1.25000000","q":"3.50000000"}'),
        ("aaabtc@aggTrade", '{"e":"aggTrade","a":5933014,"p":"1.25","q":"3.5","f":1,"l":2}'),
        ("aaabtc@bookTicker", '{"u":1,"b":"1.20000000","B":"3.50000000","a":"1.25000000","A":"3.00000000"}'),
        ("aaabtc@depth@100ms", '{"e":"depthUpdate","b":[["1.25","3"]],"a":[["1.3","3.5"],["2","0.00000000"]]}'),
        ("aaabtc@depth5", '{"lastUpdateId":1,"bids":[["1.25","3"]],"asks":[["1.3","3.5"]]}'),
    ],
)
def test_steps_are_the_decimals_that_occur(stream: str, payload: str) -> None:
    assert steps(recording([shown(stream, payload)])) == {"AAABTC": ("0.01", "0.1")}


def test_steps_are_the_finest_of_all_messages() -> None:
    frames = [
        shown("aaabtc@trade", '{"p":"1.0","q":"0.001"}'),
        shown("aaabtc@trade", '{"p":"1.05","q":"7"}'),
        shown("aaabtc@ticker", '{"p":"0.12345678","q":"0.12345678"}'),
        shown("!miniTicker@arr", "[]"),
    ]

    assert steps(recording(frames)) == {"AAABTC": ("0.01", "0.001")}


def test_a_snapshot_counts_only_for_a_symbol_without_messages() -> None:
    coarse = shown("aaabtc@trade", '{"p":"1","q":"1"}')
    time = RecordedReply(time_ns=0, url="https://api.binance.com/api/v3/time", body=b"{}")

    assert steps(recording([coarse], depth(0, "AAABTC"), time, depth(0, "BBBBTC"))) == {
        "AAABTC": ("1", "1"),
        "BBBBTC": ("0.1", "0.1"),
    }


@pytest.mark.parametrize(
    ("stream", "payload", "expected"),
    [
        ("aaabtc@kline_1m", '{"k":{"o":"1.2500","h":"1.3","l":"1.2","c":"1.3","v":"3.50"}}', ("0.01", "0.1")),
        ("aaabtc@miniTicker", '{"o":"1.2500","h":"1.3","l":"1.2","c":"1.3","v":"3.50","q":"4.375"}', ("0.01", "0.1")),
        ("aaabtc@forceOrder", '{"o":{"p":"1.25","q":"3.5","ap":"1.24871"}}', ("0.01", "0.1")),
        ("aaabtc@markPrice@1s", '{"p":"1.25000000","i":"1.24871","r":""}', ("0.01", "1")),
    ],
)  # fmt: skip
def test_a_symbol_without_trades_and_quotes_is_shown_by_what_sums_them_up(
    stream: str, payload: str, expected: tuple[str, str]
) -> None:
    coarse = shown("bbbbtc@trade", '{"p":"1","q":"1"}')
    summed_up = shown(stream, payload)

    assert steps(recording([coarse, summed_up])) == {"AAABTC": expected, "BBBBTC": ("1", "1")}
    coarser = [shown("aaabtc@trade", '{"p":"1","q":"1"}'), summed_up]
    assert steps(recording(coarser)) == {"AAABTC": ("1", "1")}


def test_what_is_not_binances_format_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"not Binance's format: Expected .* in b'{\"p\":1.5}'"):
        derive_instruments(recording([shown("a@trade", '{"p":1.5}')]))


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        pytest.param(
            "BINANCE",
            {
                "BLZETH": ("0.00000001", "1"),
                "LRCBTC": ("0.00000001", "1"),
                "NKNUSDT": ("0.0001", "1"),
                "RUNEEUR": ("0.001", "0.1"),
            },
            marks=pytest.mark.recorded("BINANCE"),
        ),
        pytest.param(
            "BINANCE_FUTURES",
            {
                "AKROUSDT": ("0.00001", "1"),
                "CTKUSDT": ("0.001", "1"),
                "KEEPUSDT": ("0.0001", "1"),
                "SUSHIUSDT": ("0.001", "1"),
            },
            marks=pytest.mark.recorded("BINANCE_FUTURES"),
        ),
    ],
)
def test_recorded_traffic_shows_the_steps_of_that_time(stem: str, expected: dict[str, tuple[str, str]]) -> None:
    assert steps(open_recording(Path(os.environ["BOWSTRING_RECORDINGS"]) / stem)) == expected
