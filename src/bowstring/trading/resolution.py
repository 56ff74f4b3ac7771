"""Finding out: what became of an order whose outcome is unknown, and what was missed while nobody listened."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from bowstring.core.clock import Clock
from bowstring.core.supervision import pauses
from bowstring.trading.blotter import Blotter
from bowstring.trading.gateway import FillReport, Gateway, OrderRef, OrderReport, Report
from bowstring.trading.orders import Order

ANSWER_S = 5.0
MARGIN_NS = 60 * 1_000_000_000  # how much older than thought a fill may be: clocks differ

log = logging.getLogger(__name__)


def ref(order: Order) -> OrderRef:
    """The order's names for its venue."""
    return OrderRef(
        symbol=order.symbol, client_order_id=order.client_order_id, venue_order_id=order.venue_order_id
    )


async def resolve(
    order: Order, *, gateway: Gateway, blotter: Blotter, take: Callable[[Report, bool], None], clock: Clock
) -> None:
    """Ask the venue about an unknown order until it shows the order, or its absence is proved.

    Proof of absence: the venue's own clock is past everything that may still bring the order in, and *then* a query
    for the order and one for its fills both come back empty. "Not found", before that, proves nothing.
    """
    asked_ns = clock.now_ns()
    first_ns = 0  # the venue's time at some moment after the order was sent
    for pause_s in pauses(clock):
        if not _is_unknown(order, blotter):
            return
        try:
            async with asyncio.timeout(ANSWER_S):
                now_ns = await gateway.time_ns()
                first_ns = first_ns or now_ns
                reports = await _evidence(order, gateway, since_ns=first_ns - (clock.now_ns() - asked_ns) - MARGIN_NS)
        except Exception as error:  # noqa: BLE001  # whatever a gateway raises: not knowing is the state we are in
            log.info("%s is still unknown, %r", order.client_order_id, error)
            reports = []
            now_ns = 0
        late_ns = first_ns + int((gateway.validity_s + gateway.query_lag_s) * 1e9)
        if not reports and now_ns > late_ns:
            reports = [_absent(order)]
        for report in reports:
            take(report, False)
        await asyncio.sleep(pause_s)


async def look_up(order: Order, *, gateway: Gateway, take: Callable[[Report, bool], None]) -> None:
    """Ask the venue about an order once, and take in what it shows."""
    try:
        async with asyncio.timeout(ANSWER_S):
            shown = await gateway.query(ref(order))
    except Exception as error:  # noqa: BLE001  # whatever a gateway raises: nothing was learnt
        log.info("%s could not be looked up, %r", order.client_order_id, error)
        return
    if shown is not None:
        take(shown, False)


async def missed_fills(symbols: Sequence[str], *, gateway: Gateway, silent_ns: int) -> list[FillReport]:
    """The account's fills in these symbols since ``silent_ns`` ago, oldest first; some may be known already."""
    since_ns = await gateway.time_ns() - silent_ns - MARGIN_NS
    return [fill for symbol in symbols for fill in await gateway.fills_since(symbol, since_ns)]


async def _evidence(order: Order, gateway: Gateway, *, since_ns: int) -> list[Report]:
    shown = await gateway.query(ref(order))
    if shown is not None:
        return [shown]
    fills = await gateway.fills_since(order.symbol, since_ns)
    return [fill for fill in fills if fill.client_order_id == order.client_order_id]


def _absent(order: Order) -> OrderReport:
    reason = "proved absent: the venue can no longer accept it, and shows neither the order nor a fill"
    return OrderReport(client_order_id=order.client_order_id, status="failed", reason=reason)


def _is_unknown(order: Order, blotter: Blotter) -> bool:
    now = blotter.live.get(order.client_order_id)
    return now is not None and now.status == "unknown"
