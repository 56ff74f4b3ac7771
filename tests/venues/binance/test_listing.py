import asyncio
import json
from decimal import Decimal

import pytest

from bowstring.core.errors import BadMessage, ConfigError, Disconnected, Rejected
from bowstring.net.budget import WeightBudget
from bowstring.net.http import HttpClient
from bowstring.venues.binance.listing import MAX_NAMED, Listing
from bowstring.venues.binance.markets import FUTURES, SPOT
from bowstring.venues.binance.refusal import read_refusal
from tests.venues.binance.facts import BTC, ETH
from tests.venues.binance.fake import FakeBinance


def listing(url: str, *, deadline_s: float = 10.0, budget: WeightBudget | None = None) -> Listing:
    def client() -> HttpClient:
        return HttpClient(url, deadline_s=deadline_s, backoff_s=0.001, budget=budget, parse_error=read_refusal)

    return Listing("binance", market=SPOT, open_client=client)


async def test_asks_for_what_is_wanted_once_and_gives_it_in_the_order_asked(binance: FakeBinance) -> None:
    listed = listing(binance.rest_url)
    listed.want(["ETH/BTC"])

    first = await listed.instruments(["ETH/USDT", "BTC/USDT"])
    again = await listed.wanted()

    assert [one.symbol for one in first] == ["ETH/USDT", "BTC/USDT"]
    assert [one.symbol for one in again] == ["BTC/USDT", "ETH/BTC", "ETH/USDT"]
    assert [json.loads(request["symbols"]) for request in binance.requests] == [["BTCUSDT", "ETHBTC", "ETHUSDT"]]
    assert first[1].tick_size == Decimal("0.01")


async def test_concurrent_callers_share_one_fetch(binance: FakeBinance) -> None:
    listed = listing(binance.rest_url)
    listed.want(["BTC/USDT", "ETH/USDT"])

    await asyncio.gather(listed.instruments(["BTC/USDT"]), listed.instruments(["ETH/USDT"]), listed.wanted())

    assert len(binance.requests) == 1


async def test_a_symbol_wanted_later_is_fetched_later(binance: FakeBinance) -> None:
    listed = listing(binance.rest_url)

    await listed.instruments(["BTC/USDT"])
    await listed.instruments(["ETH/USDT"])

    assert [request["symbols"] for request in binance.requests] == ['["BTCUSDT"]', '["ETHUSDT"]']


async def test_all_that_trades_is_listed_where_nothing_is_wanted(binance: FakeBinance) -> None:
    everything = await listing(binance.rest_url).wanted()

    assert {one.symbol for one in everything} == {"BTC/USDT", "ETH/USDT", "ETH/BTC"}


async def test_given_instruments_are_never_fetched() -> None:
    listed = Listing("binance", market=SPOT, given=[BTC, ETH])

    assert await listed.instruments(["ETH/USDT"]) == [ETH]
    assert await listed.wanted() == [ETH]
    assert await Listing("binance", market=SPOT, given=[BTC, ETH]).wanted() == [BTC, ETH]
    with pytest.raises(ConfigError, match=r"binance lists no XRP/USDT"):
        await listed.instruments(["XRP/USDT"])


async def test_an_unknown_symbol_is_named_with_its_near_matches(binance: FakeBinance) -> None:
    with pytest.raises(ConfigError, match=r"binance lists no BTC/USDX; did you mean BTC/USDT"):
        await listing(binance.rest_url).instruments(["ETH/USDT", "BTC/USDX"])
    with pytest.raises(ConfigError, match=r"binance lists no eth/btc; did you mean ETH/BTC"):
        await listing(binance.rest_url).instruments(["eth/btc"])


async def test_symbols_are_what_the_venue_says_and_not_what_their_names_suggest(binance: FakeBinance) -> None:
    with pytest.raises(ConfigError, match=r"binance lists no BTCU/SDT; did you mean BTC/USDT"):
        await listing(binance.rest_url).instruments(["BTCU/SDT"])


async def test_a_symbol_that_does_not_trade_is_named_with_its_status(binance: FakeBinance) -> None:
    with pytest.raises(ConfigError, match=r"LUNA/USDT is not traded now: its status is BREAK"):
        await listing(binance.rest_url).instruments(["LUNA/USDT"])


@pytest.mark.parametrize("symbol", ["BTCUSDT", "/USDT", "BTC/", "BTC/USDT:USDT", ""])
def test_what_is_no_spot_symbol_is_refused_at_once(symbol: str) -> None:
    with pytest.raises(ConfigError, match=f'symbol {symbol!r} is no spot symbol such as "BTC/USDT"'):
        Listing("binance", market=SPOT).want([symbol])


async def test_more_symbols_than_fit_a_url_are_fetched_with_all_others(binance: FakeBinance) -> None:
    listed = listing(binance.rest_url)
    listed.want([f"C{number}/USDT" for number in range(MAX_NAMED)])

    await asyncio.gather(listed.instruments(["BTC/USDT"]))

    assert binance.requests == [{"showPermissionSets": "false"}]


async def test_a_read_without_an_answer_is_repeated(binance: FakeBinance) -> None:
    binance.failures.extend([(503, "<html>", {}), (500, '{"code":-1000,"msg":"unknown"}', {})])

    instruments = await listing(binance.rest_url).instruments(["BTC/USDT"])

    assert [one.symbol for one in instruments] == ["BTC/USDT"]
    assert len(binance.requests) == 3


async def test_the_third_read_without_an_answer_is_the_last(binance: FakeBinance) -> None:
    for _ in range(4):
        binance.failures.append((502, "", {}))

    with pytest.raises(Disconnected, match=r"GET http://127.0.0.1:\d+/api/v3/exchangeInfo: HTTP 502: no reason given"):
        await listing(binance.rest_url).instruments(["BTC/USDT"])
    assert len(binance.requests) == 3


async def test_a_refusal_is_told_at_once_with_the_time_to_wait(binance: FakeBinance) -> None:
    binance.failures.append((429, '{"code":-1003,"msg":"Too much request weight used"}', {"Retry-After": "7"}))

    with pytest.raises(Rejected, match="HTTP 429: Too much request weight used; retry after 7 s") as refused:
        await listing(binance.rest_url).instruments(["BTC/USDT"])
    assert refused.value.code == "-1003"
    assert len(binance.requests) == 1


async def test_an_answer_that_makes_no_sense_is_told(binance: FakeBinance) -> None:
    binance.failures.append((200, "<html>maintenance</html>", {}))

    with pytest.raises(BadMessage, match="malformed exchangeInfo"):
        await listing(binance.rest_url).instruments(["BTC/USDT"])


async def test_a_read_has_a_deadline(binance: FakeBinance) -> None:
    with pytest.raises(Disconnected, match=r"no answer within 1e-09 s"):
        await listing(binance.rest_url, deadline_s=1e-9).instruments(["BTC/USDT"])


async def test_nobody_at_the_address_is_told() -> None:
    expected = (
        r"^GET http://127.0.0.1:1/api/v3/exchangeInfo: Cannot connect to host 127.0.0.1:1 \[.*\]; "
        "check the network, or give another rest_url$"
    )
    with pytest.raises(Disconnected, match=expected):
        await listing("http://127.0.0.1:1").instruments(["BTC/USDT"])


async def test_a_fetch_weighs_what_the_venue_says(binance: FakeBinance) -> None:
    budget = WeightBudget(100)

    await listing(binance.rest_url, budget=budget).instruments(["BTC/USDT"])

    assert budget.wait_s(80) == 0
    assert budget.wait_s(81) > 0


async def test_futures_are_listed_with_one_request_for_all(binance: FakeBinance) -> None:
    listed = Listing(
        "binance_futures", market=FUTURES, open_client=lambda: HttpClient(binance.rest_url, parse_error=read_refusal)
    )

    (perpetual,) = await listed.instruments(["BTC/USDT:USDT"])
    await listed.instruments(["ETH/USDT:USDT"])

    assert (perpetual.venue, perpetual.symbol, perpetual.venue_symbol) == (
        "binance_futures", "BTC/USDT:USDT", "BTCUSDT",
    )  # fmt: skip
    assert binance.requests == [{}]
    with pytest.raises(ConfigError, match=r"LUNA/USDT:USDT is not traded now: its status is BREAK"):
        await listed.instruments(["LUNA/USDT:USDT"])
    with pytest.raises(ConfigError, match=r"binance_futures lists no BTC/USDX:USDX; did you mean BTC/USDT:USDT"):
        await listed.instruments(["BTC/USDX:USDX"])


@pytest.mark.parametrize("symbol", ["BTC/USDT", "BTCUSDT", "BTC/USD:BTC", "BTC/USDT:", "/USDT:USDT"])
def test_what_is_no_perpetual_is_refused_at_once(symbol: str) -> None:
    with pytest.raises(ConfigError, match=f"symbol {symbol!r} is no USDⓈ-M perpetual symbol such as"):
        Listing("binance_futures", market=FUTURES).want([symbol])
