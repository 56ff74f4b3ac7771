from decimal import Decimal

from msgspec.structs import replace

import bowstring as bs
from bowstring.collectors.timer import Elapsed
from bowstring.demo.journal import Journal
from bowstring.demo.monitor import Monitor, Show, summary
from bowstring.testing import position, quote, react
from bowstring.testing.builders import fill, order_update
from bowstring.trading.messages import Recovered

SYMBOL = "BTC/USDT"
OPEN = order_update(SYMBOL, "open", price=100, client_order_id="a", strategy="Maker")
PENDING = order_update(SYMBOL, "pending", price=100, client_order_id="b", strategy="Maker")
FILL = fill(SYMBOL, price=100, quantity=1, fee=1, trade_id="1", client_order_id="a", strategy="Maker")
RECOVERED = Recovered(strategy="", venue="binance")


def monitor(past: Journal, *, began_ns: int = 1) -> Monitor:
    return Monitor([SYMBOL], bots=["Maker"], past=past, began_ns=began_ns)


def shown(bot: Monitor, *events: bs.Event) -> list[str]:
    return [action.text for action in react(bot, *events, expect=Show)]


def test_a_first_start_shows_the_heading() -> None:
    (heading,) = shown(monitor(Journal(), began_ns=0), RECOVERED)

    assert heading.endswith("   s   events    BTC/USDT   orders  fills     Maker")


def test_a_restart_shows_what_became_of_the_orders_and_what_was_missed() -> None:
    past = Journal(orders=[OPEN, PENDING], fills=[replace(FILL, recovered=True)])
    found = [
        replace(FILL, trade_id="2", recovered=True),
        replace(OPEN, status="filled"),
        replace(PENDING, status="open"),
    ]

    assert shown(monitor(past), *found, RECOVERED) == [
        "     recovered: those 2 orders are now 1 filled, 1 open; fills that it missed: 1"
    ]


def test_a_line_counts_what_was_before_the_restart() -> None:
    bot = monitor(Journal(orders=[OPEN, PENDING], fills=[FILL]))
    known = [position(SYMBOL, 1, strategy="Maker"), quote(SYMBOL, bid=110, ask=111)]

    line = shown(bot, *known, Elapsed(key=""))[0].split()

    assert line[1:] == ["3", "110.00", "2", "1", "+9.00"]


def test_an_order_that_a_guard_refused_is_not_counted() -> None:
    bot = monitor(Journal(orders=[OPEN]))

    line = shown(bot, replace(PENDING, status="refused"), Elapsed(key=""))[0].split()

    assert line[2] == "1"


def test_a_position_without_a_price_has_no_profit() -> None:
    bot = monitor(Journal(orders=[replace(OPEN, status="rejected")], fills=[FILL]))
    react(bot, position(SYMBOL, 1, strategy="Maker"))

    assert bot.profit("Maker") is None
    assert summary(bot) == [
        "  1 orders, of which the exchange has not: 1 rejected",
        "  Maker: 1 fills, profit in USDT after fees unknown",
    ]


def test_profit_is_what_closing_the_position_would_leave() -> None:
    bot = monitor(Journal(fills=[FILL, replace(FILL, trade_id="2", side="sell", quantity=Decimal(3))]))
    react(bot, position(SYMBOL, -2, strategy="Maker"), quote(SYMBOL, bid=89, ask=90))

    assert bot.profit("Maker") == 300 - 100 - 2 - 2 * 90
