"""What becomes of an order whose action never reached an executor is told in the order's own terms."""

from decimal import Decimal

import pytest

from bowstring.core.messages import ActionClosed, ActionExpired, ActionFailed, ActionRefused
from bowstring.trading.messages import CancelOrder, OrderStatus, OrderUpdate, PlaceOrder, ReplaceOrder

PLACE = PlaceOrder(
    strategy="bidder",
    venue="venue",
    symbol="BTC/USDT",
    client_order_id="1",
    side="sell",
    quantity=Decimal(2),
    price=Decimal(3),
)
REPLACE = ReplaceOrder(
    strategy="bidder",
    venue="venue",
    symbol="BTC/USDT",
    client_order_id="old",
    new_client_order_id="1",
    side="sell",
    quantity=Decimal(2),
    price=Decimal(3),
)


@pytest.mark.parametrize("action", [PLACE, REPLACE])
@pytest.mark.parametrize(
    ("kind", "status"), [(ActionRefused, "refused"), (ActionExpired, "expired"), (ActionFailed, "failed")]
)
def test_the_new_order_ends_as_its_action_was_closed(
    action: PlaceOrder | ReplaceOrder, kind: type[ActionClosed], status: OrderStatus
) -> None:
    closing = kind(strategy="bidder", action=1, action_type="", by="somebody", reason="because")

    assert list(action.closed_unexecuted(closing)) == [
        OrderUpdate(
            strategy="bidder",
            venue="venue",
            symbol="BTC/USDT",
            client_order_id="1",
            status=status,
            side="sell",
            quantity=Decimal(2),
            price=Decimal(3),
            reason="because",
        )
    ]


def test_a_replacement_of_what_was_no_order_makes_none() -> None:
    closing = ActionFailed(strategy="bidder", action=1, action_type="", by="somebody")
    nothing = ReplaceOrder(client_order_id="never", quantity=Decimal(1), price=Decimal(1))

    assert list(nothing.closed_unexecuted(closing)) == []


def test_a_cancel_has_no_order_to_tell_of() -> None:
    closing = ActionFailed(strategy="bidder", action=1, action_type="", by="somebody")

    assert list(CancelOrder(client_order_id="1").closed_unexecuted(closing)) == []


def test_only_an_order_that_claims_to_reduce_adds_no_risk() -> None:
    reducing = PlaceOrder(symbol="BTC/USDT", side="sell", quantity=Decimal(1), price=Decimal(1), reduces=True)

    assert PLACE.adds_risk
    assert REPLACE.adds_risk
    assert not reducing.adds_risk
    assert not CancelOrder(client_order_id="1").adds_risk
