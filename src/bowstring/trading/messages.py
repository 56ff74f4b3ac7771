"""The vocabulary of trading: what a strategy may ask for, and what it is told.

Prices are in the quote currency per base unit, quantities in base units, both `Decimal` made from strings.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

import msgspec

from bowstring.core.messages import Action, ActionClosed, ActionExpired, ActionRefused, Addressed, Event, Events

Side = Literal["buy", "sell"]
TimeInForce = Literal["gtc", "ioc", "fok"]

OrderStatus = Literal["pending", "unknown", "open", "failed", "refused", "rejected", "expired", "cancelled", "filled"]
"""``pending``: not answered yet; ``unknown``: perhaps at the venue, live until proven otherwise; ``open``: working,
perhaps partly filled. All others are final. ``failed``: proven not sent, or absent; ``refused``: by a guard, not sent;
``rejected``: by the venue; ``expired``: by its deadline, unsent, or by its time in force at the venue."""

RiskState = Literal["active", "reducing", "halted"]
"""``reducing``: only orders that reduce a position, and cancels; ``halted``: cancels only."""

RISK_RANK: dict[RiskState, int] = {"active": 0, "reducing": 1, "halted": 2}

FINAL: frozenset[OrderStatus] = frozenset({"failed", "refused", "rejected", "expired", "cancelled", "filled"})


class OrderAction(Action, frozen=True, kw_only=True):
    """Something to do with one order. ``venue`` may be left out when only one executor takes orders."""

    venue: str = ""


class PlaceOrder(OrderAction, frozen=True, kw_only=True):
    """Place a limit order.

    There is no market order: say ``time_in_force="ioc"`` and the worst price that you accept. ``post_only`` is
    rejected rather than taking liquidity. ``reduces`` claims that it only reduces your position, which is checked.
    ``client_order_id`` is given by the strategy's counter when the action is published, unless you set it.
    ``valid_for_s`` counts from the receipt of the event that caused it: later it is expired, never sent.
    """

    symbol: str
    client_order_id: str = ""
    side: Side
    quantity: Decimal
    price: Decimal
    time_in_force: TimeInForce = "gtc"
    post_only: bool = False
    reduces: bool = False
    valid_for_s: float = 2.0

    @property
    def adds_risk(self) -> bool:
        """Unless it claims to reduce."""
        return not self.reduces

    def closed_unexecuted(self, closing: ActionClosed) -> Events:
        """The end of the order that was to be placed."""
        return _unexecuted(self, closing, self.client_order_id)


class ReplaceOrder(OrderAction, frozen=True, kw_only=True):
    """Replace the open order ``client_order_id`` by one of the same side, with this quantity and price.

    Native where the venue offers it, else: cancel, wait until that is confirmed, place. If the old order fills
    first, nothing is placed. The new order's id is ``new_client_order_id``, given like `PlaceOrder`'s. To replace an
    order that is not in your ``orders`` is an `ActionFailed`, and no order's `OrderUpdate`.
    """

    client_order_id: str
    symbol: str = ""
    quantity: Decimal
    price: Decimal
    side: Side | None = None
    post_only: bool = False
    new_client_order_id: str = ""
    valid_for_s: float = 2.0

    @property
    def adds_risk(self) -> bool:
        """Always: nobody checks a replacement for reducing."""
        return True

    def closed_unexecuted(self, closing: ActionClosed) -> Events:
        """The end of the order that was to be placed."""
        return _unexecuted(self, closing, self.new_client_order_id)


class CancelOrder(OrderAction, frozen=True, kw_only=True):
    """Cancel the order ``client_order_id``. Never expires; an order not sent yet is closed, unsent."""

    client_order_id: str
    symbol: str = ""


class OrderUpdate(Addressed, frozen=True, kw_only=True):
    """An order changed: every change of its life arrives as one of these, refusals included.

    ``filled`` is cumulative and only grows, as does the rank of ``status``. ``venue_order_id`` is ``""`` until
    known; ``reason`` says why for refused, rejected, failed, expired and unknown. ``told`` is how much of ``filled``
    fills on record explain, where a start tells what is on record; None otherwise.
    """

    venue: str
    symbol: str
    client_order_id: str
    status: OrderStatus
    side: Side
    quantity: Decimal
    price: Decimal
    filled: Decimal = Decimal(0)
    venue_order_id: str = ""
    reason: str = ""
    time_ns: int = 0
    told: Decimal | None = None


class Fill(Addressed, frozen=True, kw_only=True):
    """One execution of an order. ``fee`` is in ``fee_currency`` and negative for a rebate."""

    venue: str
    symbol: str
    client_order_id: str
    trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: Literal["maker", "taker"]
    time_ns: int = 0
    recovered: bool = False


class Position(Addressed, frozen=True, kw_only=True):
    """The strategy's position in a symbol: absolute, in base units, negative when short.

    It is the sum of the strategy's own fills, less the fees that were paid in the base currency.
    """

    venue: str
    symbol: str
    quantity: Decimal


class Balance(Event, frozen=True, kw_only=True):
    """The account's absolute balance of one currency."""

    venue: str
    currency: str
    free: Decimal
    locked: Decimal


class ReconcileMismatch(Event, frozen=True, kw_only=True):
    """The venue and the bot disagree in a way that no report explains: a human must look.

    Until then no new risk is taken in the symbol, over restarts too.
    """

    venue: str
    symbol: str
    reason: str


class MismatchSettled(Event, frozen=True, kw_only=True):
    """A human has looked at a `ReconcileMismatch`: new risk may be taken in the symbol again."""

    venue: str
    symbol: str


class Recovered(Addressed, frozen=True, kw_only=True):
    """Where the strategy stands with one account: told at a start, after all that was missed, and when it is resumed.

    ``orders`` are all its orders that are not final, ``positions`` its positions in base units, by symbol.
    """

    venue: str
    orders: tuple[OrderUpdate, ...] = ()
    positions: Mapping[str, Decimal] = msgspec.field(default_factory=dict[str, Decimal])


class RiskAlarm(Event, frozen=True, kw_only=True):
    """Something is wrong enough to take less risk: ``state`` is what trading is brought to, unless it is there.

    A guard returns it from one of its handlers. ``by`` names who raises it. It never makes trading freer.
    """

    state: RiskState
    reason: str
    by: str


class RiskStateChanged(Event, frozen=True, kw_only=True):
    """Trading has another state: for a strategy's risk handler. It holds over restarts, until a human changes it."""

    state: RiskState
    reason: str = ""
    by: str = ""
    time_ns: int = 0


class GuardState(Event, frozen=True, kw_only=True):
    """What a guard is to know after a restart: it returns one to have it kept, and is told the latest at a start.

    ``state`` is a text of its own making, such as JSON.
    """

    guard: str
    state: str


class OperatorDecision(Event, frozen=True, kw_only=True):
    """A human decided something, for which the bot had no proof. ``what`` is the command, ``operator`` who gave it."""

    operator: str
    what: str
    reason: str
    time_ns: int = 0


def _unexecuted(order: "PlaceOrder | ReplaceOrder", closing: ActionClosed, client_order_id: str) -> Events:
    if order.side is None:
        return  # no strategy took it for an order
    status: OrderStatus = "failed"
    if isinstance(closing, ActionRefused | ActionExpired):
        status = "refused" if isinstance(closing, ActionRefused) else "expired"
    yield OrderUpdate(
        strategy=order.strategy,
        venue=order.venue,
        symbol=order.symbol,
        client_order_id=client_order_id,
        status=status,
        side=order.side,
        quantity=order.quantity,
        price=order.price,
        reason=closing.reason,
    )
