"""What the exchange refuses a participant is given up, and counted."""

from bowstring.local_exchange.clerk import Clerk
from bowstring.local_exchange.desk import Desk
from bowstring.local_exchange.feed import MARKETS
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.rules import UNIT, Rules

LOT = UNIT // 1000


def desk(*, funds: int) -> Desk:
    exchange = Exchange([Rules.of(MARKETS["BTCUSDT"].instrument)], now_us=lambda: 0)
    account = exchange.open_account("one", balances={"USDT": funds}, is_participant=True)
    return Desk(exchange, Clerk(exchange), account=account, market=exchange.markets["BTCUSDT"])


def test_a_quote_rests_until_it_is_cancelled() -> None:
    maker = desk(funds=1000 * UNIT)
    order = maker.place(True, LOT, price=65_000 * UNIT)
    assert order is not None
    assert order.rests
    maker.cancel(order)

    assert (order.status, maker.refused) == ("CANCELED", 0)


def test_what_cannot_be_paid_is_given_up() -> None:
    poor = desk(funds=UNIT)

    assert poor.place(True, LOT, price=65_000 * UNIT) is None
    assert poor.take(True, LOT, price=65_000 * UNIT) is None
    assert poor.refused == 2
