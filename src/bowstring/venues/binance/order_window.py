"""Until when an order may still be carried out: it can be kept up on its way, in this process and at the venue."""

from functools import partial
from math import isfinite

from bowstring.core.clock import Clock
from bowstring.core.errors import NotSent
from bowstring.trading.messages import PlaceOrder
from bowstring.venues.binance.signing import Window


def window_of(order: PlaceOrder, *, clock: Clock) -> Window | None:
    """What is left of an order's life, when it is asked for. None for one that is valid for ever, or has no event."""
    return partial(_left_ms, order, clock) if order.received_ns and isfinite(order.valid_for_s) else None


def _left_ms(order: PlaceOrder, clock: Clock) -> int:
    left_ms = int(order.valid_for_s * 1000) - (clock.now_ns() - order.received_ns) // 1_000_000
    if left_ms < 1:
        raise NotSent(f"it was valid for {order.valid_for_s:g} s, which were over before it could leave")
    return left_ms
