"""What Binance refuses, and how, is what ccxt raises its own errors for."""

import asyncio

import msgspec
import pytest

from bowstring.local_exchange.api.limits import Limits
from bowstring.testing.exchange import LocalExchange
from tests.local_exchange.clients.ccxt_binance import Ccxt, errors, opened

BTC = "BTC/USDT"
pytestmark = pytest.mark.exchange(speed=0)


def order(**changes: object) -> dict[str, object]:
    """What ccxt sends for an order, when it does not round and check it before."""
    sent = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    return sent | {"quantity": "0.01", "price": "60000"} | changes


async def test_what_an_account_has_not_cannot_be_spent(alice: Ccxt) -> None:
    with pytest.raises(errors.InsufficientFunds):
        await alice.create_order(BTC, "limit", "buy", 100, 60_000)
    with pytest.raises(errors.InsufficientFunds):
        await alice.create_order(BTC, "market", "sell", 11)


@pytest.mark.exchange
async def test_a_maker_that_would_take_is_refused(alice: Ccxt) -> None:
    ask = (await alice.fetch_order_book(BTC, 5))["asks"][0][0]

    with pytest.raises(errors.OrderImmediatelyFillable):
        await alice.create_order(BTC, "limit", "buy", 0.01, ask + 1, {"postOnly": True})


@pytest.mark.exchange
async def test_a_stop_that_would_go_off_at_once_is_refused(alice: Ccxt) -> None:
    with pytest.raises(errors.OrderImmediatelyFillable):
        await alice.create_order(BTC, "limit", "sell", 0.01, 90_000, {"stopLossPrice": 90_000})


async def test_an_order_that_is_not_there_is_not_found(alice: Ccxt) -> None:
    with pytest.raises(errors.OrderNotFound):
        await alice.fetch_order("999999999", BTC)
    with pytest.raises(errors.OrderNotFound):
        await alice.cancel_order("999999999", BTC)
    with pytest.raises(errors.OrderNotFound):
        await alice.cancel_all_orders(BTC)


async def test_an_order_that_is_not_there_is_not_edited(alice: Ccxt) -> None:
    with pytest.raises(errors.ExchangeError, match="-2022"):
        await alice.edit_order("999999999", BTC, "limit", "buy", 0.01, 60_000)

    assert await alice.fetch_open_orders(BTC) == []


async def test_a_symbol_that_is_not_traded_is_bad(alice: Ccxt) -> None:
    with pytest.raises(errors.BadSymbol):
        await alice.public_get_depth({"symbol": "BTCEUR"})
    with pytest.raises(errors.BadSymbol):
        await alice.private_post_order(order(symbol="BTCEUR"))


@pytest.mark.parametrize("late_ms", [60_000, -5_000])
async def test_what_is_too_late_or_too_early_has_an_invalid_nonce(alice: Ccxt, late_ms: int) -> None:
    alice.options["timeDifference"] = late_ms

    with pytest.raises(errors.InvalidNonce):
        await alice.fetch_balance()


@pytest.mark.exchange
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"price": "60000.001"}, errors.InvalidOrder),
        ({"quantity": "0.000015"}, errors.InvalidOrder),
        ({"quantity": "0.000001"}, errors.InvalidOrder),
        ({"price": "1"}, errors.InvalidOrder),
        ({"quantity": "0.00001"}, errors.BadRequest),
        ({"price": ""}, errors.BadRequest),
        ({"type": "BEST"}, errors.BadRequest),
        ({"price": "1e5"}, errors.BadRequest),
    ],
)
async def test_an_order_that_breaks_a_rule_is_invalid(
    alice: Ccxt, changes: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        await alice.private_post_order(order(**changes))

    assert raised.type is error


async def test_an_id_is_taken_while_its_order_is_open(alice: Ccxt) -> None:
    await alice.private_post_order(order(newClientOrderId="mine"))

    with pytest.raises(errors.InvalidOrder, match="Duplicate order sent"):
        await alice.private_post_order(order(newClientOrderId="mine"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"secret": "another"}, "-1022"), ({"key": "0" * 64}, "-2015"), ({"key": "short"}, "-2014")],
)
async def test_keys_must_be_right(exchange: LocalExchange, changes: dict[str, str], code: str) -> None:
    account = msgspec.structs.replace(exchange.account("alice"), **changes)
    async with opened(exchange, account) as client:
        with pytest.raises(errors.AuthenticationError, match=code):
            await client.private_get_account()


@pytest.mark.exchange(speed=0, limits=Limits(weight_per_minute=60))
async def test_who_asks_too_much_is_told_to_wait(alice: Ccxt) -> None:
    await alice.load_markets()

    with pytest.raises(errors.DDoSProtection, match="429"):
        await asyncio.gather(*(alice.public_get_ticker_price() for _ in range(20)))
    assert int(alice.last_response_headers["Retry-After"]) > 0


@pytest.mark.exchange(speed=0, limits=Limits(orders_per_10_seconds=1))
async def test_who_sends_too_many_orders_is_told_to_wait(alice: Ccxt) -> None:
    await alice.private_post_order(order())

    with pytest.raises(errors.DDoSProtection, match="-1015"):
        await alice.private_post_order(order())
