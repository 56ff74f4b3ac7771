"""A strategy that trades the same way again and again is stopped, until a human has looked."""

from typing import get_args

from msgspec import Struct, field, json

from bowstring.core.components import on
from bowstring.core.errors import ConfigError
from bowstring.core.messages import Event, Resumed
from bowstring.trading.guards.order_guard import OrderGuard
from bowstring.trading.messages import Fill, GuardState, RiskAlarm, RiskState, RiskStateChanged, Side
from bowstring.trading.new_orders import NewOrder

Traded = tuple[str, str]
"""A strategy, and the symbol that it traded in."""


class ExecutionThrottle(OrderGuard):
    """Raises an alarm when ``limit`` orders of one strategy and side were executed in a symbol within ``within_s``.

    An order counts once, by its first `Fill`; an execution on the other side begins the count anew. With the limit
    reached trading is brought to ``state``, and the guard refuses more orders of that strategy and side in the symbol
    until a human makes trading active, or resumes the strategy. What ``reduces`` a position passes: the position is
    what an endless repetition builds up. It counts on after a restart; where the limit was reached before, the state
    of trading stands.

    EU regulation 2017/589, article 15 (3), asks for repeated automated execution throttles.
    """

    def __init__(self, limit: int, *, within_s: float, state: RiskState = "reducing") -> None:
        if limit < 1 or not within_s > 0:
            what = f"ExecutionThrottle({limit}, within_s={within_s})"
            raise ConfigError(f"{what}: give at least one execution in a time above 0 seconds")
        if state not in get_args(RiskState)[1:]:
            raise ConfigError(f'ExecutionThrottle state is {state!r}: give "reducing" or "halted"')
        self._limit = limit
        self._within_s = within_s
        self.name = f"ExecutionThrottle {limit} in {within_s} s"  # what is kept goes by it
        self._state: RiskState = state
        self._runs: dict[Traded, _Run] = {}
        self._has_begun = False

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse to go on the same way."""
        run = self._runs.get((order.strategy, order.symbol))
        if run is None or not run.is_over or run.side != side or not order.adds_risk:
            return None
        return f"{self._too_often(run)} by {order.strategy} in {order.symbol}, and no human has looked"

    @on(GuardState)
    def count_on(self, kept: GuardState) -> None:
        """Count on after a restart."""
        if kept.guard == self.name and not self._has_begun:
            self._has_begun = True
            self._runs = {(strategy, symbol): run for strategy, symbol, run in json.decode(kept.state, type=_Kept)}

    @on(Fill)
    def count(self, fill: Fill) -> list[Event]:
        """Count an order's first fill, by the venue's time: after a break several may be told at once."""
        self._has_begun = True
        key = fill.strategy, fill.symbol
        run = self._runs.get(key)
        if run is None or (run.side != fill.side and not run.is_over):
            run = self._runs[key] = _Run(fill.side)
        if run.is_over or run.side != fill.side or any(name == fill.client_order_id for _, name in run.executed):
            return []
        now_ns = fill.time_ns or self.clock.now_ns()
        recent = [one for one in run.executed if now_ns - one[0] < self._within_s * 1e9]
        run.executed = [*recent, (now_ns, fill.client_order_id)]
        if len(run.executed) < self._limit:
            return [self._kept()]
        run.is_over = True
        reason = f"{self._too_often(run)} by {fill.strategy} in {fill.symbol}"
        return [RiskAlarm(state=self._state, reason=reason, by=self.name), self._kept()]

    @on(RiskStateChanged)
    def begin_anew(self, changed: RiskStateChanged) -> GuardState | None:
        """A human has looked at everything."""
        if changed.state != "active":
            return None
        self._runs.clear()
        return self._kept()

    @on(Resumed)
    def begin_anew_with(self, resumed: Resumed) -> GuardState:
        """A human has looked at a strategy."""
        for key in [key for key in self._runs if key[0] == resumed.strategy]:
            del self._runs[key]
        return self._kept()

    def _kept(self) -> GuardState:
        """What is counted; what is over is for the state of trading to remember."""
        runs: _Kept = [(*key, run) for key, run in self._runs.items() if not run.is_over]
        return GuardState(guard=self.name, state=json.encode(runs).decode())

    def _too_often(self, run: "_Run") -> str:
        return f"{self._limit} orders to {run.side} were executed within {self._within_s} s"


class _Run(Struct):
    """Orders that were executed on one side, oldest first, by the time of their first fill."""

    side: Side
    executed: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    is_over: bool = False


_Kept = list[tuple[str, str, _Run]]
