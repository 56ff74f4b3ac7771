"""Reads a new order from parameters: which belong to which type, and what of it this exchange does not have."""

import secrets

from bowstring.local_exchange.api.parameters import Parameters
from bowstring.local_exchange.api.refusals import bad_combination, missing, missing_both, not_required
from bowstring.local_exchange.matching.orders import NewOrder, OrderType, Prevention, Refused, Side, TimeInForce

PARAMETERS = frozenset(
    [
        "symbol",
        "side",
        "type",
        "timeInForce",
        "quantity",
        "quoteOrderQty",
        "price",
        "newClientOrderId",
        "strategyId",
        "strategyType",
        "stopPrice",
        "trailingDelta",
        "icebergQty",
        "newOrderRespType",
        "selfTradePreventionMode",
        "pegPriceType",
        "pegOffsetValue",
        "pegOffsetType",
    ]
)
_SIDES: dict[str, Side] = {"BUY": "BUY", "SELL": "SELL"}
_TYPES: dict[str, OrderType] = {
    "LIMIT": "LIMIT",
    "MARKET": "MARKET",
    "LIMIT_MAKER": "LIMIT_MAKER",
    "STOP_LOSS_LIMIT": "STOP_LOSS_LIMIT",
    "TAKE_PROFIT_LIMIT": "TAKE_PROFIT_LIMIT",
}
_TIMES_IN_FORCE: dict[str, TimeInForce] = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK"}
PREVENTIONS: dict[str, Prevention] = {
    "NONE": "NONE",
    "EXPIRE_TAKER": "EXPIRE_TAKER",
    "EXPIRE_MAKER": "EXPIRE_MAKER",
    "EXPIRE_BOTH": "EXPIRE_BOTH",
    "DECREMENT": "DECREMENT",
    "TRANSFER": "TRANSFER",
}
_LACKING = {"STOP_LOSS": "Stop loss", "TAKE_PROFIT": "Take profit"}
_STOP_LIMIT = (frozenset({"timeInForce", "quantity", "price"}), frozenset({"quoteOrderQty"}))
_REQUIRED: dict[OrderType, tuple[frozenset[str], frozenset[str]]] = {
    "LIMIT": (frozenset({"timeInForce", "quantity", "price"}), frozenset({"quoteOrderQty", "stopPrice"})),
    "MARKET": (frozenset(), frozenset({"timeInForce", "price", "stopPrice", "icebergQty"})),
    "LIMIT_MAKER": (frozenset({"quantity", "price"}), frozenset({"timeInForce", "quoteOrderQty", "stopPrice"})),
    "STOP_LOSS_LIMIT": _STOP_LIMIT,
    "TAKE_PROFIT_LIMIT": _STOP_LIMIT,
}
"""Of each type what must be sent, and what must not."""

LOWEST_STRATEGY_TYPE = 1_000_000


def new_order(parameters: Parameters) -> NewOrder:
    """The order that is asked for. Raises `Refused`."""
    symbol = parameters.symbol()
    side = parameters.choice("side", _SIDES, Refused(-1117, "Invalid side."))
    if side is None:
        raise missing("side")
    order_type = _type(parameters)
    _check_sent(parameters, order_type)
    _refuse_lacking(parameters)
    return NewOrder(
        symbol=symbol,
        side=side,
        type=order_type,
        client_order_id=parameters.client_order_id("newClientOrderId") or generated_id(),
        quantity=parameters.amount("quantity") or 0,
        price=parameters.amount("price") or 0,
        quote_quantity=_quote_quantity(parameters),
        stop_price=parameters.amount("stopPrice") or 0,
        time_in_force=parameters.choice("timeInForce", _TIMES_IN_FORCE, Refused(-1115, "Invalid timeInForce."))
        or "GTC",
        prevention=parameters.choice("selfTradePreventionMode", PREVENTIONS) or "EXPIRE_MAKER",
        strategy_id=parameters.integer("strategyId"),
        strategy_type=_strategy_type(parameters),
    )


def generated_id() -> str:
    """A client order id for what was sent without one; of 22 characters, as Binance's."""
    return secrets.token_hex(11)


def _type(parameters: Parameters) -> OrderType:
    text = parameters.text("type")
    if text in _LACKING:
        raise _unsupported(f"{_LACKING[text]} orders")
    order_type = _TYPES.get(text)
    if order_type is None:
        raise Refused(-1116, "Invalid orderType.")
    return order_type


def _check_sent(parameters: Parameters, order_type: OrderType) -> None:
    required, forbidden = _REQUIRED[order_type]
    for name in required:
        if not parameters.values.get(name):
            raise missing(name)
    for name in forbidden:
        if name in parameters:
            raise not_required(name)
    if order_type == "MARKET":
        sent = [name for name in ("quantity", "quoteOrderQty") if parameters.values.get(name)]
        if not sent:
            raise missing_both("quantity", "quoteOrderQty")
        if len(sent) == 2:
            raise bad_combination()
    if required is _STOP_LIMIT[0] and "trailingDelta" not in parameters and not parameters.values.get("stopPrice"):
        raise missing_both("stopPrice", "trailingDelta")


def _refuse_lacking(parameters: Parameters) -> None:
    if "trailingDelta" in parameters:
        raise _unsupported("Trailing stop orders")
    if parameters.amount("icebergQty"):
        raise _unsupported("Iceberg orders")
    if any(name in parameters for name in ("pegPriceType", "pegOffsetValue", "pegOffsetType")):
        raise _unsupported("Pegged orders")


def _unsupported(what: str) -> Refused:
    return Refused(-1013, f"{what} are not supported for this symbol.")


def _quote_quantity(parameters: Parameters) -> int:
    quantity = parameters.amount("quoteOrderQty")
    if quantity == 0:
        raise Refused(-1013, "Filter failure: NOTIONAL")
    return quantity or 0


def _strategy_type(parameters: Parameters) -> int | None:
    strategy_type = parameters.integer("strategyType")
    if strategy_type is not None and strategy_type < LOWEST_STRATEGY_TYPE:
        raise Refused(-1134, "`strategyType` was less than 1000000.")
    return strategy_type
