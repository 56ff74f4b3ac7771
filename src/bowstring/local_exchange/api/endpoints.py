"""Everything that can be asked for: one table for REST and the WebSocket API."""

from collections.abc import Mapping

from bowstring.local_exchange.api import legacy, orders, public, queries, session, tickers, wallet
from bowstring.local_exchange.api.call import Call, Endpoint, Handler, Security, Weigher
from bowstring.local_exchange.api.context import Context
from bowstring.local_exchange.api.new_orders import PARAMETERS as ORDER
from bowstring.local_exchange.api.parameters import Parameters
from bowstring.local_exchange.matching.orders import Refused

_CANCEL = "symbol orderId origClientOrderId newClientOrderId cancelRestrictions"
_REPLACE = (
    "cancelReplaceMode cancelOrderId cancelOrigClientOrderId cancelNewClientOrderId cancelRestrictions "
    "orderRateLimitExceededMode"
)
_CANDLES = "symbol interval startTime endTime timeZone limit"
_SYMBOLS = "symbol symbols symbolStatus"


def _public(path: str, ws: str | None, handler: Handler, parameters: str, weight: int | Weigher) -> Endpoint:
    rest = ("GET", f"/api/v3/{path}")
    return Endpoint(rest=rest, ws=ws, handler=handler, weight=weight, parameters=frozenset(parameters.split()))


def _trade(
    rest: str, ws: str, handler: Handler, parameters: str, *, weight: int | Weigher = 1, count: int = 0
) -> Endpoint:
    method, path = rest.split()
    return Endpoint(
        rest=(method, f"/api/v3/{path}"),
        ws=ws,
        handler=handler,
        weight=weight,
        security=Security.TRADE,
        parameters=frozenset(parameters.split()),
        orders=count,
        is_free=path != "order/test",
    )


def _own(path: str, ws: str, handler: Handler, parameters: str, weight: int | Weigher) -> Endpoint:
    return Endpoint(
        rest=("GET", f"/api/v3/{path}"),
        ws=ws,
        handler=handler,
        weight=weight,
        security=Security.USER_DATA,
        parameters=frozenset(parameters.split()),
    )


def _wallet(path: str, handler: Handler) -> Endpoint:
    return Endpoint(
        rest=("GET", f"/sapi/v1/{path}"), ws=None, handler=handler, security=Security.USER_DATA, parameters=None
    )


def _lacking(path: str, ws: str, text: str) -> Endpoint:
    def refuse(service: Context, call: Call) -> object:
        raise Refused(-1013, text)

    rest = ("POST", f"/api/v3/{path}")
    return Endpoint(rest=rest, ws=ws, handler=refuse, security=Security.TRADE, parameters=None)


def _local(name: str, handler: Handler, parameters: str, *, weight: int) -> Endpoint:
    """What Binance Spot does not have, under names that are not its own."""
    return Endpoint(
        rest=("POST", f"/bowstring/v1/{name}"),
        ws=f"bowstring.{name}",
        handler=handler,
        weight=weight,
        security=Security.TRADE,
        parameters=frozenset(parameters.split()),
    )


def _legacy(method: str, handler: Handler, parameters: str = "") -> Endpoint:
    return Endpoint(
        rest=(method, "/api/v3/userDataStream"),
        ws=None,
        handler=handler,
        weight=2,
        security=Security.KEY,
        parameters=frozenset(parameters.split()),
    )


def _test_weight(parameters: Parameters) -> int:
    return 20 if parameters.values.get("computeCommissionRates", "").lower() == "true" else 1


def _own_trades_weight(parameters: Parameters) -> int:
    return 5 if "orderId" in parameters else 20


def _open_orders_weight(parameters: Parameters) -> int:
    return 6 if "symbol" in parameters else 80


_ORDER = " ".join(ORDER)
_TRADES = "symbol orderId startTime endTime fromId limit"
_OCO, _OTO = "OCO orders are not supported for this symbol", "Order lists are not supported for this symbol."

ENDPOINTS = (
    _public("ping", "ping", public.ping, "", 1),
    _public("time", "time", public.time, "", 1),
    _public("exchangeInfo", "exchangeInfo", public.exchange_info, f"{_SYMBOLS} permissions showPermissionSets", 20),
    _public("depth", "depth", public.depth, "symbol limit symbolStatus", public.depth_weight),
    _public("trades", "trades.recent", public.trades, "symbol limit", 25),
    _public("historicalTrades", "trades.historical", public.historical_trades, "symbol limit fromId", 25),
    _public("aggTrades", "trades.aggregate", public.aggregate_trades, "symbol fromId startTime endTime limit", 4),
    _public("klines", "klines", public.candles, _CANDLES, 2),
    _public("uiKlines", "uiKlines", public.candles, _CANDLES, 2),
    _public("avgPrice", "avgPrice", public.average_price, "symbol", 2),
    _public("ticker/24hr", "ticker.24hr", tickers.day, f"{_SYMBOLS} type", tickers.weight_of_day),
    _public(
        "ticker/tradingDay",
        "ticker.tradingDay",
        tickers.trading_day,
        f"{_SYMBOLS} type timeZone",
        tickers.weight_of_each,
    ),
    _public("ticker", "ticker", tickers.rolling, f"{_SYMBOLS} type windowSize", tickers.weight_of_each),
    _public("ticker/price", "ticker.price", tickers.price, _SYMBOLS, tickers.weight_of_some),
    _public("ticker/bookTicker", "ticker.book", tickers.book, _SYMBOLS, tickers.weight_of_some),
    _trade("POST order", "order.place", orders.place, _ORDER, count=1),
    _trade("POST order/test", "order.test", orders.test, f"{_ORDER} computeCommissionRates", weight=_test_weight),
    _trade("DELETE order", "order.cancel", orders.cancel, _CANCEL),
    _trade("DELETE openOrders", "openOrders.cancelAll", orders.cancel_all, "symbol"),
    _trade("POST order/cancelReplace", "order.cancelReplace", orders.replace, f"{_ORDER} {_REPLACE}", count=1),
    _local("countdownCancelAll", orders.cancel_after, "countdownTime", weight=10),
    _own("account", "account.status", queries.account, "omitZeroBalances", 20),
    _own("account/commission", "account.commission", queries.commission, "symbol", 20),
    _own("rateLimit/order", "account.rateLimits.orders", queries.order_limits, "", 40),
    _own("order", "order.status", queries.order, "symbol orderId origClientOrderId", 4),
    _own("openOrders", "openOrders.status", queries.open_orders, "symbol", _open_orders_weight),
    _own("allOrders", "allOrders", queries.all_orders, "symbol orderId startTime endTime limit", 20),
    _own("myTrades", "myTrades", queries.own_trades, _TRADES, _own_trades_weight),
    Endpoint(rest=("GET", "/sapi/v1/system/status"), ws=None, handler=wallet.system_status),
    _wallet("capital/config/getall", wallet.coins),
    _wallet("margin/allPairs", wallet.nothing),
    _wallet("margin/isolated/allPairs", wallet.nothing),
    _wallet("asset/tradeFee", wallet.trade_fees),
    _lacking("order/oco", "orderList.place", _OCO),
    _lacking("orderList/oco", "orderList.place.oco", _OCO),
    _lacking("orderList/oto", "orderList.place.oto", _OTO),
    _lacking("orderList/otoco", "orderList.place.otoco", _OTO),
    _lacking("orderList/opo", "orderList.place.opo", "OPO orders are not supported for this symbol."),
    _lacking("orderList/opoco", "orderList.place.opoco", "OPO orders are not supported for this symbol."),
)

LEGACY = (
    _legacy("POST", legacy.create),
    _legacy("PUT", legacy.prolong, "listenKey"),
    _legacy("DELETE", legacy.end, "listenKey"),
)


def by_path(*, with_legacy: bool) -> Mapping[tuple[str, str], Endpoint]:
    """The endpoints by HTTP method and path; ``with_legacy`` those that Binance has retired too."""
    return {one.rest: one for one in (*ENDPOINTS, *(LEGACY if with_legacy else ())) if one.rest}


BY_METHOD: Mapping[str, Endpoint] = {one.ws: one for one in (*ENDPOINTS, *session.ENDPOINTS) if one.ws}
"""The endpoints by their names on the WebSocket API."""
