"""Guards: small classes that refuse an order, with the reason. A replacement is judged like a new order."""

from bowstring.trading.guards.allowed_symbols import AllowedSymbols
from bowstring.trading.guards.daily_loss import DailyLoss
from bowstring.trading.guards.execution_throttle import ExecutionThrottle
from bowstring.trading.guards.max_exposure import MaxExposure
from bowstring.trading.guards.max_notional import MaxNotional
from bowstring.trading.guards.max_open_orders import MaxOpenOrders
from bowstring.trading.guards.max_position import MaxPosition
from bowstring.trading.guards.max_quantity import MaxQuantity
from bowstring.trading.guards.no_duplicates import NoDuplicates
from bowstring.trading.guards.no_self_cross import NoSelfCross
from bowstring.trading.guards.order_guard import OrderGuard
from bowstring.trading.guards.order_rate import OrderRate
from bowstring.trading.guards.price_collar import PriceCollar
from bowstring.trading.guards.reserve_balance import ReserveBalance

__all__ = [
    "AllowedSymbols",
    "DailyLoss",
    "ExecutionThrottle",
    "MaxExposure",
    "MaxNotional",
    "MaxOpenOrders",
    "MaxPosition",
    "MaxQuantity",
    "NoDuplicates",
    "NoSelfCross",
    "OrderGuard",
    "OrderRate",
    "PriceCollar",
    "ReserveBalance",
]
