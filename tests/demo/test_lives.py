from bowstring.demo.journal import Journal
from bowstring.demo.lives import waited_for
from bowstring.testing.builders import order_update

OPEN = order_update("BTC/USDT", "open", price=1, client_order_id="x-1")
UNKNOWN = order_update("BTC/USDT", "unknown", price=1, client_order_id="x-2")


def test_a_long_start_says_which_orders_it_waits_for() -> None:
    told = waited_for(Journal(orders=[OPEN, UNKNOWN]))

    assert "the exchange has not shown x-2 yet" in told
    assert "x-1" not in told


def test_a_start_that_is_merely_slow_says_nothing() -> None:
    assert not waited_for(Journal(orders=[OPEN]))
