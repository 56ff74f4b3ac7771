"""The human's hand on one account: what was decided is taken in like a report of the venue's, and goes on record."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import assert_never

from bowstring.core.errors import ConfigError, Refused
from bowstring.core.messages import Event
from bowstring.market.instrument import Instrument
from bowstring.trading.control.commands import Accept, AnyCommand, Command, DecideOrder, SetPosition
from bowstring.trading.desk import Desk
from bowstring.trading.gateway import OrderReport
from bowstring.trading.messages import RISK_RANK, MismatchSettled
from bowstring.trading.orders import DECIDED, Order
from bowstring.trading.reconciliation import lost

ZERO = Decimal(0)
SILENT_S = 30.0
AccountCommand = DecideOrder | Accept | SetPosition
"""What is for one account."""


class Hand:
    """Carries out what is for one account. ``strategies`` are the names of the bot's."""

    def __init__(self, desk: Desk, *, strategies: Sequence[str]) -> None:
        self.desk = desk
        self._strategies = strategies

    def is_ready_for(self, command: AnyCommand) -> bool:
        """Whether it knows what the command is about: an order from its record, all else once the venue was asked."""
        return isinstance(command, DecideOrder) or self.desk.reconciled_ns >= 0

    def concerns(self, command: AnyCommand) -> bool:
        """Whether a command is for this account."""
        if isinstance(command, DecideOrder):
            return self.desk.blotter.find(command.client_order_id) is not None
        return isinstance(command, Accept | SetPosition) and command.venue == self.desk.gateway.venue

    def awaits(self, command: AnyCommand) -> bool:
        """Whether it has the order live that a command is about: another account may have had one of that name."""
        return isinstance(command, DecideOrder) and command.client_order_id in self.desk.blotter.live

    def carry_out(self, command: AccountCommand) -> str:
        """Carry out a command that concerns it, and say what came of it. Raises `Refused` with the reason why not."""
        match command:
            case DecideOrder():
                return self._decide(command)
            case Accept():
                return self._accept(command)
            case SetPosition():
                return self._set_position(command)
            case _:
                assert_never(command)

    def doubts(self) -> Iterator[str]:
        """What keeps the account from taking new risk, and what a human may decide, line by line."""
        desk = self.desk
        venue = desk.gateway.venue
        if why := desk.closed or desk.journal_failure or desk.unrecorded:
            yield f"{venue}: no orders, {why}"
        if why := desk.down or desk.paused or desk.unguarded():
            yield f"{venue}: no new risk, {why}"
        silent_s = (desk.clock.monotonic_ns() - desk.reconciled_ns) / 1e9
        if desk.is_asking and silent_s > SILENT_S and desk.reconciled_ns >= 0:  # else the start waits for it
            yield f"{venue}: asked how things stand, it has not told in full for {silent_s:.0f} s"
        yield from (f"{venue}: no new risk in {symbol}, {reason}" for symbol, reason in desk.disputed.items())
        yield from self._other_problems()
        for order in desk.blotter.live.values():
            if order.status == "unknown":
                yield f"{venue}: order {_described(order)} is unknown, {order.reason}"
        if others := desk.blotter.external:
            yield f"{venue}: {len(others)} open orders of others, which are left alone"

    def _other_problems(self) -> Iterator[str]:
        """All disagreements in a symbol but the one that stopped it, and those that a human has accepted."""
        desk = self.desk
        for problem in desk.problems.values():
            is_accepted = desk.is_settled(problem.key, problem.amount)
            if is_accepted or desk.disputed.get(problem.symbol, problem.reason) != problem.reason:
                accepted = ", which was accepted" if is_accepted else ""
                yield f"{desk.gateway.venue}: {problem.symbol}, {problem.reason}{accepted}"

    def _decide(self, command: DecideOrder) -> str:
        order = self.desk.blotter.find(command.client_order_id)
        assert order is not None, "it concerns this account"
        self._check_undecided(order, command)
        report = OrderReport(
            client_order_id=order.client_order_id,
            status=command.status,
            filled=_filled(order, command, self.desk.blotter.instruments),
            reason=f"{DECIDED}{command.operator}: {command.why}",
        )
        self._tell(command, *self.desk.news(report))
        return f"order {order.client_order_id} is {command.status}, {report.filled:f} of {order.quantity:f} filled"

    def _check_undecided(self, order: Order, command: DecideOrder) -> None:
        """A human decides about what is unknown, open and denied by the venue, or open at one that is out of reach."""
        if order.status == "unknown":
            return
        is_denied = order.symbol in self.desk.disputed or lost(order.client_order_id) in self.desk.problems
        is_beyond_reach = self.desk.closed and self.desk.reconciled_ns < 0
        if order.status != "open" or not (is_denied or is_beyond_reach):
            raise Refused(
                f"order {order.client_order_id} is {order.status}: what a human decides about is unknown, or open in a "
                "symbol with a mismatch, or at a venue that has not been reached since the start"
            )
        if command.status not in {"cancelled", "expired", "filled"}:
            raise Refused(f"order {order.client_order_id} was open: it may be cancelled, expired or filled now")

    def _accept(self, command: Accept) -> str:
        self._check_asked()
        reason = self.desk.disputed.pop(command.symbol, None)
        if reason is None:
            if command.symbol not in self.desk.blotter.instruments:
                give = "give a symbol as the bot does, as BTC/USDT"
                raise Refused(f"{command.symbol} is not listed at {command.venue}: {give}")
            raise Refused(f"there is no mismatch in {command.symbol} at {command.venue}")
        reasons = {reason: None} | {
            one.reason: None for one in self.desk.problems.values() if one.symbol == command.symbol
        }
        kept = self.desk.settle(command.symbol)
        self._tell(command, MismatchSettled(venue=command.venue, symbol=command.symbol), kept)
        return f"new risk may be taken in {command.symbol} at {command.venue} again; accepted: {'; '.join(reasons)}"

    def _set_position(self, command: SetPosition) -> str:
        self._check_asked()
        if why := self.desk.down or ("it is asked how things stand" if self.desk.is_asking else ""):
            raise Refused(f"{command.venue}: {why}, and fills may come of that: give it again when it has told")
        blotter = self.desk.blotter
        held = {(one.strategy, one.symbol): one.quantity for one in blotter.positions()}
        known = sorted({*self._strategies, *(strategy for strategy, _symbol in held)})
        if command.strategy not in known:
            raise Refused(f'there is no strategy "{command.strategy}"; there are {", ".join(known)}')
        if command.symbol not in blotter.instruments:
            raise Refused(f"{command.symbol} is not listed at {command.venue}")
        before = held.get((command.strategy, command.symbol), ZERO)
        self._tell(command, blotter.set_position(command.strategy, command.symbol, command.quantity))
        where = f"{command.symbol} at {command.venue}"
        return f"the position of {command.strategy} in {where} is {command.quantity:f}; it was {before:f}"

    def _check_asked(self) -> None:
        """What a human says of now is not to be mixed with what the venue tells later of before."""
        if self.desk.reconciled_ns < 0:
            raise Refused(f"{self.desk.gateway.venue} was not asked yet how things stand: give it again then")

    def _tell(self, command: Command, *events: Event) -> None:
        """The decision and what it brings about, in one transaction."""
        self.desk.tell([command.decision(self.desk.clock.now_ns()), *events])
        self.desk.notice()


def check_sole_file(hands: Sequence[Hand]) -> None:
    """Raise `ConfigError` for two files: each would have its state of risk, and its half of what the bot has done."""
    files = sorted({hand.desk.journal.control_file for hand in hands} - {""})
    if len(files) > 1:
        raise ConfigError(f"executors of orders have the journals {' and '.join(files)}: give all of them one")


def share_risk(hands: Sequence[Hand]) -> None:
    """Of a journal in a file and one in memory, the strictest state of risk is that of both."""
    strictest = max((hand.desk.journal.risk for hand in hands), key=lambda risk: RISK_RANK[risk.state])
    for hand in hands:
        if RISK_RANK[hand.desk.journal.risk.state] < RISK_RANK[strictest.state]:
            hand.desk.keep([strictest])


def _filled(order: Order, command: DecideOrder, instruments: Mapping[str, Instrument]) -> Decimal:
    """How much of the order has filled. Raises `Refused` where the decision contradicts itself or what is known."""
    implied = {"failed": ZERO, "rejected": ZERO, "filled": order.quantity}.get(command.status)
    filled = implied if command.filled is None else command.filled
    if filled is None:
        raise Refused(f"say how much of it was filled before it was {command.status}: --filled 0, or more")
    if filled != implied if implied is not None else not 0 <= filled < order.quantity:
        fitting = f"give 0 or more, and less than {order.quantity:f}"
        next_ = fitting if implied is None else "leave --filled out, or give another status"
        raise Refused(f"{filled:f} of {order.quantity:f} filled does not go with {command.status}: {next_}")
    if filled < order.filled:
        known = f"{order.filled:f} of {order.client_order_id} is known to have filled"
        raise Refused(f"{known}, not {filled:f}: give that, or more")
    if filled not in {order.filled, order.quantity}:
        _check_step(filled, instruments.get(order.symbol))
    return filled


def _check_step(filled: Decimal, instrument: Instrument | None) -> None:
    """Raise `Refused` for what no fills can add up to, where it is known in which steps they come."""
    if instrument is not None and instrument.floor_quantity(filled) != filled:
        step = f"the step of {instrument.lot_size:f} in {instrument.symbol}"
        raise Refused(f"{filled:f} filled is off {step}: give what the venue shows")


def _described(order: Order) -> str:
    price = f"{order.quantity:f} {order.symbol} at {order.price:f}"
    return f"{order.client_order_id} of {order.strategy} to {order.side} {price}, {order.filled:f} filled,"
