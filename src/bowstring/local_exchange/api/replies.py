"""Orders and fills in the words of Binance's replies."""

from collections.abc import Iterable

from bowstring.local_exchange.matching.accounts import Order
from bowstring.local_exchange.matching.checks import STOPS
from bowstring.local_exchange.matching.orders import Fill
from bowstring.local_exchange.matching.record import Report
from bowstring.local_exchange.matching.rules import number

ZERO = number(0)
Reply = dict[str, object]


def acknowledged(order: Order, *, unit: int) -> Reply:
    """The reply ACK to a new order."""
    return {
        "symbol": order.new.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.new.client_order_id,
        "transactTime": order.time_us // unit,
    }


def placed(order: Order, *, unit: int) -> Reply:
    """The reply RESULT to a new order."""
    return {
        **acknowledged(order, unit=unit),
        **_amounts(order),
        "origQuoteOrderQty": number(order.new.quote_quantity),
        "workingTime": _working_time(order, unit),
        **_conditional(order),
        "selfTradePreventionMode": order.new.prevention,
    }


def filled(order: Order, reports: Iterable[object], *, unit: int) -> Reply:
    """The reply FULL to a new order, given what happened when it was placed."""
    fills = [_fill(one.fill) for one in reports if isinstance(one, Report) and one.order is order and one.fill]
    return {**placed(order, unit=unit), "fills": fills}


def cancelled(order: Order, *, cancel_id: str, unit: int) -> Reply:
    """The reply to a cancel, which has a client order id of its own."""
    return {
        "symbol": order.new.symbol,
        "origClientOrderId": order.new.client_order_id,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": cancel_id,
        "transactTime": order.update_us // unit,
        **_amounts(order),
        "origQuoteOrderQty": number(order.new.quote_quantity),
        **_conditional(order),
        "selfTradePreventionMode": order.new.prevention,
    }


def described(order: Order, *, unit: int) -> Reply:
    """The reply to a query of an order."""
    return {
        "symbol": order.new.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.new.client_order_id,
        **_amounts(order),
        "stopPrice": number(order.new.stop_price),
        "icebergQty": ZERO,
        "time": order.time_us // unit,
        "updateTime": order.update_us // unit,
        "isWorking": order.working_us > 0,
        "workingTime": _working_time(order, unit),
        "origQuoteOrderQty": number(order.new.quote_quantity),
        **_conditional(order),
        "selfTradePreventionMode": order.new.prevention,
    }


def own_trade(fill: Fill, symbol: str, *, unit: int) -> Reply:
    """One line of myTrades."""
    return {
        "symbol": symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": -1,
        "price": number(fill.price),
        "qty": number(fill.quantity),
        "quoteQty": number(fill.quote),
        "commission": number(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.time_us // unit,
        "isBuyer": fill.is_buyer,
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


def _amounts(order: Order) -> Reply:
    return {
        "price": number(order.price),
        "origQty": number(order.quantity),
        "executedQty": number(order.executed),
        "cummulativeQuoteQty": number(order.quote_executed),
        "status": order.status,
        "timeInForce": order.new.time_in_force,
        "type": order.new.type,
        "side": order.new.side,
    }


def _conditional(order: Order) -> Reply:
    fields: Reply = {}
    new = order.new
    if new.type in STOPS:
        fields["stopPrice"] = number(new.stop_price)
    if new.strategy_id is not None:
        fields["strategyId"] = new.strategy_id
    if new.strategy_type is not None:
        fields["strategyType"] = new.strategy_type
    if order.prevented_match_id is not None:
        fields["preventedMatchId"] = order.prevented_match_id
        fields["preventedQuantity"] = number(order.prevented)
    if order.expiry_reason:
        fields["expiryReason"] = order.expiry_reason
    return fields


def _working_time(order: Order, unit: int) -> int:
    return order.working_us // unit if order.working_us else -1


def _fill(fill: Fill) -> Reply:
    return {
        "price": number(fill.price),
        "qty": number(fill.quantity),
        "commission": number(fill.fee),
        "commissionAsset": fill.fee_asset,
        "tradeId": fill.trade_id,
    }
