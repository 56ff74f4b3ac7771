"""The one executor of orders, for all venues: at most one send per intent, and an unknown outcome stays unknown.

An action's way: `admit` has the intent recorded (`unsent`), the handler hands the order to the gateway in the
strategy's own call stack (`sending`, `cancelling`, `replacing`). What comes back, as an answer, by the private stream
(`private_stream`) or from a query (`resolution`), is a report to the blotter, and what is new goes out as events.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from msgspec.structs import replace

from bowstring.core.components import Emit, Executor, on
from bowstring.core.errors import ConfigError, NotSent, StopIncomplete
from bowstring.core.messages import (
    Action,
    CollectorDown,
    CollectorUp,
    ComponentFailed,
    KillSwitch,
    LoopBlocked,
    Resumed,
)
from bowstring.core.watchdog import LONG_S
from bowstring.trading.blotter import Blotter
from bowstring.trading.cancelling import Canceller
from bowstring.trading.connection import Connection
from bowstring.trading.control.control import Control
from bowstring.trading.control.files import ControlFiles
from bowstring.trading.control.hand import Hand, check_sole_file, share_risk
from bowstring.trading.dead_man import DISARM_S, DeadMan, check_dead_man
from bowstring.trading.desk import Desk
from bowstring.trading.gateway import Gateway
from bowstring.trading.hedging import HedgeGroup, joined
from bowstring.trading.journal.opening import journal_of
from bowstring.trading.journal.port import Journal
from bowstring.trading.messages import (
    RISK_RANK,
    CancelOrder,
    GuardState,
    PlaceOrder,
    ReconcileMismatch,
    ReplaceOrder,
    RiskAlarm,
    RiskState,
    RiskStateChanged,
)
from bowstring.trading.new_orders import NewOrder, new_id
from bowstring.trading.orders import Order
from bowstring.trading.recovery import Recovery
from bowstring.trading.replacing import Replacer
from bowstring.trading.sending import Sender, Sent, unanswered
from bowstring.trading.unsent import Unsent

Policy = Literal["cancel", "leave"]
POLICIES = get_args(Policy)
RECONCILE_S = 30.0
RECOVER_S = 50.0  # the engine gives a start 60 s
STOP_S = 5.6  # the engine gives executors 7 s, of which half a one each is for the desk and for the gateway to close

log = logging.getLogger(__name__)


class OrderExecutor(Executor):
    """Places, replaces and cancels orders through a `Gateway`, and keeps the state of the account's own orders.

    ``journal`` is where intents go before they are sent, and what a start begins from, or the path of its file: all
    executors of a bot share one. Without it they are kept in memory, which is enough for paper trading only.
    ``on_stop`` and ``on_halt`` say what becomes of open orders when the bot stops, and when their strategy or all
    trading is halted. Every ``reconcile_every_s`` seconds the venue is asked how things stand. With ``dead_man_s`` the
    venue cancels all orders of the account, others' too, when it has heard nothing of this bot for so long: see
    `DeadMan`. ``hedges`` are groups that have symbols here, see `HedgeGroup`. ``blotter`` is for reading: what the
    executor knows.
    """

    max_in_flight = 1 << 31  # bounded in `Sender`, for orders only: a cancel always goes through

    def __init__(
        self,
        gateway: Gateway,
        *,
        journal: Journal | str | Path | None = None,
        on_stop: Policy = "cancel",
        on_halt: Policy = "cancel",
        reconcile_every_s: float = RECONCILE_S,
        dead_man_s: float | None = None,
        hedges: Sequence[HedgeGroup] = (),
    ) -> None:
        for argument, policy in (("on_stop", on_stop), ("on_halt", on_halt)):
            if policy not in POLICIES:
                raise ConfigError(f'{argument} is {policy!r}: give "cancel" or "leave"')
        if not 0 < reconcile_every_s < float("inf"):
            raise ConfigError(f"reconcile_every_s is {reconcile_every_s}: give a time above 0 seconds")
        check_dead_man(dead_man_s, gateway)
        self.name = f"orders {gateway.venue}"
        self.venue = gateway.venue
        self.blotter = Blotter(gateway.venue)
        self._gateway = gateway
        self._journal = journal_of(journal)
        self._journal_is_open = False
        self._files: ControlFiles | None = None
        self._control: Control | None = None
        self._on_stop = on_stop
        self._on_halt = on_halt
        self._reconcile_every_s = reconcile_every_s
        self._dead_man_s = dead_man_s
        self._hedges = joined(hedges, self.venue, self.blotter)

    async def start(self, emit: Emit) -> None:
        """Recover: see `Recovery`. Where that takes too long the venue stays closed until it is done."""
        self._desk = desk = Desk(
            self._gateway, blotter=self.blotter, journal=self._journal, emit=emit, clock=self.clock
        )
        self._connection = self._connect(desk)
        self._unsent = Unsent(desk)
        self._sender = Sender(desk, unsent=self._unsent, hedges=self._hedges)
        self._canceller = Canceller(desk)
        self._replacer = Replacer(desk, unsent=self._unsent, sender=self._sender, canceller=self._canceller)
        is_first = self._journal.open(self.clock)
        self._journal_is_open = True
        self._recovery = Recovery(desk, on_stream=self._on_stream)
        if self._journal.control_file:
            self._files = ControlFiles(self._journal.control_file)
            desk.killed = self._files.killed
        if is_first and self._journal.control_file:
            control = Control(desk, engine=self.engine)
            control.begin()
            self._control = control
        self.engine.shared.append(Hand(desk, strategies=self.strategies))
        hands = [one for one in self.engine.shared if isinstance(one, Hand)]
        check_sole_file(hands)
        if is_first:
            self._recall_risk()
        share_risk(hands)
        await self._recovery.run(self.strategies, connect=self._connection.make, within_s=RECOVER_S)
        desk.own(self._recovery.reconciliation.keep_on(every_s=self._reconcile_every_s))

    def _connect(self, desk: Desk) -> Connection:
        if self._dead_man_s is None:
            return Connection(desk, dead_man=None)
        dead_man = DeadMan(desk, seconds=self._dead_man_s, reconcile_every_s=self._reconcile_every_s)
        return Connection(desk, dead_man=dead_man)

    def _recall_risk(self) -> None:
        """Tell guards what they asked to be kept, and everybody that trading is not what it should be."""
        risk = self._journal.risk
        self._desk.publish(
            GuardState(guard=guard, state=state) for guard, state in self._journal.guard_states().items()
        )
        if risk.state != "active":
            log.warning("trading is %s by %s: %s", risk.state, risk.by, risk.reason)
            self._desk.publish([replace(risk, seq=0, cause=0, received_ns=0, depth=0)])
        if risk.state == "halted":
            self._halt_others(risk.reason, by=risk.by)

    def _halt_others(self, reason: str, *, by: str) -> None:
        """Executors that know of no journal take no risk either."""
        self.engine.refuse_risk(f"trading is halted by {by}: {reason}")

    async def stop(self) -> None:
        """Deal with open orders by policy, then disconnect. Raises `StopIncomplete` naming orders not accounted for."""
        self._desk.closed = "it is stopping"
        if self._control is not None:
            self._control.close()
        left = await self._wind_up()
        switch = await self._connection.end(is_guard_needed=bool(left) and self._on_stop == "cancel")
        lost = self._control.strays() if self._control is not None else []
        if self._journal_is_open:
            self._journal.close()
        names = ", ".join(f"{order.client_order_id} ({order.symbol}, {order.status})" for order in left)
        orders = f"orders that may be alive at {self.venue}: {names}" if left else ""
        strays = f"orders that nobody looked after: {', '.join(lost)}" if lost else ""
        if orders or switch or strays:
            raise StopIncomplete("; ".join(filter(None, (orders, switch, strays))))

    def admit(self, actions: Sequence[Action]) -> None:
        """Record the intents of all orders that one handler returned, in one transaction."""
        orders = [action for action in actions if isinstance(action, PlaceOrder | ReplaceOrder)]
        if orders:
            self._unsent.admit(orders)

    @on(PlaceOrder)
    def place(self, order: PlaceOrder) -> Sent:
        """Send an order, once, before this returns wherever storage and gateway can."""
        request = partial(self._gateway.place, order)
        return self._when_ready(order, partial(self._sender.send, order, request, action=order))

    @on(ReplaceOrder)
    def replace(self, action: ReplaceOrder) -> Sent:
        """Replace an order, natively or by a confirmed cancel and a new order."""
        return self._when_ready(action, partial(self._replacer.replace, action))

    @on(CancelOrder)
    def cancel(self, action: CancelOrder) -> Sent:
        """Cancel an order; one that has ended already needs none, one that was not sent yet will not be."""
        client_order_id = action.client_order_id
        if order := self.blotter.live.get(client_order_id):
            return self._canceller.cancel(order)
        reason = "it was cancelled before it was sent"
        is_unsent = self._unsent.withdraw(lambda order: new_id(order) == client_order_id, reason=reason)
        if not is_unsent and self.blotter.find(client_order_id) is None:
            raise NotSent(f"{client_order_id} is no order of this bot")
        return None

    @on(ComponentFailed)
    def clean_up(self, failed: ComponentFailed) -> None:
        """Cancel the open orders of a strategy that was halted, if that is the policy."""
        if failed.role == "strategy" and failed.halted and self._on_halt == "cancel":
            name = failed.component
            self._unsent.withdraw(lambda order: order.strategy == name, reason=f"{name} was halted")
            self._desk.own(self._canceller.end(self.blotter.of(name)))

    @on(KillSwitch)
    def kill(self, pulled: KillSwitch) -> None:
        """Halt all trading, until a human changes that."""
        self._bring_to("halted", reason=pulled.reason, by=pulled.by)

    @on(RiskAlarm)
    def heed(self, alarm: RiskAlarm) -> None:
        """Take less risk, until a human changes that."""
        self._bring_to(alarm.state, reason=alarm.reason, by=alarm.by)

    @on(GuardState)
    def keep(self, kept: GuardState) -> None:
        """Put on record what a guard asks to be kept."""
        if self._journal.guard_states().get(kept.guard) != kept.state:  # of several executors, one
            self._desk.keep([kept])

    @on(RiskStateChanged)
    def wind_down(self, changed: RiskStateChanged) -> None:
        """Cancel all open orders when trading is halted, if that is the policy.

        Where the journal cannot keep that less risk is to be taken, the kill switch keeps it for the next start.
        """
        files = self._files
        if changed.state != "active" and self._desk.journal_failure and files is not None and not files.killed():
            self._pull_kill(files, f"{changed.reason} ({changed.by})")
        if changed.state == "halted" and self._on_halt == "cancel":
            self._unsent.withdraw(lambda _order: True, reason="trading was halted")
            self._desk.own(self._canceller.end(self.blotter.live.values()))

    @on(ReconcileMismatch)
    def end_what_lives(self, _mismatch: ReconcileMismatch) -> None:
        """Cancel what has come to life since trading was halted, if that is the policy."""
        if self._journal.risk.state == "halted" and self._on_halt == "cancel":
            self._desk.own(self._canceller.end(self.blotter.live.values()))

    @on(Resumed)
    def remind(self, resumed: Resumed) -> None:
        """Tell a strategy that goes on where it stands."""
        self._recovery.tell(resumed.strategy)

    @on(LoopBlocked)
    def look_again(self, blocked: LoopBlocked) -> None:
        """Take no new risk before the venue was asked what happened while nobody listened."""
        if blocked.blocked_s >= LONG_S:
            self._desk.pause(f"{blocked.handler} blocked the event loop for {blocked.blocked_s:.1f} s")

    def _bring_to(self, state: RiskState, *, reason: str, by: str) -> None:
        if RISK_RANK[state] > RISK_RANK[self._journal.risk.state]:
            if state == "halted":
                self._halt_others(reason, by=by)
            now_ns = self.clock.now_ns()
            self._desk.tell([RiskStateChanged(state=state, reason=reason, by=by, time_ns=now_ns)])

    def _pull_kill(self, files: ControlFiles, reason: str) -> None:
        try:
            files.pull(reason)
        except OSError as error:
            log.critical("%s: %s is not on record, nor can it be: %r", self.name, reason, error)

    def _when_ready(self, action: NewOrder, send: Callable[[], Sent]) -> Sent:
        if not self._unsent.is_ready(action):
            return self._send_later(action, send)
        try:
            return send()
        except Exception as error:
            self._unsent.close(action, error)
            raise

    async def _send_later(self, action: NewOrder, send: Callable[[], Sent]) -> None:
        try:
            await self._unsent.ready(action)
            sent = send()
            if sent is not None:
                await sent
        except BaseException as error:
            self._unsent.close(action, error)
            raise

    async def _wind_up(self) -> list[Order]:
        """Do what the policy says, as far as there is time; returns the orders that it leaves in doubt."""
        live = self.blotter.live
        if not self._connection.is_made:
            return self._in_doubt()
        try:
            async with asyncio.timeout(STOP_S - (DISARM_S if self._dead_man_s else 0)):
                if self._on_stop == "cancel":
                    await self._canceller.end(self.blotter.live.values())
                else:
                    await self._desk.until(lambda: all(order.status == "open" for order in live.values()))
        except TimeoutError:
            log.error("%s: not all orders have ended in time", self.name)
        for order in [order for order in live.values() if order.status == "pending"]:
            self._desk.take(unanswered(order.client_order_id, "it was not answered before the bot stopped"))
        return self._in_doubt()

    def _in_doubt(self) -> list[Order]:
        """Orders that may be open, and are not as the policy for a stop has them."""
        is_sure = self._on_stop == "leave" and self._desk.reconciled_ns >= 0
        return [order for order in self.blotter.live.values() if not is_sure or order.status != "open"]

    def _on_stream(self, reason: str, retry_in_s: float) -> None:
        if reason:
            if retry_in_s:  # else it is told by who found out
                log.warning("%s: private stream down, %s; again in %.1f s", self.name, reason, retry_in_s)
            self._desk.tell([CollectorDown(collector=self.name, reason=reason, retry_in_s=retry_in_s)])
        else:
            self._desk.tell([CollectorUp(collector=self.name)])
