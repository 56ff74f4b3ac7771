"""The oracle: the exchange's ledger and the bot's journal, held against each other to the last digit.

Neither is told by the code that is judged: the ledger is written by the exchange in its own process, the journal is
read from its file, by `faults.record`. Only the types `Order`, `Fill` and `Position` are the product's. What the bot's
process has in memory is never asked.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from bowstring.demo.ledger import SIDES, STATUSES
from bowstring.local_exchange.audit import Audit, LedgerOrder
from bowstring.trading.messages import Fill
from bowstring.trading.orders import Order
from faults.ledger import Ledger
from faults.record import Kept, read

SETTLE_S, PAUSE_S = 5.0, 0.1  # until what happened has been told, on a machine that is busy

NEVER_THERE = frozenset({"refused", "rejected", "expired", "failed"})
"""An order that ended so may never have been at the exchange."""
UNDECIDED = frozenset({"pending", "unknown"})
"""What no order is any more when everything is quiet."""


class Finding(Struct, frozen=True):
    """What is wrong: which of the oracle's rules is broken, and how."""

    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


class Judgement(Struct, frozen=True, kw_only=True):
    """What was compared, and what was found. ``orders`` are those that the exchange accepted."""

    intents: int
    orders: int
    fills: int
    findings: Sequence[Finding]

    def found(self, *rules: str) -> int:
        """How many break one of these rules."""
        return sum(finding.rule in rules for finding in self.findings)


def judge(ledger: Ledger, account: str, kept: Kept, *, foreign: Collection[str] = ()) -> Judgement:
    """Compare, when everything is quiet. ``foreign`` are orders that others placed on the account: they are to rest."""
    comparison = _Comparison(ledger, account, kept, foreign)
    return Judgement(
        intents=len(kept.orders),
        orders=len(comparison.accepted),
        fills=len(kept.fills),
        findings=[*comparison.findings()],
    )


def settle(
    ledger: Ledger, account: str, journal: Path, *, within_s: float = SETTLE_S, foreign: Collection[str] = ()
) -> Judgement:
    """Judge as soon as there is nothing to find; what is still wrong after so many seconds is wrong."""
    deadline = time.monotonic() + within_s
    while True:
        judgement = judge(ledger.read(), account, read(journal), foreign=foreign)
        if not judgement.findings or time.monotonic() > deadline:
            return judgement
        time.sleep(PAUSE_S)


class _Comparison:
    def __init__(self, ledger: Ledger, account: str, kept: Kept, foreign: Collection[str]) -> None:
        self._audit, self._account, self._kept = ledger.audit, account, kept
        self._deposits = ledger.deposits[account]
        all_ = [order for order in ledger.audit.orders.values() if order.account == account]
        self.accepted = [order for order in all_ if order.client_order_id not in foreign]
        self._foreign = [order for order in all_ if order.client_order_id in foreign]
        self._by_name = {order.client_order_id: order for order in self.accepted}
        self._intended = {order.client_order_id: order for order in kept.orders}

    def findings(self) -> Iterator[Finding]:
        yield from (Finding("ledger", text) for text in self._audit.findings)
        yield from self._duplicated()
        yield from self._unknown()
        yield from self._undecided()
        yield from self._differing()
        yield from self._misfilled()
        yield from self._mispositioned()
        yield from self._misbalanced()
        yield from self._touched()

    def _duplicated(self) -> Iterator[Finding]:
        """I1: no intent is accepted more than once."""
        for name, count in Counter(order.client_order_id for order in self.accepted).items():
            if count > 1:
                yield Finding("I1", f"{name} was accepted {count} times")

    def _unknown(self) -> Iterator[Finding]:
        """I2: no order of the account is unknown to the journal."""
        for name, order in self._by_name.items():
            if name not in self._intended:
                yield Finding("I2", f"{name}, {order.side} {order.quantity} {order.symbol}, is not in the journal")

    def _undecided(self) -> Iterator[Finding]:
        """I5: what was intended has come to one end, that is known, or is open. Each intent is there once."""
        yield from (Finding("I5", setback) for setback in self._kept.setbacks)
        counts = Counter(order.client_order_id for order in self._kept.orders)
        for order in self._kept.orders:
            if order.status in UNDECIDED:
                yield Finding("I5", f"{order.client_order_id} is still {order.status}: {order.reason}")
            if counts[order.client_order_id] > 1:
                yield Finding("I5", f"{order.client_order_id} is in the journal {counts[order.client_order_id]} times")

    def _differing(self) -> Iterator[Finding]:
        """I3: what the journal says of an order is what the exchange did with it."""
        for name, order in self._intended.items():
            there = self._by_name.get(name)
            if there is None:
                if order.status not in NEVER_THERE | UNDECIDED or order.filled:
                    yield Finding("I3", f"{name} is {order.status}, and the exchange has never had it")
                continue
            here, right = _described(order), _of_ledger(there, self._audit)
            if here != right and order.status not in UNDECIDED:
                yield Finding("I3", f"{name} is {here} by the journal, {right} by the ledger")

    def _touched(self) -> Iterator[Finding]:
        """What others placed is left alone."""
        for order in self._foreign:
            if not order.is_open:
                yield Finding("foreign", f"{order.client_order_id} is {order.status}, and was not the bot's to end")

    def _misfilled(self) -> Iterator[Finding]:
        """I4: the same fills, each once, at the same price and fee."""
        right = Counter(_ledger_fills(self.accepted, self._audit))
        here = Counter(map(_fill, self._kept.fills))
        yield from (Finding("I4", f"fill missing from the journal: {_shown(fill)}") for fill in right - here)
        yield from (Finding("I4", f"fill of the journal only: {_shown(fill)}") for fill in here - right)

    def _mispositioned(self) -> Iterator[Finding]:
        right: defaultdict[str, Decimal] = defaultdict(Decimal)
        for order in self.accepted:
            base, quote = self._audit.symbols[order.symbol]
            executed = order.executed if order.side == "BUY" else -order.executed
            right[f"{base}/{quote}"] += executed - order.fees[base]
        here: defaultdict[str, Decimal] = defaultdict(Decimal)
        for position in self._kept.positions:
            here[position.symbol] += position.quantity
        yield from _differences("position in", here, right)

    def _misbalanced(self) -> Iterator[Finding]:
        """I4: the account's balances are what it began with, and what the journal says that it traded and locked."""
        account = self._audit.accounts[self._account]
        held, locked = self._by_journal()
        yield from _differences("gain of", held, self._gained())
        yield from _differences("locked", locked, account.locked)

    def _gained(self) -> Mapping[str, Decimal]:
        """By asset: what is held now beyond what was deposited, by the ledger's own book-keeping."""
        account = self._audit.accounts[self._account]
        return {asset: held - self._deposits.get(asset, Decimal(0)) for asset, held in account.held.items()}

    def _by_journal(self) -> tuple[Mapping[str, Decimal], Mapping[str, Decimal]]:
        held: defaultdict[str, Decimal] = defaultdict(Decimal)
        locked: defaultdict[str, Decimal] = defaultdict(Decimal)
        for fill in self._kept.fills:
            base, quote = fill.symbol.split("/")
            sign = 1 if fill.side == "buy" else -1
            held[base] += sign * fill.quantity
            held[quote] -= sign * fill.quantity * fill.price
            held[fill.fee_currency] -= fill.fee
        for order in self._kept.orders:
            if order.status == "open":
                base, quote = order.symbol.split("/")
                left = order.quantity - order.filled
                locked[quote if order.side == "buy" else base] += left * (order.price if order.side == "buy" else 1)
        for other in self._foreign:
            base, quote = self._audit.symbols[other.symbol]
            left = other.left if other.is_open else Decimal(0)
            locked[quote if other.side == "BUY" else base] += left * (other.price if other.side == "BUY" else 1)
        return held, locked


Described = tuple[str, str, Decimal, Decimal, str, Decimal]


def _described(order: Order) -> Described:
    return order.symbol, order.side, order.quantity, order.price, order.status, order.filled


def _of_ledger(order: LedgerOrder, audit: Audit) -> Described:
    symbol = "/".join(audit.symbols[order.symbol])
    return symbol, SIDES[order.side], order.quantity, order.price, STATUSES[order.status], order.executed


FillFacts = tuple[str, str, str, str, Decimal, Decimal, Decimal, str, str]


def _fill(fill: Fill) -> FillFacts:
    return (
        fill.client_order_id,
        fill.symbol,
        fill.trade_id,
        fill.side,
        fill.price,
        fill.quantity,
        fill.fee,
        fill.fee_currency,
        fill.liquidity,
    )


def _ledger_fills(orders: Sequence[LedgerOrder], audit: Audit) -> Iterator[FillFacts]:
    for order in orders:
        symbol = "/".join(audit.symbols[order.symbol])
        for fill in order.fills:
            yield (
                order.client_order_id,
                symbol,
                str(fill.trade),
                SIDES[order.side],
                fill.price,
                fill.quantity,
                fill.fee,
                fill.fee_asset,
                "maker" if fill.is_maker else "taker",
            )


def _shown(fill: FillFacts) -> str:
    name, symbol, trade, side, price, quantity, *_ = fill
    return f"trade {trade} of {name}, {side} {quantity} {symbol} at {price}"


def _differences(what: str, here: Mapping[str, Decimal], right: Mapping[str, Decimal]) -> Iterator[Finding]:
    for name in sorted({*here, *right}):
        one, other = here.get(name, Decimal(0)), right.get(name, Decimal(0))
        if one != other:
            yield Finding("I4", f"{what} {name} is {one:f} by the journal, {other:f} by the ledger")
