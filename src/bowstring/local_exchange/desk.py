"""Places and cancels orders of one participant in one symbol, at the exchange itself, without any request."""

from bowstring.local_exchange.clerk import Clerk
from bowstring.local_exchange.matching.accounts import Account, Order
from bowstring.local_exchange.matching.exchange import Cancel, Exchange
from bowstring.local_exchange.matching.market import Market
from bowstring.local_exchange.matching.orders import NewOrder, Refused, Side
from bowstring.local_exchange.matching.rules import notional


class Desk:
    """``refused`` counts the orders that the exchange did not accept: they are given up. Amounts in units of 1e-8."""

    def __init__(self, exchange: Exchange, clerk: Clerk, *, account: Account, market: Market) -> None:
        self._exchange, self._clerk = exchange, clerk
        self._account, self._market = account, market
        self._symbol = market.rules.symbol
        self._sent = 0
        self.refused = 0

    def place(self, is_buy: bool, quantity: int, *, price: int) -> Order | None:
        """A quote; None if it would trade at once, or is refused otherwise."""
        return self._place(
            NewOrder(
                symbol=self._symbol,
                side=_side(is_buy),
                type="LIMIT_MAKER",
                client_order_id=self._next_id(),
                quantity=quantity,
                price=price,
            )
        )

    def take(self, is_buy: bool, quantity: int, *, price: int | None, in_quote: bool = False) -> Order | None:
        """At a price at once or never; without one, a market order, ``in_quote`` for an amount of money."""
        if price is not None:
            return self._place(
                NewOrder(
                    symbol=self._symbol,
                    side=_side(is_buy),
                    type="LIMIT",
                    client_order_id=self._next_id(),
                    quantity=quantity,
                    price=price,
                    time_in_force="IOC",
                )
            )
        amount = notional(self._market.last_price, quantity) if in_quote else 0
        return self._place(
            NewOrder(
                symbol=self._symbol,
                side=_side(is_buy),
                type="MARKET",
                client_order_id=self._next_id(),
                quantity=0 if amount else quantity,
                quote_quantity=amount,
            )
        )

    def cancel(self, order: Order) -> None:
        """Cancel a quote that is still open."""
        self._exchange.cancel(
            self._account,
            Cancel(symbol=self._symbol, order_id=order.id, new_client_order_id=self._next_id()),
        )
        self._clerk.settle()

    def _place(self, new: NewOrder) -> Order | None:
        try:
            order = self._exchange.place(self._account, new)
        except Refused:
            self.refused += 1
            return None
        self._clerk.settle()
        return order

    def _next_id(self) -> str:
        self._sent += 1
        return f"{self._symbol}-{self._sent}"


def _side(is_buy: bool) -> Side:
    return "BUY" if is_buy else "SELL"
