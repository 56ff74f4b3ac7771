"""What Binance Spot is asked about orders: parameters, the same over the WebSocket API and REST. Pure: no I/O."""

import re
from collections.abc import Mapping

from bowstring.core.errors import NotSent
from bowstring.market.instrument import Instrument
from bowstring.trading.gateway import OrderRef
from bowstring.trading.messages import PlaceOrder, Side, TimeInForce

Params = dict[str, str | int]

_SIDES: Mapping[Side, str] = {"buy": "BUY", "sell": "SELL"}
_TIMES_IN_FORCE: Mapping[TimeInForce, str] = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK"}

# "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'", says the venue.
_is_client_order_id = re.compile(r"[a-zA-Z0-9_-]{1,36}").fullmatch


def check(order: PlaceOrder, instrument: Instrument) -> None:
    """Raise `NotSent` for an order that the venue would refuse, as far as that is known here."""
    problem = instrument.violation(price=order.price, quantity=order.quantity)
    if problem:
        raise NotSent(f"{order.symbol}: {problem}")
    if not _is_client_order_id(order.client_order_id):
        raise NotSent(f"client order id {order.client_order_id!r}: Binance takes 1 to 36 of A-Z, a-z, 0-9, _ and -")
    if order.post_only and order.time_in_force != "gtc":
        raise NotSent(f'{order.symbol}: a post-only order rests, so "{order.time_in_force}" contradicts it')


def placing(order: PlaceOrder, venue_symbol: str) -> Params:
    """The parameters of a new order."""
    params: Params = {
        "symbol": venue_symbol,
        "side": _SIDES[order.side],
        "type": "LIMIT",
        "quantity": format(order.quantity, "f"),
        "price": format(order.price, "f"),
        "newClientOrderId": order.client_order_id,
        "newOrderRespType": "RESULT",
    }
    if order.post_only:
        params["type"] = "LIMIT_MAKER"
    else:
        params["timeInForce"] = _TIMES_IN_FORCE[order.time_in_force]
    return params


def naming(order: OrderRef, venue_symbol: str) -> Params:
    """The parameters that name an order: by the venue's id if it is known, which is faster there."""
    if order.venue_order_id:
        return {"symbol": venue_symbol, "orderId": int(order.venue_order_id)}
    return {"symbol": venue_symbol, "origClientOrderId": order.client_order_id}


def replacing(old: OrderRef, order: PlaceOrder, venue_symbol: str) -> Params:
    """The parameters of a cancel and, only if that succeeds, a new order."""
    params = placing(order, venue_symbol)
    params["cancelReplaceMode"] = "STOP_ON_FAILURE"
    if old.venue_order_id:
        params["cancelOrderId"] = int(old.venue_order_id)
    else:
        params["cancelOrigClientOrderId"] = old.client_order_id
    return params
