"""What a ledger proves: balances and orders out of its deposits, accepts and fills alone, and what contradicts them.

Standard library only, like the ledger. The balances that the exchange wrote down are not used but compared with the
result: whatever it gains, loses or forgets shows as a finding.

A little over 300 lines: the steps for all kinds of lines are one table, to be read beside the ledger's.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

from bowstring.local_exchange.ledger import read

_EXACT = Context(prec=60)
_ZERO = Decimal(0)
FINDINGS_KEPT = 1000

Amounts = defaultdict[str, Decimal]


def _amounts() -> Amounts:
    return defaultdict(Decimal)


@dataclass(kw_only=True, frozen=True)
class LedgerFill:
    """One side of a trade."""

    trade: int
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool


@dataclass(kw_only=True)
class LedgerOrder:
    """An accepted order; ``quote`` is what was paid or received before fees, ``fees`` are by asset."""

    id: int
    account: str
    client_order_id: str
    symbol: str
    side: str
    type: str
    quantity: Decimal
    price: Decimal
    accepted_us: int
    executed: Decimal = _ZERO
    quote: Decimal = _ZERO
    prevented: Decimal = _ZERO
    status: str = "NEW"
    fees: Amounts = field(default_factory=_amounts)
    fills: list[LedgerFill] = field(default_factory=list[LedgerFill])

    @property
    def left(self) -> Decimal:
        """What has neither traded nor been prevented."""
        return self.quantity - self.executed - self.prevented

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        return self.status in ("NEW", "PARTIALLY_FILLED")


@dataclass(kw_only=True)
class LedgerAccount:
    """By asset what it began with, what it has, and how much of that is locked.

    Of a participant's orders little may be known.
    """

    name: str
    is_participant: bool
    deposits: dict[str, Decimal]
    held: Amounts = field(default_factory=_amounts)
    locked: Amounts = field(default_factory=_amounts)


@dataclass
class Audit:
    """What the lines amount to so far; ``symbols`` are base and quote of each.

    ``findings`` are the first contradictions; none means that there is none.
    """

    symbols: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    accounts: dict[str, LedgerAccount] = field(default_factory=dict[str, LedgerAccount])
    orders: dict[int, LedgerOrder] = field(default_factory=dict[int, LedgerOrder])
    fees: Amounts = field(default_factory=_amounts)
    lines: Counter[str] = field(default_factory=Counter[str])
    findings: list[str] = field(default_factory=list[str])
    forgets: bool = False
    """Drop orders that have ended: for a ledger that is longer than memory."""

    _last_trade: dict[str, int] = field(default_factory=dict[str, int])
    _last_order: int = 0

    def __post_init__(self) -> None:
        self._steps: dict[str, Callable[[dict[str, Any]], None]] = {
            "start": self._start,
            "account": self._account,
            "request": self._request,
            "refused": self._request,
            "fault": self._fault,
            "accept": self._accept,
            "trigger": self._trigger,
            "fill": self._fill,
            "prevent": self._prevent,
            "cancel": self._cancel,
            "expire": self._expire,
            "balances": self._balances,
            "close": self._close,
        }

    def follow(self, lines: Iterable[dict[str, object]]) -> "Audit":
        """Go through more lines; returns itself. Raises `LookupError` for one that lacks something."""
        with localcontext(_EXACT):
            for line in lines:
                kind = str(line["kind"])
                self.lines[kind] += 1
                self._steps[kind](line)
        return self

    def _find(self, what: str) -> None:
        if len(self.findings) < FINDINGS_KEPT:
            self.findings.append(f"line {self.lines.total()}: {what}")

    def _start(self, line: dict[str, Any]) -> None:
        self.symbols = {symbol: (base, quote) for symbol, (base, quote) in line["symbols"].items()}

    def _request(self, line: dict[str, Any]) -> None:
        if line["account"] not in (None, *self.accounts):
            self._find(f"a request of {line['account']!r}, who has no account")

    def _fault(self, line: dict[str, Any]) -> None:
        """Whatever goes wrong on purpose changes nothing by itself."""

    def _account(self, line: dict[str, Any]) -> None:
        if line["account"] in self.accounts:
            self._find(f"{line['account']} is opened again")
        deposits = {asset: Decimal(amount) for asset, amount in line["deposits"].items()}
        account = LedgerAccount(name=line["account"], is_participant=line["is_participant"], deposits=deposits)
        account.held.update(deposits)
        self.accounts[account.name] = account

    def _accept(self, line: dict[str, Any]) -> None:
        order = LedgerOrder(
            id=line["order"],
            account=line["account"],
            client_order_id=line["client_order_id"],
            symbol=line["symbol"],
            side=line["side"],
            type=line["type"],
            quantity=Decimal(line["quantity"]),
            price=Decimal(line["price"]),
            accepted_us=line["time_us"],
        )
        if order.id <= self._last_order:
            self._find(f"order {order.id} is accepted after order {self._last_order}")
        self._last_order = order.id
        self.orders[order.id] = order
        self._lock(order, order.quantity)

    def _trigger(self, line: dict[str, Any]) -> None:
        self._open(line)

    def _fill(self, line: dict[str, Any]) -> None:
        symbol, number = str(line["symbol"]), int(line["trade"])
        price, quantity, quote = (Decimal(line[name]) for name in ("price", "quantity", "quote"))
        last = self._last_trade.get(symbol, number - 1)
        if number != last + 1:
            self._find(f"trade {number} of {symbol} comes after {last}")
        self._last_trade[symbol] = number
        if quote != price * quantity:
            self._find(f"trade {number}: {quantity} at {price} is not {quote}")
        if line["buyer"]["is_maker"] == line["seller"]["is_maker"]:
            self._find(f"trade {number} has not one maker and one taker")
        base_asset, quote_asset = self.symbols[symbol]
        self._settle(line["buyer"], paid=(quote_asset, quote), got=(base_asset, quantity))
        self._settle(line["seller"], paid=(base_asset, quantity), got=(quote_asset, quote))
        for side in ("buyer", "seller"):
            self._execute(line, line[side], is_buyer=side == "buyer", price=price, quantity=quantity, quote=quote)

    def _settle(self, side: dict[str, Any], *, paid: tuple[str, Decimal], got: tuple[str, Decimal]) -> None:
        account, fee = self.accounts[side["account"]], Decimal(side["fee"])
        if side["fee_asset"] != got[0] or not 0 <= fee <= got[1]:
            self._find(f"order {side['order']} pays {fee} {side['fee_asset']} for {got[1]} {got[0]}")
        account.held[paid[0]] -= paid[1]
        account.held[got[0]] += got[1]
        account.held[side["fee_asset"]] -= fee
        self.fees[side["fee_asset"]] += fee
        if account.held[paid[0]] < 0:
            self._find(f"{account.name} has {account.held[paid[0]]} {paid[0]}")

    def _execute(
        self,
        line: dict[str, Any],
        side: dict[str, Any],
        *,
        is_buyer: bool,
        price: Decimal,
        quantity: Decimal,
        quote: Decimal,
    ) -> None:
        order = self.orders.get(side["order"])
        if order is None or not order.is_open:
            if not self.accounts[side["account"]].is_participant:
                self._find(f"trade {line['trade']} of order {side['order']}, which is not open")
            return
        right = order.account, order.symbol, order.side == "BUY"
        if right != (side["account"], line["symbol"], is_buyer):
            self._find(f"trade {line['trade']} is not what order {order.id} wants")
        if order.price and (price > order.price if is_buyer else price < order.price):
            self._find(f"trade {line['trade']}: order {order.id} trades at {price}, beyond {order.price}")
        order.executed += quantity
        order.quote += quote
        fee, asset = Decimal(side["fee"]), str(side["fee_asset"])
        order.fees[asset] += fee
        order.fills.append(
            LedgerFill(
                trade=line["trade"],
                price=price,
                quantity=quantity,
                fee=fee,
                fee_asset=asset,
                is_maker=side["is_maker"],
            )
        )
        self._reduce(order, quantity, status="FILLED")

    def _prevent(self, line: dict[str, Any]) -> None:
        if order := self._open(line):
            quantity = Decimal(line["quantity"])
            order.prevented += quantity
            self._reduce(order, quantity, status="EXPIRED_IN_MATCH")

    def _cancel(self, line: dict[str, Any]) -> None:
        if order := self._open(line):
            self._end(order, "CANCELED")

    def _expire(self, line: dict[str, Any]) -> None:
        if order := self._open(line):
            self._end(order, "EXPIRED")

    def _balances(self, line: dict[str, Any]) -> None:
        account = self.accounts[line["account"]]
        for asset, (free, locked) in line["balances"].items():
            told = Decimal(free), Decimal(locked)
            right = account.held[asset] - account.locked[asset], account.locked[asset]
            if told != right:
                self._find(
                    f"{account.name} has {told[0]} and {told[1]} {asset}, and should have {right[0]} and {right[1]}"
                )
            if min(told) < 0:
                self._find(f"{account.name} has {told[0]} and {told[1]} {asset}")

    def _close(self, line: dict[str, Any]) -> None:
        told = {name: {asset: Decimal(one) for asset, one in held.items()} for name, held in line["balances"].items()}
        for name, account in self.accounts.items():
            if _without_zeros(account.held) != _without_zeros(told.get(name, {})):
                self._find(f"{name} ends with {told.get(name)}, and should have {dict(account.held)}")
        fees = {asset: Decimal(fee) for asset, fee in line["fees"].items()}
        if _without_zeros(fees) != _without_zeros(self.fees):
            self._find(f"the exchange has earned {fees}, and should have {dict(self.fees)}")

    def _open(self, line: dict[str, Any]) -> LedgerOrder | None:
        order = self.orders.get(line["order"])
        if order is None or not order.is_open:
            self._find(f"{line['kind']} of order {line['order']}, which is not open")
            return None
        return order

    def _reduce(self, order: LedgerOrder, quantity: Decimal, *, status: str) -> None:
        if order.left < 0:
            self._find(f"order {order.id} has traded {-order.left} too much")
        self._lock(order, -quantity)
        if order.left <= 0:
            self._finish(order, status)
        elif order.executed:
            order.status = "PARTIALLY_FILLED"

    def _end(self, order: LedgerOrder, status: str) -> None:
        self._lock(order, -order.left)
        self._finish(order, status)

    def _finish(self, order: LedgerOrder, status: str) -> None:
        order.status = status
        if self.forgets:
            del self.orders[order.id]

    def _lock(self, order: LedgerOrder, quantity: Decimal) -> None:
        """Lock what a limit order may need; what a market order needs is gone before anybody looks."""
        account, (base, quote) = self.accounts[order.account], self.symbols[order.symbol]
        if order.price:
            amount = quantity * order.price if order.side == "BUY" else quantity
            account.locked[quote if order.side == "BUY" else base] += amount


def replay(path: Path | str, *, forgets: bool = False) -> Audit:
    """The audit of a whole ledger file; ``forgets`` the orders that have ended. Raises as `read` does."""
    return Audit(forgets=forgets).follow(read(Path(path)))


def _without_zeros(amounts: dict[str, Decimal]) -> dict[str, Decimal]:
    return {asset: amount for asset, amount in amounts.items() if amount}
