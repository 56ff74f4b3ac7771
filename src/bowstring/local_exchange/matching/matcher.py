"""Lets an order trade with a book: price-time priority, self-trade prevention, and who then has what."""

from collections.abc import Iterator
from itertools import count

from msgspec import Struct

from bowstring.local_exchange.matching.accounts import Account, Order
from bowstring.local_exchange.matching.market import Market
from bowstring.local_exchange.matching.orders import Ending, Fill, NewOrder, Prevented, Trade
from bowstring.local_exchange.matching.record import Record
from bowstring.local_exchange.matching.rules import UNIT, notional

_NOT_FILLED = {
    "IOC": "UNFILLED_IOC_QUANTITY_EXPIRED",
    "FOK": "UNFILLED_FOK_ORDER_EXPIRED",
    "GTC": "INSUFFICIENT_LIQUIDITY",  # of a market order
}
_TAKER_EXPIRES, _MAKER_EXPIRES = ("EXPIRE_TAKER", "EXPIRE_BOTH"), ("EXPIRE_MAKER", "EXPIRE_BOTH")


class Preview(Struct):
    """What an order would do now: how much it trades, in base and in quote, what is prevented, and what is left."""

    quantity: int = 0
    quote: int = 0
    left: int = 0
    prevented: int = 0

    @property
    def wanted(self) -> int:
        """The whole quantity of the order."""
        return self.quantity + self.prevented + self.left


class _Prevention(Struct, frozen=True):
    """A match of two orders of one account that was not let happen."""

    id: int
    taker: Order
    maker: Order

    def of(self, order: Order, *, quantity: int) -> Prevented:
        """One order's side of it."""
        return Prevented(
            match_id=self.id,
            quantity=quantity,
            price=self.maker.price,
            total=order.prevented,
            other_order_id=(self.maker if order is self.taker else self.taker).id,
        )


class Matcher:
    """Carries out accepted orders. ``fees`` is what the exchange has earned, by asset."""

    def __init__(self, record: Record) -> None:
        self.fees: dict[str, int] = {}
        self._record = record
        self._match_ids = count(1)

    def execute(self, market: Market, order: Order) -> None:
        """Let an accepted order trade, then rest or end."""
        new = order.new
        order.working_us = self._record.time_us
        self._record.report(order, "NEW")
        if new.time_in_force != "FOK" or preview(market, new, account=order.account).quantity == order.quantity:
            self._match(market, order)
        if not order.is_open:
            return
        if new.type == "MARKET" or new.time_in_force != "GTC":
            order.expiry_reason = _NOT_FILLED[new.time_in_force]
            self.end(market, order, "EXPIRED")
        else:
            market.book.add(order)

    def end(self, market: Market, order: Order, status: Ending, *, cancel_id: str = "", reason: str = "") -> None:
        """End an open order; what is locked for it is free again. ``reason``: why, if nobody asked for that."""
        market.stops.pop(order.id, None)
        if order.rests:
            market.book.remove(order)
        order.status = status
        self._close(market, order)
        self._record.report(order, status, cancel_id=cancel_id, cancel_reason=reason)

    def _match(self, market: Market, taker: Order) -> None:
        makers = market.book.side(is_buy=not taker.is_buy)
        prevents = taker.new.prevention != "NONE"
        while taker.left and (maker := makers.first()) is not None:
            if taker.price and not makers.crosses(taker.price):
                return
            quantity = min(taker.left, maker.left)
            if prevents and maker.account is taker.account:
                self._prevent(market, taker, maker, quantity)
            else:
                self._trade(market, taker, maker, quantity)

    def _trade(self, market: Market, taker: Order, maker: Order, quantity: int) -> None:
        trade = Trade(
            symbol=market.rules.symbol,
            id=market.next_trade_id,
            price=maker.price,
            quantity=quantity,
            quote=notional(maker.price, quantity),
            time_us=self._record.time_us,
            is_buyer_maker=maker.is_buy,
            taker_order_id=taker.id,
        )
        market.add(trade)
        self._record.trade(trade)
        market.book.reduce(maker, quantity)
        taker.left -= quantity
        self._fill(market, maker, trade, rate=maker.account.maker_fee, is_maker=True)
        self._fill(market, taker, trade, rate=taker.account.taker_fee, is_maker=False)

    def _fill(self, market: Market, order: Order, trade: Trade, *, rate: int, is_maker: bool) -> None:
        """One side of a trade: a buyer who pays less than his limit gets the difference back."""
        account, quantity, paid = order.account, trade.quantity, trade.quote
        base, quote = account.balance(market.rules.base), account.balance(market.rules.quote)
        order.executed += quantity
        order.quote_executed += paid
        if order.is_buy:
            reserved = notional(order.price, quantity) if order.price else paid
            fee, fee_asset = quantity * rate // UNIT, market.rules.base
            order.locked -= reserved
            quote.locked -= reserved
            quote.free += reserved - paid
            base.free += quantity - fee
        else:
            fee, fee_asset = paid * rate // UNIT, market.rules.quote
            order.locked -= quantity
            base.locked -= quantity
            quote.free += paid - fee
        self.fees[fee_asset] = self.fees.get(fee_asset, 0) + fee
        order.status = "PARTIALLY_FILLED" if order.left else "FILLED"
        if not order.left:
            self._close(market, order)
        fill = Fill(
            trade_id=trade.id,
            order_id=order.id,
            price=trade.price,
            quantity=quantity,
            quote=paid,
            fee=fee,
            fee_asset=fee_asset,
            is_buyer=order.is_buy,
            is_maker=is_maker,
            time_us=trade.time_us,
        )
        account.keep(trade.symbol, fill)
        self._record.report(order, "TRADE", fill=fill)

    def _prevent(self, market: Market, taker: Order, maker: Order, quantity: int) -> None:
        """Two orders of one account met: by the taker's mode one, or both, or the smaller one expires."""
        mode = taker.new.prevention
        decrements = mode in ("DECREMENT", "TRANSFER")
        match = _Prevention(id=next(self._match_ids), taker=taker, maker=maker)
        if decrements or mode in _MAKER_EXPIRES:
            self._lose(market, maker, quantity if decrements else maker.left, match)
        if decrements or mode in _TAKER_EXPIRES:
            self._lose(market, taker, quantity if decrements else taker.left, match)

    def _lose(self, market: Market, order: Order, quantity: int, match: "_Prevention") -> None:
        if order.rests:
            market.book.reduce(order, quantity)
        else:
            order.left -= quantity
        order.prevented += quantity
        order.prevented_match_id = match.id
        if not order.left:
            order.status = "EXPIRED_IN_MATCH"
            self._close(market, order)
        elif order.price:  # what a market order has locked too much is free when it ends
            unlock(market, order, notional(order.price, quantity) if order.is_buy else quantity)
        self._record.report(order, "TRADE_PREVENTION", prevented=match.of(order, quantity=quantity))

    def _close(self, market: Market, order: Order) -> None:
        unlock(market, order, order.locked)
        order.account.end(order)


def lock(market: Market, order: Order, amount: int) -> None:
    """Set aside what an order may need."""
    balance = order.account.balance(market.rules.quote if order.is_buy else market.rules.base)
    balance.free -= amount
    balance.locked += amount
    order.locked += amount


def unlock(market: Market, order: Order, amount: int) -> None:
    """Give back what was set aside."""
    lock(market, order, -amount)


def preview(market: Market, new: NewOrder, *, account: Account) -> Preview:
    """What a new order would trade with what rests in the book now, self-trade prevention included.

    Of an order for ``quote_quantity``, ``left`` is what it would still buy or sell at the last price it reached.
    """
    budget, total = new.quote_quantity, Preview(left=new.quantity)
    for maker in _makers(market, new):
        if new.quote_quantity:
            total.left = budget * UNIT // maker.price // market.rules.lot * market.rules.lot
        if not total.left:
            break
        quantity = min(total.left, maker.left)
        is_prevented = maker.account is account and new.prevention != "NONE"
        if is_prevented and new.prevention in _TAKER_EXPIRES:
            break
        if is_prevented and new.prevention in _MAKER_EXPIRES:
            continue
        amount = notional(maker.price, quantity)
        budget -= amount
        total.left -= quantity
        if is_prevented:
            total.prevented += quantity
        else:
            total.quantity += quantity
            total.quote += amount
    return total


def _makers(market: Market, new: NewOrder) -> Iterator[Order]:
    """The resting orders that it may meet, in the order in which it meets them."""
    side = market.book.side(is_buy=new.side == "SELL")
    for price in side.prices():
        if new.price and (price > new.price if new.side == "BUY" else price < new.price):
            return
        yield from side.levels[price].orders.values()
