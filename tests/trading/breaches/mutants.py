"""Guards with a mistake each, of the kind that is made: the ledger has to notice every one of them."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from msgspec.structs import replace

from bowstring.core.components import Guard
from bowstring.core.messages import Event
from bowstring.market.events import BookChanged, Quote, Trade
from bowstring.trading.blotter import Blotter
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.guards import (
    AllowedSymbols,
    DailyLoss,
    ExecutionThrottle,
    MaxExposure,
    MaxNotional,
    MaxOpenOrders,
    MaxPosition,
    MaxQuantity,
    NoDuplicates,
    NoSelfCross,
    OrderRate,
    PriceCollar,
    ReserveBalance,
)
from bowstring.trading.guards.prices import Market
from bowstring.trading.messages import Fill, OrderUpdate, ReplaceOrder, RiskAlarm, Side
from bowstring.trading.new_orders import NewOrder
from tests.trading.breaches.ledger import SECOND
from tests.trading.breaches.run import LIMITS, guards
from tests.trading.breaches.venue import LOT, WORTH


class RefusesOnce(AllowedSymbols):
    """Does not judge a symbol that it has refused before."""

    def objection(self, order: NewOrder, side: Side) -> str | None:
        reason = super().objection(order, side)
        self._symbols[order.symbol] = None
        return reason


class OneLotMore(MaxQuantity):
    """Takes the limit for the first quantity that is too much, counted in lots."""

    def objection(self, order: NewOrder, side: Side) -> str | None:
        return None if order.quantity == self._limit + LOT else super().objection(order, side)


class NewOrdersOnly(MaxNotional):
    """Does not judge replacements."""

    def judge_replacement(self, order: ReplaceOrder) -> str | None:
        return None


class NeverStale(PriceCollar):
    """Relies on whatever price it was told last."""

    def _is_fresh(self, told: Quote | BookChanged | Trade, where: Market) -> bool:
        return True


class HasHeardOfThem(MaxOpenOrders):
    """Counts orders that are known to be open, and not those whose answer has not come."""

    def objection(self, order: NewOrder, side: Side) -> str | None:
        known = [live for live in self.live.orders.values() if live.order.status == "open"]
        return "too many" if len(known) >= self._limit else self.live.add(order)


class UnknownIsNone(MaxPosition):
    """Takes an order of which the outcome is not known for one that failed."""

    def take_update(self, update: OrderUpdate) -> None:
        super().take_update(replace(update, status="failed") if update.status == "unknown" else update)


class OneSymbolAtATime(MaxExposure):
    """Leaves out what is held and ordered in other symbols, and at other venues."""

    def _places(self) -> set[tuple[str, str]]:
        return set()


class TrustsTheBalance(ReserveBalance):
    """Takes for free what the last balance says is free."""

    def _short(self, account: tuple[str, str], strategy: str, need: Decimal) -> str | None:
        balance = self._balances.get(account)
        return "too much" if balance is None or need > balance.free else None


class ForgetsInHalfTheTime(OrderRate):
    """Has a window that is too short."""

    def objection(self, order: NewOrder, side: Side) -> str | None:
        reason = super().objection(order, side)
        if reason is None or self.clock.monotonic_ns() - self._passed[0][0] < self._per_s * SECOND / 2:
            return reason
        self._passed.popleft()
        return super().objection(order, side)


class ForgetsWhatIsOpen(NoDuplicates):
    """Forgets an order when it is told to be open."""

    def forget(self, update: OrderUpdate) -> None:
        super().forget(replace(update, status="failed") if update.status == "open" else update)


class OwnOrdersOnly(NoSelfCross):
    """Does not look at the orders of other strategies."""

    def objection(self, order: NewOrder, side: Side) -> str | None:
        other_side: Side = "sell" if side == "buy" else "buy"
        for live in self.live.sides[order.venue, order.symbol, other_side].orders.values():
            reaches = order.price >= live.order.price if side == "buy" else order.price <= live.order.price
            if reaches and live.order.strategy == order.strategy and not live.order.is_final:
                return "no"
        return self.live.add(order)


class WithoutFees(DailyLoss):
    """Leaves out fees."""

    def take_fill(self, fill: Fill) -> list[Event]:
        return super().take_fill(replace(fill, fee=Decimal(0)))


class LooksTheOtherWay(ExecutionThrottle):
    """Begins its count anew by itself."""

    def count(self, fill: Fill) -> list[Event]:
        events = super().count(fill)
        if any(isinstance(event, RiskAlarm) for event in events):
            self._runs.clear()
        return []


class PositionOnly(Blotter):
    """Does not reckon with what is under way."""

    def reducible(self, strategy: str, symbol: str, *, side: Side) -> Decimal:
        return self._positions.get((strategy, symbol), Decimal(0)) * (1 if side == "sell" else -1)


def careless(executor: OrderExecutor) -> None:
    """Give an executor a blotter with a mistake."""
    executor.blotter = PositionOnly(executor.venue)


MUTANTS: Mapping[str, tuple[str, Callable[[], Guard]]] = {
    "RefusesOnce": ("AllowedSymbols", lambda: RefusesOnce(*LIMITS.symbols)),
    "OneLotMore": ("MaxQuantity", lambda: OneLotMore("BTC/USDT", LIMITS.quantity * LOT)),
    "NewOrdersOnly": ("MaxNotional", lambda: NewOrdersOnly(LIMITS.notional * WORTH)),
    "NeverStale": (
        "PriceCollar",
        lambda: NeverStale(Decimal(LIMITS.collar_percent) / 100, stale_after_s=LIMITS.fresh / SECOND),
    ),
    "HasHeardOfThem": ("MaxOpenOrders", lambda: HasHeardOfThem(LIMITS.open_orders)),
    "UnknownIsNone": ("MaxPosition", lambda: UnknownIsNone("BTC/USDT", LIMITS.position * LOT)),
    "OneSymbolAtATime": ("MaxExposure", lambda: OneSymbolAtATime("USDT", LIMITS.exposure * WORTH)),
    "TrustsTheBalance": ("ReserveBalance", TrustsTheBalance),
    "ForgetsInHalfTheTime": (
        "OrderRate",
        lambda: ForgetsInHalfTheTime(LIMITS.rate, per_s=LIMITS.rate_window / SECOND),
    ),
    "ForgetsWhatIsOpen": ("NoDuplicates", lambda: ForgetsWhatIsOpen(within_s=LIMITS.duplicate_window / SECOND)),
    "OwnOrdersOnly": ("NoSelfCross", OwnOrdersOnly),
    "WithoutFees": ("DailyLoss", lambda: WithoutFees("USDT", LIMITS.loss * WORTH)),
    "LooksTheOtherWay": (
        "ExecutionThrottle",
        lambda: LooksTheOtherWay(LIMITS.executions, within_s=LIMITS.executions_window / SECOND),
    ),
}
"""By name: the rule that a mutant breaks, and how it is made. Each is a subclass of the guard that it stands for."""


def with_mutant(name: str) -> list[Guard]:
    """All guards, but for one with a mistake in the place of the one that it is made from."""
    mutant = MUTANTS[name][1]()
    return [mutant if isinstance(mutant, type(guard)) else guard for guard in guards()]
