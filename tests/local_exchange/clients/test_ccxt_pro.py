"""ccxt.pro watches the local exchange, and trades on it over its WebSocket API."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bowstring.testing.exchange import LocalExchange
from tests.local_exchange.clients.ccxt_binance import Ccxt, errors, opened

BTC, ETH = "BTC/USDT", "ETH/USDT"
FAR = 40_000.0  # a price at which nobody sells
PATIENCE_S = 20


async def soon(awaitable: Awaitable[Any]) -> Any:
    """What comes while one can wait for it."""
    return await asyncio.wait_for(awaitable, PATIENCE_S)


def levels(book: Any) -> tuple[list[list[float]], list[list[float]]]:
    return [[*level[:2]] for level in book["bids"]], [[*level[:2]] for level in book["asks"]]


async def subscribed(exchange: LocalExchange) -> None:
    """Wait until somebody has asked for an account's events."""
    assert exchange.ledger is not None
    while b"userDataStream.subscribe" not in exchange.ledger.read_bytes():  # noqa: ASYNC110 - it is another thread's
        await asyncio.sleep(0)


@asynccontextmanager
async def others(exchange: LocalExchange) -> AsyncGenerator[Ccxt]:
    """Bob, over REST."""
    async with opened(exchange, exchange.account("bob")) as bob:
        await bob.load_markets()
        yield bob


@pytest.mark.exchange(speed=5)
async def test_a_book_stays_in_sync_by_its_own_checks(alice_pro: Ccxt) -> None:
    updates = set[int]()
    while len(updates) < 60:
        book = await soon(alice_pro.watch_order_book(BTC))
        updates.add(book["nonce"])
        assert book["bids"][0][0] < book["asks"][0][0]
        assert min(len(book["bids"]), len(book["asks"])) >= 20


@pytest.mark.exchange(speed=0)
async def test_a_watched_book_is_the_book(exchange: LocalExchange, alice_pro: Ccxt) -> None:
    async with others(exchange) as bob:
        await bob.create_order(BTC, "limit", "buy", 0.5, 50_000)
        await soon(alice_pro.watch_order_book(BTC))
        for number in range(20):
            await bob.create_order(BTC, "limit", "buy", 0.01 + number / 1000, 50_000 - number)
            await bob.create_order(BTC, "limit", "sell", 0.01 + number / 1000, 50_100 + number)
        await bob.cancel_order((await bob.fetch_open_orders(BTC))[0]["id"], BTC)
        await bob.create_order(BTC, "market", "buy", 0.015)
        expected = await bob.fetch_order_book(BTC)
        book = alice_pro.orderbooks[BTC]  # all may have come by now, and then nothing more will
        while book["nonce"] < expected["nonce"]:
            book = await soon(alice_pro.watch_order_book(BTC))

    assert book["nonce"] == expected["nonce"]
    assert levels(book) == levels(expected)
    assert len(book["bids"]) == 20


async def test_trades_and_prices_are_watched(alice_pro: Ccxt) -> None:
    trades = await soon(alice_pro.watch_trades(BTC))
    ticker = await soon(alice_pro.watch_ticker(BTC))
    tickers = await soon(alice_pro.watch_tickers([BTC, ETH]))
    bids_asks = await soon(alice_pro.watch_bids_asks([BTC, ETH]))
    candles = await soon(alice_pro.watch_ohlcv(BTC, "1m"))

    assert {trade["symbol"] for trade in trades} == {BTC}
    assert trades[0]["side"] in ("buy", "sell")
    assert trades[0]["cost"] == pytest.approx(trades[0]["price"] * trades[0]["amount"])
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert set(tickers) <= {BTC, ETH}
    assert all(one["bid"] < one["ask"] for one in bids_asks.values())
    assert candles[-1][3] <= candles[-1][4] <= candles[-1][2]


async def test_full_tickers_are_watched_where_they_are_chosen(alice_pro: Ccxt) -> None:
    ticker = await soon(alice_pro.watch_ticker(BTC, {"name": "ticker"}))

    assert ticker["bid"] < ticker["ask"]
    assert ticker["percentage"] == pytest.approx(ticker["change"] / ticker["open"] * 100, abs=0.01)


async def test_several_symbols_are_watched_over_one_connection(alice_pro: Ccxt) -> None:
    symbols = set[str]()
    while symbols != {BTC, ETH}:
        symbols.add((await soon(alice_pro.watch_trades_for_symbols([BTC, ETH])))[0]["symbol"])
    books = set[str]()
    while books != {BTC, ETH}:
        books.add((await soon(alice_pro.watch_order_book_for_symbols([BTC, ETH])))["symbol"])


async def test_what_is_watched_no_more_does_not_come(alice_pro: Ccxt) -> None:
    await soon(alice_pro.watch_trades(BTC))
    await soon(alice_pro.un_watch_trades(BTC))
    await soon(alice_pro.watch_order_book(BTC))
    await soon(alice_pro.un_watch_order_book(BTC))

    assert BTC not in alice_pro.orderbooks


@pytest.mark.parametrize("ed25519", [False, True])
async def test_own_orders_trades_and_balances_are_watched(exchange: LocalExchange, *, ed25519: bool) -> None:
    async with opened(exchange, exchange.account("alice"), library="ccxt.pro", ed25519=ed25519) as alice:
        await alice.load_markets()
        before = (await alice.fetch_balance())["BTC"]["total"]
        async with asyncio.TaskGroup() as tasks:
            watched = [
                tasks.create_task(soon(watch))
                for watch in (alice.watch_orders(BTC), alice.watch_my_trades(BTC), alice.watch_balance())
            ]
            await subscribed(exchange)
            placed = await alice.create_order(BTC, "market", "buy", 0.01)
        orders, trades, balance = (task.result() for task in watched)

    assert orders[0]["id"] == placed["id"]
    assert (trades[0]["order"], trades[0]["takerOrMaker"]) == (placed["id"], "taker")
    assert trades[0]["fee"]["currency"] == "BTC"
    assert balance["BTC"]["total"] == pytest.approx(before + 0.01 * 0.999)


async def test_the_life_of_an_order_is_watched(exchange: LocalExchange, alice_pro: Ccxt) -> None:
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(soon(alice_pro.watch_orders(BTC)))
        await subscribed(exchange)
        placed = await alice_pro.create_order_ws(BTC, "limit", "buy", 0.01, FAR)
    told = [(order["id"], order["status"]) for order in watching.result()]
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(soon(alice_pro.watch_orders(BTC)))
        await alice_pro.cancel_order_ws(placed["id"], BTC)
    (cancelled,) = watching.result()

    assert told == [(placed["id"], "open")]
    assert (cancelled["id"], cancelled["status"]) == (placed["id"], "canceled")
    assert cancelled["clientOrderId"] == placed["clientOrderId"]


async def test_orders_go_over_the_websocket_api(alice_pro: Ccxt) -> None:
    placed = await soon(alice_pro.create_order_ws(BTC, "limit", "buy", 0.01, FAR))
    found = await soon(alice_pro.fetch_order_ws(placed["id"], BTC))
    edited = await soon(alice_pro.edit_order_ws(placed["id"], BTC, "limit", "buy", 0.02, FAR))
    open_orders = await soon(alice_pro.fetch_open_orders_ws(BTC))
    cancelled = await soon(alice_pro.cancel_order_ws(edited["id"], BTC))

    assert (placed["status"], found["status"], found["price"]) == ("open", "open", FAR)
    assert [order["id"] for order in open_orders] == [edited["id"]]
    assert (cancelled["id"], cancelled["status"]) == (edited["id"], "canceled")
    assert [order["status"] for order in await soon(alice_pro.fetch_orders_ws(BTC))] == ["canceled", "canceled"]


async def test_a_market_order_fills_over_the_websocket_api(alice_pro: Ccxt) -> None:
    order = await soon(alice_pro.create_order_ws(BTC, "market", "sell", 0.01))
    trades = await soon(alice_pro.fetch_my_trades_ws(BTC))
    balance = await soon(alice_pro.fetch_balance_ws())
    closed = await soon(alice_pro.fetch_closed_orders_ws(BTC))

    assert (order["status"], order["filled"]) == ("closed", 0.01)
    assert {fee["currency"] for fee in order["fees"]} == {"USDT"}
    assert [trade["id"] for trade in trades] == [trade["id"] for trade in order["trades"]]
    # In the answer alone: ccxt reads those of futures.
    assert {one["asset"]: one["free"] for one in balance["info"]["balances"]}["BTC"] == "9.99000000"
    assert [one["id"] for one in closed] == [order["id"]]


async def test_all_orders_are_cancelled_over_the_websocket_api(alice_pro: Ccxt) -> None:
    for number in range(2):
        await soon(alice_pro.create_order_ws(BTC, "limit", "buy", 0.01, FAR - number))
    cancelled = await soon(alice_pro.cancel_all_orders_ws(BTC))

    assert [order["status"] for order in cancelled] == ["canceled", "canceled"]


async def test_prices_are_asked_for_over_the_websocket_api(alice_pro: Ccxt) -> None:
    trades = await soon(alice_pro.fetch_trades_ws(BTC))
    candles = await soon(alice_pro.fetch_ohlcv_ws(BTC, "1m"))

    assert {trade["side"] for trade in trades} == {"buy", "sell"}
    assert candles[-1][3] <= candles[-1][4] <= candles[-1][2]


async def test_the_websocket_api_refuses_what_rest_refuses(exchange: LocalExchange, alice_pro: Ccxt) -> None:
    with pytest.raises(errors.InsufficientFunds):
        await soon(alice_pro.create_order_ws(BTC, "limit", "buy", 100, FAR))
    with pytest.raises(errors.OrderImmediatelyFillable):
        await soon(alice_pro.create_order_ws(BTC, "LIMIT_MAKER", "sell", 0.01, FAR))
    with pytest.raises(errors.OrderNotFound):
        await soon(alice_pro.cancel_order_ws("999999999", BTC))
    alice_pro.options["timeDifference"] = 60_000
    with pytest.raises(errors.InvalidNonce):
        await soon(alice_pro.fetch_balance_ws())
    alice_pro.options["timeDifference"] = 0
    alice_pro.secret = "another"
    with pytest.raises(errors.AuthenticationError):
        await soon(alice_pro.fetch_balance_ws())


async def test_a_symbol_that_is_not_there_is_told_over_the_websocket_api(alice_pro: Ccxt) -> None:
    await alice_pro.load_markets()
    alice_pro.markets[BTC]["id"] = "BTCEUR"

    with pytest.raises(errors.BadSymbol):
        await soon(alice_pro.fetch_trades_ws(BTC))
