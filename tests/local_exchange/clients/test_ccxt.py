"""ccxt trades on the local exchange, over REST."""

import pytest

from bowstring.testing.exchange import LocalExchange
from tests.local_exchange.clients.ccxt_binance import Ccxt, opened

BTC = "BTC/USDT"


async def touch(client: Ccxt) -> tuple[float, float]:
    """The best bid and ask."""
    book = await client.fetch_order_book(BTC, 5)
    return book["bids"][0][0], book["asks"][0][0]


async def resting(client: Ccxt, **more: object) -> Ccxt:
    """An order to buy that nobody takes."""
    bid, _ = await touch(client)
    return await client.create_order(BTC, "limit", "buy", 0.01, round(bid * 0.95, 2), more)


async def test_markets_have_their_rules(alice: Ccxt) -> None:
    markets = await alice.load_markets()

    btc = markets[BTC]
    assert sorted(markets) == [BTC, "ETH/USDT"]
    assert (btc["id"], btc["spot"], btc["active"], btc["margin"]) == ("BTCUSDT", True, True, False)
    assert btc["precision"] == {"amount": 1e-5, "price": 0.01, "base": 1e-8, "quote": 1e-8}
    assert btc["limits"]["cost"]["min"] == 5
    assert btc["limits"]["amount"]["min"] == 1e-5


async def test_prices_and_trades_are_public(alice: Ccxt) -> None:
    book = await alice.fetch_order_book(BTC)
    ticker = await alice.fetch_ticker(BTC)
    trades = await alice.fetch_trades(BTC)
    candles = await alice.fetch_ohlcv(BTC, "1m")

    assert min(len(book["bids"]), len(book["asks"])) >= 20
    assert book["bids"][0][0] < book["asks"][0][0]
    assert ticker["bid"] < ticker["ask"]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert [trade["timestamp"] for trade in trades] == sorted(trade["timestamp"] for trade in trades)
    assert {trade["side"] for trade in trades} == {"buy", "sell"}
    _, first, high, low, last, volume = candles[-1]
    assert low <= first <= high
    assert low <= last <= high
    assert volume >= 0


async def test_all_symbols_are_told_at_once(alice: Ccxt) -> None:
    tickers = await alice.fetch_tickers()
    bids_asks = await alice.fetch_bids_asks()
    last = await alice.fetch_last_prices()

    assert sorted(tickers) == sorted(bids_asks) == sorted(last) == [BTC, "ETH/USDT"]
    assert bids_asks[BTC]["bid"] < bids_asks[BTC]["ask"]
    assert last[BTC]["price"] > 0
    assert (await alice.fetch_status())["status"] == "ok"


async def test_the_clock_is_told(alice: Ccxt) -> None:
    assert await alice.fetch_time() == pytest.approx(alice.milliseconds(), abs=1000)
    assert abs(await alice.load_time_difference()) < 1000


async def test_an_account_has_balances_coins_and_fees(alice: Ccxt) -> None:
    balance = await alice.fetch_balance()
    currencies = await alice.fetch_currencies()
    fees = await alice.fetch_trading_fees()

    assert balance["BTC"] == {"free": 10, "used": 0, "total": 10}
    assert set(balance["total"]) == set(currencies) == {"BTC", "ETH", "BNB", "SOL", "XRP", "DOGE", "USDT"}
    assert (fees[BTC]["maker"], fees[BTC]["taker"]) == (0.001, 0.001)
    assert (await alice.fetch_trading_fee(BTC))["taker"] == 0.001


async def test_a_limit_order_rests_shows_and_is_cancelled(alice: Ccxt) -> None:
    placed = await resting(alice)
    open_orders = await alice.fetch_open_orders(BTC)
    locked = (await alice.fetch_balance())["USDT"]["used"]
    cancelled = await alice.cancel_order(placed["id"], BTC)

    assert (placed["status"], placed["type"], placed["filled"], placed["trades"]) == ("open", "limit", 0, [])
    assert [order["id"] for order in open_orders] == [placed["id"]]
    assert locked == pytest.approx(placed["price"] * 0.01)
    assert (cancelled["id"], cancelled["status"]) == (placed["id"], "canceled")
    assert await alice.fetch_open_orders(BTC) == []
    assert (await alice.fetch_order(placed["id"], BTC))["status"] == "canceled"
    assert (await alice.fetch_balance())["USDT"]["used"] == 0


async def test_an_order_has_the_id_that_its_client_gave_it(alice: Ccxt) -> None:
    placed = await resting(alice, clientOrderId="mine-1")
    found = await alice.fetch_order(None, BTC, {"clientOrderId": "mine-1"})
    cancelled = await alice.cancel_order(None, BTC, {"clientOrderId": "mine-1"})

    assert placed["clientOrderId"] == found["clientOrderId"] == "mine-1"
    assert found["id"] == cancelled["id"] == placed["id"]


async def test_a_market_order_fills_and_pays_commission(alice: Ccxt) -> None:
    before = await alice.fetch_balance()
    order = await alice.create_order(BTC, "market", "buy", 0.01)
    own = await alice.fetch_my_trades(BTC)
    after = await alice.fetch_balance()

    assert (order["status"], order["filled"], order["remaining"]) == ("closed", 0.01, 0)
    assert {fee["currency"]: fee["cost"] for fee in order["fees"]} == {"BTC": pytest.approx(0.01 * 0.001)}
    assert [trade["id"] for trade in own] == [trade["id"] for trade in order["trades"]]
    assert {(trade["order"], trade["side"], trade["takerOrMaker"]) for trade in own} == {(order["id"], "buy", "taker")}
    assert after["BTC"]["total"] - before["BTC"]["total"] == pytest.approx(0.01 * 0.999)
    assert before["USDT"]["total"] - after["USDT"]["total"] == pytest.approx(order["cost"])


async def test_a_market_order_spends_so_much(alice: Ccxt) -> None:
    order = await alice.create_market_buy_order_with_cost(BTC, 1000)

    assert order["status"] == "closed"
    assert 999 < order["cost"] <= 1000


async def test_an_order_is_edited(alice: Ccxt) -> None:
    first = await resting(alice)
    second = await alice.edit_order(first["id"], BTC, "limit", "buy", 0.02, first["price"] - 10)

    assert second["id"] != first["id"]
    assert (second["amount"], second["price"], second["status"]) == (0.02, first["price"] - 10, "open")
    assert [order["id"] for order in await alice.fetch_open_orders(BTC)] == [second["id"]]


@pytest.mark.parametrize(("name", "times"), [("stopPrice", 0.95), ("stopLossPrice", 0.95), ("takeProfitPrice", 1.05)])
async def test_a_stop_order_waits_for_its_price(alice: Ccxt, name: str, times: float) -> None:
    bid, _ = await touch(alice)
    price = round(bid * times, 2)
    order = await alice.create_order(BTC, "limit", "sell", 0.01, price, {name: price})
    found = await alice.fetch_order(order["id"], BTC)

    assert (found["status"], found["triggerPrice"], found["price"]) == ("open", price, price)
    assert found["info"]["isWorking"] is False


async def test_all_orders_of_a_symbol_are_cancelled(alice: Ccxt) -> None:
    placed = [await resting(alice), await resting(alice)]
    cancelled = await alice.cancel_all_orders(BTC)

    assert [order["id"] for order in cancelled] == [order["id"] for order in placed]
    assert [order["status"] for order in await alice.fetch_orders(BTC)] == ["canceled", "canceled"]
    assert len(await alice.fetch_canceled_orders(BTC)) == 2


async def test_an_order_that_is_only_to_make_a_market_rests(alice: Ccxt) -> None:
    order = await resting(alice, postOnly=True)

    assert (order["status"], order["postOnly"], order["info"]["type"]) == ("open", True, "LIMIT_MAKER")


@pytest.mark.parametrize(("time_in_force", "status"), [("IOC", "expired"), ("FOK", "expired")])
async def test_what_does_not_fill_at_once_expires(alice: Ccxt, time_in_force: str, status: str) -> None:
    order = await resting(alice, timeInForce=time_in_force)

    assert (order["status"], order["filled"], order["timeInForce"]) == (status, 0, time_in_force)


async def test_an_order_is_tried(alice: Ccxt) -> None:
    await resting(alice, test=True)

    assert await alice.fetch_open_orders(BTC) == []


async def test_orders_are_signed_with_ed25519_too(exchange: LocalExchange) -> None:
    async with opened(exchange, exchange.account("bob"), ed25519=True) as bob:
        placed = await resting(bob)
        await bob.cancel_order(placed["id"], BTC)

        assert (await bob.fetch_order(placed["id"], BTC))["status"] == "canceled"
