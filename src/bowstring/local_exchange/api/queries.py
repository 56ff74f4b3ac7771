"""What an account asks of itself: balances, orders, trades, fees and limits."""

from itertools import islice

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.context import Context
from bowstring.local_exchange.api.orders import DISCOUNT
from bowstring.local_exchange.api.parameters import Parameters
from bowstring.local_exchange.api.refusals import bad_combination, missing_both
from bowstring.local_exchange.api.replies import Reply, described, own_trade
from bowstring.local_exchange.matching.accounts import Account, Balance, Order
from bowstring.local_exchange.matching.candles import DAY
from bowstring.local_exchange.matching.orders import Fill, Refused
from bowstring.local_exchange.matching.rules import UNIT, number

_COMBINATIONS = frozenset(
    frozenset(names.split())
    for names in ("", "orderId", "startTime", "endTime", "fromId", "startTime endTime", "orderId fromId")
)
"""Which parameters of myTrades go together."""


def account(service: Context, call: Call) -> Reply:
    """Balances, fees and what the account may do."""
    one = call.account
    omits = call.parameters.boolean("omitZeroBalances")
    basis_points = {"maker": one.maker_fee * 10_000 // UNIT, "taker": one.taker_fee * 10_000 // UNIT}
    return {
        "makerCommission": basis_points["maker"],
        "takerCommission": basis_points["taker"],
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _rates(one),
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": call.time(one.updated_us),
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": number(balance.free), "locked": number(balance.locked)}
            for asset, balance in balances(service, one).items()
            if not omits or balance.free or balance.locked
        ],
        "permissions": ["SPOT"],
        "uid": one.uid,
    }


def balances(service: Context, one: Account) -> dict[str, Balance]:
    """Those of all assets that are traded here."""
    rules = [market.rules for market in service.exchange.markets.values()]
    nothing = {asset: Balance() for pair in rules for asset in (pair.base, pair.quote)}
    return nothing | one.balances


def commission(service: Context, call: Call) -> Reply:
    """The fees for a symbol."""
    symbol = service.exchange.market(call.parameters.symbol()).rules.symbol
    none = dict.fromkeys(("maker", "taker", "buyer", "seller"), number(0))
    return {
        "symbol": symbol,
        "standardCommission": _rates(call.account),
        "specialCommission": none,
        "taxCommission": none,
        "discount": DISCOUNT,
    }


def order_limits(service: Context, call: Call) -> list[dict[str, object]]:
    """The unfilled orders in each interval."""
    return service.usage.orders_used(call.account)


def order(service: Context, call: Call) -> Reply:
    """One order, open or ended."""
    parameters = call.parameters
    symbol = service.exchange.market(parameters.symbol()).rules.symbol
    order_id, client_order_id = parameters.integer("orderId"), parameters.client_order_id("origClientOrderId")
    if order_id is None and client_order_id is None:
        raise missing_both("orderId", "origClientOrderId")
    found = call.account.find(symbol, order_id=order_id, client_order_id=client_order_id)
    if found is None:
        raise Refused(-2013, "Order does not exist.")
    if client_order_id not in (None, found.new.client_order_id):
        raise Refused(-2039, "Client order ID is not correct for this order ID.")
    return described(found, unit=call.unit)


def open_orders(service: Context, call: Call) -> list[Reply]:
    """All open orders, of a symbol or of all."""
    symbol = None
    if "symbol" in call.parameters:
        symbol = service.exchange.market(call.parameters.symbol()).rules.symbol
    return [described(one, unit=call.unit) for one in call.account.open.values() if symbol in (None, one.new.symbol)]


def all_orders(service: Context, call: Call) -> list[Reply]:
    """Orders, open and ended, oldest first."""
    parameters = call.parameters
    symbol = service.exchange.market(parameters.symbol()).rules.symbol
    since, until = time_range(parameters)
    first, limit = parameters.integer("orderId"), parameters.limit()

    def is_wanted(one: Order) -> bool:
        return (
            (first is None or one.id >= first)
            and (since is None or one.time_us >= since)
            and (until is None or one.time_us <= until)
        )

    wanted = [one for one in call.account.orders(symbol) if is_wanted(one)]
    counts_from_start = first is not None or since is not None
    return [described(one, unit=call.unit) for one in (wanted[:limit] if counts_from_start else wanted[-limit:])]


def own_trades(service: Context, call: Call) -> list[Reply]:
    """Fills, oldest first."""
    parameters = call.parameters
    symbol = service.exchange.market(parameters.symbol()).rules.symbol
    order_id, first = parameters.integer("orderId"), parameters.integer("fromId")
    since, until = time_range(parameters)
    limit = parameters.limit()
    sent = frozenset(name for name in ("orderId", "startTime", "endTime", "fromId") if name in parameters)
    if sent not in _COMBINATIONS:
        raise bad_combination()

    def is_wanted(fill: Fill) -> bool:
        return (
            (order_id is None or fill.order_id == order_id)
            and (first is None or fill.trade_id >= first)
            and (since is None or fill.time_us >= since)
            and (until is None or fill.time_us <= until)
        )

    fills = call.account.fills.get(symbol, ())
    if first is None and since is None:
        wanted = [*islice((fill for fill in reversed(fills) if is_wanted(fill)), limit)][::-1]
    else:
        wanted = [*islice((fill for fill in fills if is_wanted(fill)), limit)]
    return [own_trade(fill, symbol, unit=call.unit) for fill in wanted]


def time_range(parameters: Parameters, *, longest_us: int = DAY) -> tuple[int | None, int | None]:
    """The first and the last us that are asked for. Raises `Refused` if they are too far apart."""
    since, until = parameters.time_us("startTime"), parameters.time_us("endTime", is_end=True)
    if since is not None and until is not None:
        if since > until:
            raise bad_combination()
        if until - since > longest_us + 999:
            raise Refused(-1127, f"More than {longest_us * 24 // DAY} hours between startTime and endTime.")
    return since, until


def _rates(one: Account) -> dict[str, str]:
    return {
        "maker": number(one.maker_fee),
        "taker": number(one.taker_fee),
        "buyer": number(0),
        "seller": number(0),
    }
