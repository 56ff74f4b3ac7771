"""bowstring: live trading bots from collectors, strategies, guards and executors around one event queue."""

from bowstring.collectors.timer import Elapsed, Every
from bowstring.core.components import Collector, Emit, Executor, Guard, on
from bowstring.core.engine import Engine
from bowstring.core.maps import CollectorMap, ExecutorMap
from bowstring.core.messages import (
    Action,
    ActionFailed,
    ActionRefused,
    Actions,
    CollectorDown,
    CollectorUp,
    ComponentFailed,
    Event,
    Events,
    Lagged,
    Together,
)
from bowstring.core.process import in_process
from bowstring.core.run import run, run_engine
from bowstring.core.timers import WakeMe, Woke
from bowstring.market.events import Quote, StreamStale, Trade
from bowstring.market.instrument import Instrument
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.guards.max_notional import MaxNotional
from bowstring.trading.guards.max_position import MaxPosition
from bowstring.trading.guards.order_rate import OrderRate
from bowstring.trading.messages import (
    Balance,
    CancelOrder,
    Fill,
    OrderUpdate,
    PlaceOrder,
    Position,
    ReconcileMismatch,
    Recovered,
    ReplaceOrder,
    RiskStateChanged,
)
from bowstring.trading.strategy import Strategy

__all__ = [
    "Action",
    "ActionFailed",
    "ActionRefused",
    "Actions",
    "Balance",
    "CancelOrder",
    "Collector",
    "CollectorDown",
    "CollectorMap",
    "CollectorUp",
    "ComponentFailed",
    "Elapsed",
    "Emit",
    "Engine",
    "Event",
    "Events",
    "Every",
    "Executor",
    "ExecutorMap",
    "Fill",
    "Guard",
    "Instrument",
    "Lagged",
    "MaxNotional",
    "MaxPosition",
    "OrderExecutor",
    "OrderRate",
    "OrderUpdate",
    "PlaceOrder",
    "Position",
    "Quote",
    "ReconcileMismatch",
    "Recovered",
    "ReplaceOrder",
    "RiskStateChanged",
    "Strategy",
    "StreamStale",
    "Together",
    "Trade",
    "WakeMe",
    "Woke",
    "in_process",
    "on",
    "run",
    "run_engine",
]
