"""Placing, testing, cancelling and replacing orders."""

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.context import Context
from bowstring.local_exchange.api.new_orders import generated_id, new_order
from bowstring.local_exchange.api.parameters import Parameters
from bowstring.local_exchange.api.refusals import Denied, missing, missing_both
from bowstring.local_exchange.api.replies import Reply, acknowledged, cancelled, filled, placed
from bowstring.local_exchange.matching.accounts import Order
from bowstring.local_exchange.matching.exchange import Cancel, Replaced
from bowstring.local_exchange.matching.orders import Refused, Restriction
from bowstring.local_exchange.matching.record import Happened
from bowstring.local_exchange.matching.rules import number

_RESPONSES = {"ACK": "ACK", "RESULT": "RESULT", "FULL": "FULL"}
_RESTRICTIONS: dict[str, Restriction] = {
    "ONLY_NEW": "ONLY_NEW",
    "ONLY_PARTIALLY_FILLED": "ONLY_PARTIALLY_FILLED",
}
_MODES = {"STOP_ON_FAILURE": "STOP_ON_FAILURE", "ALLOW_FAILURE": "ALLOW_FAILURE"}
_EXCEEDED_MODES = {"DO_NOTHING": "DO_NOTHING", "CANCEL_ONLY": "CANCEL_ONLY"}


def place(service: Context, call: Call) -> Reply:
    """A new order."""
    new, response = new_order(call.parameters), _response_type(call.parameters)
    service.usage.check_orders(call.account)
    order = service.exchange.place(call.account, new)
    service.usage.order(call.account)
    return _placed(order, service.clerk.settle(), response=response, unit=call.unit)


def test(service: Context, call: Call) -> Reply:
    """All the checks of a new order, and nothing else."""
    new = new_order(call.parameters)
    _response_type(call.parameters)
    wants_rates = call.parameters.boolean("computeCommissionRates")
    service.exchange.check(call.account, new)
    return _commission_for(service, call) if wants_rates else {}


def cancel(service: Context, call: Call) -> Reply:
    """Cancel one order."""
    wanted = _cancel(call.parameters, ids=("orderId", "origClientOrderId"), own_id="newClientOrderId")
    order = service.exchange.cancel(call.account, wanted)
    service.clerk.settle()
    return cancelled(order, cancel_id=wanted.new_client_order_id, unit=call.unit)


def cancel_all(service: Context, call: Call) -> list[Reply]:
    """Cancel all orders of a symbol."""
    cancel_id = generated_id()
    orders = service.exchange.cancel_all(call.account, call.parameters.symbol(), new_client_order_id=lambda: cancel_id)
    service.clerk.settle()
    return [cancelled(order, cancel_id=cancel_id, unit=call.unit) for order in orders]


def cancel_after(service: Context, call: Call) -> Reply:
    """Cancel all open orders of the account once the countdown has ended."""
    countdowns, ms = service.countdowns, call.parameters.integer("countdownTime")
    if countdowns is None:
        raise Refused(-1020, "This operation is not supported: start the exchange with --cancel-after.")
    if ms is None:
        raise missing("countdownTime")
    countdowns.begin(call.account, ms=ms)
    return {"countdownTime": str(ms)}


def replace(service: Context, call: Call) -> Reply:
    """Cancel one order and place another."""
    parameters, account = call.parameters, call.account
    mode = parameters.choice("cancelReplaceMode", _MODES)
    if mode is None:
        raise missing("cancelReplaceMode")
    exceeded = parameters.choice("orderRateLimitExceededMode", _EXCEEDED_MODES)
    wanted = _cancel(parameters, ids=("cancelOrderId", "cancelOrigClientOrderId"), own_id="cancelNewClientOrderId")
    new, response = new_order(parameters), _response_type(parameters)
    stops = mode == "STOP_ON_FAILURE"
    try:
        service.usage.check_orders(account)
    except Denied as too_many:
        if exceeded != "CANCEL_ONLY":
            raise
        half = _cancel_only(service, call, wanted, too_many=too_many, stops=stops)
        return _replaced(half, service.clerk.settle(), wanted=wanted, unit=call.unit, status=429 if stops else None)
    replaced = service.exchange.replace(account, wanted, new, stop_on_failure=stops)
    service.usage.order(account)  # one that was not attempted counts too
    return _replaced(replaced, service.clerk.settle(), wanted=wanted, response=response, unit=call.unit)


def _cancel_only(service: Context, call: Call, wanted: Cancel, *, too_many: Denied, stops: bool) -> Replaced:
    """What is left of a cancel-replace if the account has too many unfilled orders."""
    try:
        return Replaced(service.exchange.cancel(call.account, wanted), too_many)
    except Refused as refused:
        return Replaced(refused, None if stops else too_many)


def _replaced(
    replaced: Replaced,
    happened: Happened,
    *,
    wanted: Cancel,
    response: str | None = None,
    unit: int,
    status: int | None = None,
) -> Reply:
    """The reply to a cancel-replace. Raises `Denied` with both halves unless both succeeded."""
    one, other = replaced.cancelled, replaced.placed
    told: Reply = {
        "cancelResult": _result(one),
        "newOrderResult": _result(other),
        "cancelResponse": _refusal(one)
        if isinstance(one, Refused)
        else cancelled(one, cancel_id=wanted.new_client_order_id, unit=unit),
        "newOrderResponse": _placed(other, happened, response=response, unit=unit)
        if isinstance(other, Order)
        else _refusal(other),
    }
    if isinstance(one, Order) and isinstance(other, Order):
        return told
    if isinstance(one, Order) or isinstance(other, Order):
        raise Denied(-2021, "Order cancel-replace partially failed.", status=status, data=told)
    raise Denied(-2022, "Order cancel-replace failed.", status=status, data=told)


def _result(outcome: Order | Refused | None) -> str:
    if outcome is None:
        return "NOT_ATTEMPTED"
    return "FAILURE" if isinstance(outcome, Refused) else "SUCCESS"


def _refusal(refused: Refused | None) -> Reply | None:
    return None if refused is None else {"code": refused.code, "msg": refused.text}


def _placed(order: Order, happened: Happened, *, response: str | None, unit: int) -> Reply:
    kind = response or ("FULL" if order.new.type in ("LIMIT", "MARKET") else "ACK")
    if kind == "ACK":
        return acknowledged(order, unit=unit)
    return placed(order, unit=unit) if kind == "RESULT" else filled(order, happened.changes, unit=unit)


def _cancel(parameters: Parameters, *, ids: tuple[str, str], own_id: str) -> Cancel:
    order_id, client_order_id = parameters.integer(ids[0]), parameters.client_order_id(ids[1])
    if order_id is None and client_order_id is None:
        raise missing_both(*ids)
    return Cancel(
        symbol=parameters.symbol(),
        new_client_order_id=parameters.client_order_id(own_id) or generated_id(),
        order_id=order_id,
        client_order_id=client_order_id,
        restriction=parameters.choice(
            "cancelRestrictions", _RESTRICTIONS, Refused(-1145, "Invalid cancelRestrictions")
        ),
    )


def _response_type(parameters: Parameters) -> str | None:
    return parameters.choice("newOrderRespType", _RESPONSES)


def _commission_for(service: Context, call: Call) -> Reply:
    account = call.account
    rates = {"maker": number(account.maker_fee), "taker": number(account.taker_fee)}
    none = {"maker": number(0), "taker": number(0)}
    return {
        "standardCommissionForOrder": rates,
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": DISCOUNT,
    }


DISCOUNT = {
    "enabledForAccount": False,
    "enabledForSymbol": False,
    "discountAsset": "BNB",
    "discount": number(0),
}
