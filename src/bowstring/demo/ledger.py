"""The exchange's ledger as a record: by the exchange's own audit, and nothing of the bot's."""

from collections.abc import Iterable
from decimal import Decimal, localcontext

from bowstring.demo.record import EXACT, FillRecord, OrderRecord, Record
from bowstring.local_exchange.audit import Audit, LedgerOrder

STATUSES = {
    "NEW": "open",
    "PARTIALLY_FILLED": "open",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "EXPIRED": "expired",
    "EXPIRED_IN_MATCH": "expired",
}
SIDES = {"BUY": "buy", "SELL": "sell"}
NONE = Decimal(0)


def of_ledger(audit: Audit, account: str) -> Record:
    """What a ledger says of an account."""
    record = Record()
    with localcontext(EXACT):
        for order in _orders_of(audit, account):
            _add(record, order, currencies=audit.symbols[order.symbol])
        owner = audit.accounts[account]
        for asset, held in owner.held.items():
            record.changes[asset] = held - owner.deposits.get(asset, NONE)
    return record


def _orders_of(audit: Audit, account: str) -> Iterable[LedgerOrder]:
    return [order for order in audit.orders.values() if order.account == account]


def _add(record: Record, order: LedgerOrder, *, currencies: tuple[str, str]) -> None:
    base, quote = currencies
    symbol, name, side = f"{base}/{quote}", order.client_order_id, SIDES[order.side]
    if name in record.orders:
        name = f"{name}, accepted again as order {order.id}"
    record.orders[name] = OrderRecord(symbol, side, order.quantity, order.price, STATUSES[order.status], order.executed)
    for fill in order.fills:
        shown = f"{symbol} trade {fill.trade}"
        if shown in record.fills:  # of an order that traded with another one of the same account
            shown = f"{shown}, once more"
        liquidity = "maker" if fill.is_maker else "taker"
        record.fills[shown] = FillRecord(name, side, fill.price, fill.quantity, fill.fee, fill.fee_asset, liquidity)
        record.fees[fill.fee_asset] = record.fees.get(fill.fee_asset, NONE) + fill.fee
        change = fill.quantity if order.side == "BUY" else -fill.quantity
        change -= fill.fee if fill.fee_asset == base else NONE
        record.positions[symbol] = record.positions.get(symbol, NONE) + change
