"""Guards: small classes that refuse an order, with the reason. A replacement is judged like a new order."""

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches
from functools import reduce

from msgspec import Struct
from msgspec.structs import replace

from bowstring.core.components import Guard, on
from bowstring.core.errors import ConfigError
from bowstring.market.decimals import checked_limit
from bowstring.market.instrument import InstrumentListed
from bowstring.trading.messages import FINAL, Fill, OrderUpdate, PlaceOrder, Position, ReplaceOrder, Side
from bowstring.trading.new_orders import NewOrder, flaw, new_id
from bowstring.trading.orders import EXACT

ZERO = Decimal(0)


class MaxNotional(Guard):
    """Refuses an order whose price times quantity exceeds ``limit``, in quote currency."""

    def __init__(self, limit: Decimal) -> None:
        self._limit = checked_limit(limit, "MaxNotional limit")

    @on(PlaceOrder)
    def judge(self, order: PlaceOrder) -> str | None:
        """Refuse above the limit."""
        return self._judge(order)

    @on(ReplaceOrder)
    def judge_replacement(self, order: ReplaceOrder) -> str | None:
        """Refuse above the limit."""
        return self._judge(order)

    def _judge(self, order: NewOrder) -> str | None:
        if wrong := flaw(order):
            return wrong
        notional = EXACT.multiply(order.price.copy_abs(), order.quantity)
        return f"notional {notional:f} exceeds {self._limit:f}" if notional > self._limit else None


class OrderRate(Guard):
    """Refuses an order when ``limit`` orders passed within the last ``per_s`` seconds, of all strategies together."""

    def __init__(self, limit: int, *, per_s: float = 1.0) -> None:
        if limit < 1 or not per_s > 0:
            raise ConfigError(f"OrderRate({limit}, per_s={per_s}): give at least one order in a time above 0 seconds")
        self._limit = limit
        self._per_s = per_s
        self._passed_ns: deque[int] = deque(maxlen=limit)

    @on(PlaceOrder)
    def judge(self, _order: PlaceOrder) -> str | None:
        """Refuse above the rate."""
        return self._judge()

    @on(ReplaceOrder)
    def judge_replacement(self, _order: ReplaceOrder) -> str | None:
        """Refuse above the rate."""
        return self._judge()

    def _judge(self) -> str | None:
        now_ns = self.clock.monotonic_ns()
        if len(self._passed_ns) == self._limit and now_ns - self._passed_ns[0] < self._per_s * 1e9:
            return f"{self._limit} orders were placed within {self._per_s} s already"
        self._passed_ns.append(now_ns)
        return None


class MaxPosition(Guard):
    """Refuses an order in ``symbol`` that could bring the position beyond ``limit`` base units, long or short.

    The position is all strategies' together, at every venue. Every live order of the same side, pending, unknown and
    about to be replaced ones included, counts as filled, and what is filled counts even before its `Fill` has come.
    A symbol that no venue lists would limit nothing: then every order is refused, in whatever symbol.
    """

    def __init__(self, symbol: str, limit: Decimal) -> None:
        self._symbol = symbol
        self._limit = checked_limit(limit, f'MaxPosition("{symbol}") limit')
        self._listed: set[str] = set()
        self._last_listing = 0
        self._positions: dict[tuple[str, str], Decimal] = {}
        self._orders: dict[tuple[str, str, str], _Exposure] = {}

    @on(PlaceOrder)
    def judge(self, order: PlaceOrder) -> str | None:
        """Refuse beyond the limit."""
        return self._judge(order, order.side)

    @on(ReplaceOrder)
    def judge_replacement(self, order: ReplaceOrder) -> str | None:
        """Refuse beyond the limit: the order to be replaced may still fill."""
        return None if order.side is None else self._judge(order, order.side)

    @on(InstrumentListed)
    def take_listed(self, listed: InstrumentListed) -> None:
        """Note what can be traded."""
        self._listed.add(listed.symbol)
        self._last_listing = listed.seq

    @on(Position)
    def take_position(self, position: Position) -> None:
        """Note the absolute position of one strategy at one venue."""
        if position.symbol == self._symbol:
            self._positions[position.strategy, position.venue] = position.quantity

    @on(Fill)
    def take_fill(self, fill: Fill) -> None:
        """Move what was filled from the order to the position, which its own event then makes exact."""
        if fill.symbol != self._symbol:
            return
        holder = fill.strategy, fill.venue
        change = EXACT.add if fill.side == "buy" else EXACT.subtract
        self._positions[holder] = change(self._positions.get(holder, ZERO), fill.quantity)
        key = (*holder, fill.client_order_id)
        if key in self._orders:
            exposure = self._orders[key]
            self._note(key, replace(exposure, told=EXACT.add(exposure.told, fill.quantity)))

    @on(OrderUpdate)
    def take_update(self, update: OrderUpdate) -> None:
        """Note how much an order can have filled in the end."""
        if update.symbol != self._symbol:
            return
        key = update.strategy, update.venue, update.client_order_id
        most = update.filled if update.status in FINAL else update.quantity
        told = self._orders[key].told if key in self._orders else update.filled
        self._note(key, _Exposure(update.side, most, told=told))

    def _judge(self, order: NewOrder, side: Side) -> str | None:
        if unlisted := self._unlisted(order):
            return unlisted
        if order.symbol != self._symbol:
            return None
        if wrong := flaw(order):
            return wrong
        reached = EXACT.add(self._reach(side), order.quantity)
        if reached > self._limit:
            direction = "long" if side == "buy" else "short"
            return f"position in {self._symbol} could reach {reached:f} {direction}, beyond {self._limit:f}"
        self._orders[order.strategy, order.venue, new_id(order)] = _Exposure(side, order.quantity, told=ZERO)
        return None

    def _unlisted(self, order: NewOrder) -> str:
        """Whether the limit is for nothing; an order that answers a listing is judged before the rest is listed."""
        if not self._listed or self._symbol in self._listed or order.cause <= self._last_listing:
            return ""
        near = get_close_matches(self._symbol.upper(), self._listed, n=1)
        hint = f"did you mean {near[0]}?" if near else "give a symbol that is listed"
        return f'MaxPosition("{self._symbol}"): the bot\'s venues list no {self._symbol}; {hint}'

    def _reach(self, side: Side) -> Decimal:
        """How far the position can come by this side's orders, in their direction."""
        position = _sum(self._positions.values())
        to_come = _sum(exposure.to_come for exposure in self._orders.values() if exposure.side == side)
        return EXACT.add(position if side == "buy" else position.copy_negate(), to_come)

    def _note(self, key: tuple[str, str, str], exposure: "_Exposure") -> None:
        if exposure.to_come > 0:
            self._orders[key] = exposure
        else:
            self._orders.pop(key, None)


class _Exposure(Struct, frozen=True):
    """An order: ``most`` is what it can have filled in the end, ``told`` what of that its fills have told."""

    side: Side
    most: Decimal
    told: Decimal

    @property
    def to_come(self) -> Decimal:
        return EXACT.subtract(self.most, self.told)


def _sum(quantities: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, quantities, ZERO)
