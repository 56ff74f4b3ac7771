"""No more orders live than allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bowstring.core.errors import ConfigError
from bowstring.trading.guards.max_open_orders import MaxOpenOrders
from bowstring.trading.messages import FINAL, OrderStatus
from tests.trading.guards.told import fill, judged, listing, place, replace, tell, update, verdicts


@given(st.integers(1, 20))
def test_the_limit_itself_can_be_reached_and_no_more(limit: int) -> None:
    guard = MaxOpenOrders(limit)

    passed = verdicts(guard, [place(client_order_id=str(number)) for number in range(limit + 2)])
    assert passed == [True] * limit + [False, False]


def test_the_limit_is_for_all_strategies_venues_and_symbols_together() -> None:
    guard = MaxOpenOrders(3)
    orders = [
        place(strategy="one"),
        place(strategy="two"),
        place(venue="other"),
        place(symbol="ETH/USDT", client_order_id="2"),
    ]

    assert verdicts(guard, orders) == [True, True, True, False]
    assert judged(guard, orders[-1]) == "3 orders are live already"


def test_with_a_symbol_only_that_counts() -> None:
    guard = MaxOpenOrders(1, symbol="BTC/USDT")
    orders = [place(symbol="ETH/USDT"), place(), place(client_order_id="2"), place(symbol="ETH/USDT")]

    assert verdicts(guard, orders) == [True, True, False, True]
    assert judged(guard, orders[2]) == "1 orders in BTC/USDT are live already"


def test_a_replacement_is_one_more_while_the_old_one_is_there() -> None:
    guard = MaxOpenOrders(2)
    judged(guard, place(client_order_id="old"))
    assert judged(guard, replace(new_client_order_id="new")) is None
    assert judged(guard, place(client_order_id="3")) is not None
    tell(guard, update("cancelled", client_order_id="old"))

    assert judged(guard, place(client_order_id="3")) is None


def test_what_reduces_is_one_more_too() -> None:
    guard = MaxOpenOrders(1)

    assert verdicts(guard, [place(), place(client_order_id="2", reduces=True)]) == [True, False]


@pytest.mark.parametrize(
    "status", ["pending", "unknown", "open", "failed", "refused", "rejected", "expired", "cancelled"]
)
def test_an_order_counts_until_it_has_ended(status: OrderStatus) -> None:
    guard = MaxOpenOrders(1)
    judged(guard, place())
    tell(guard, update(status))

    assert (judged(guard, place(client_order_id="2")) is None) is (status in FINAL)


def test_a_filled_order_does_not_count_although_its_fill_is_to_be_told() -> None:
    guard = MaxOpenOrders(1)
    judged(guard, place())
    tell(guard, update("filled", filled=1))
    assert judged(guard, place(client_order_id="2")) is None
    tell(guard, fill(client_order_id="1"))

    assert judged(guard, place(client_order_id="3")) is not None


def test_orders_of_before_a_restart_count() -> None:
    guard = MaxOpenOrders(2)
    tell(guard, update("unknown", client_order_id="1"), update("open", client_order_id="2"))

    assert judged(guard, place(client_order_id="3")) is not None


def test_a_limit_for_what_no_venue_lists_refuses_everything() -> None:
    guard = MaxOpenOrders(1, symbol="BTCUSDT")
    tell(guard, listing("BTC/USDT", seq=1))
    reason = 'MaxOpenOrders("BTCUSDT"): the bot\'s venues list no BTCUSDT; did you mean BTC/USDT?'
    assert judged(guard, place(cause=2)) == reason

    everywhere = MaxOpenOrders(1)
    tell(everywhere, listing("BTC/USDT", seq=1))
    assert judged(everywhere, place(cause=2)) is None


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_of_none_is_a_mistake(limit: int) -> None:
    with pytest.raises(ConfigError, match="let there be one at least"):
        MaxOpenOrders(limit)
