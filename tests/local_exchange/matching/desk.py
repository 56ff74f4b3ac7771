"""An exchange with one or more symbols, a clock that tests move, and orders in plain numbers."""

from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from bowstring.local_exchange.matching.accounts import Account, Order
from bowstring.local_exchange.matching.exchange import Cancel, Exchange
from bowstring.local_exchange.matching.orders import NewOrder, Refused, Trade
from bowstring.local_exchange.matching.record import Report
from bowstring.local_exchange.matching.rules import UNIT, Rules

START_US = 1_700_000_000_000_000


def units(amount: str | float) -> int:
    return int(Decimal(str(amount)) * UNIT)


def rules(symbol: str = "BTCUSDT", **changes: Any) -> Rules:
    """A tick and a lot of 1, and limits that are far away."""
    limits = {"min_price": 1, "max_price": 10_000, "min_quantity": 1, "max_quantity": 1000, "min_notional": 0}
    amounts = {name: units(amount) for name, amount in ({"tick": 1, "lot": 1} | limits).items()}
    fields: dict[str, Any] = {"max_notional": 10**18} | amounts | changes
    return Rules(symbol=symbol, base=symbol[:3], quote=symbol[3:], **fields)


class Desk:
    """Two accounts, ``a`` and ``b``, at one exchange."""

    def __init__(self, *markets: Rules, maker_fee: int = 0, taker_fee: int = 0) -> None:
        self.now_us = START_US
        self.exchange = Exchange(markets or [rules()], now_us=lambda: self.now_us)
        self.market = next(iter(self.exchange.markets.values()))
        self._ids = count(1)
        self._maker_fee, self._taker_fee = maker_fee, taker_fee
        self.a, self.b = self.open("a"), self.open("b")

    def open(self, name: str, **balances: float) -> Account:
        """An account that has a lot of everything, or just these balances."""
        funds = balances or {"BTC": 1000, "ETH": 1000, "USDT": 1_000_000}
        amounts = {asset: units(amount) for asset, amount in funds.items()}
        return self.exchange.open_account(name, balances=amounts, maker_fee=self._maker_fee, taker_fee=self._taker_fee)

    def new(
        self,
        side: str,
        quantity: float = 0,
        price: float = 0,
        *,
        kind: str = "",
        quote: float = 0,
        stop: float = 0,
        tif: str = "GTC",
        stp: str = "EXPIRE_MAKER",
        symbol: str = "BTCUSDT",
        client_id: str = "",
    ) -> NewOrder:
        asked: dict[str, Any] = {"side": side, "type": kind or ("LIMIT" if price else "MARKET")}
        return NewOrder(
            symbol=symbol,
            client_order_id=client_id or f"order-{next(self._ids)}",
            quantity=units(quantity),
            price=units(price),
            quote_quantity=units(quote),
            stop_price=units(stop),
            time_in_force=tif,  # type: ignore[arg-type] # the tests give plain text
            prevention=stp,  # type: ignore[arg-type]
            **asked,
        )

    def place(self, account: Account, side: str, quantity: float = 0, price: float = 0, **more: Any) -> Order:
        return self.exchange.place(account, self.new(side, quantity, price, **more))

    def buy(self, account: Account, quantity: float = 0, price: float = 0, **more: Any) -> Order:
        return self.place(account, "BUY", quantity, price, **more)

    def sell(self, account: Account, quantity: float = 0, price: float = 0, **more: Any) -> Order:
        return self.place(account, "SELL", quantity, price, **more)

    def cancel(self, order: Order, **more: Any) -> Order:
        return self.exchange.cancel(
            order.account, Cancel(symbol=order.new.symbol, new_client_order_id="cancel", order_id=order.id, **more)
        )

    def trade(self, price: float, quantity: float = 1) -> None:
        """A trade at that price between two others, which leaves the book as it was."""
        maker, taker = (self.exchange.accounts.get(name) or self.open(name) for name in ("maker", "taker"))
        self.sell(maker, quantity, price)
        self.buy(taker, quantity, price)

    def reports(self) -> list[tuple[str, str, str]]:
        """What has happened to orders since the last time: (client order id, change, status)."""
        changes = self.exchange.take().changes
        return [(one.order.new.client_order_id, one.change, one.status) for one in changes if isinstance(one, Report)]

    def trades(self) -> list[tuple[float, float]]:
        """Price and quantity of what was traded since the last time."""
        changes = self.exchange.take().changes
        return [(one.price / UNIT, one.quantity / UNIT) for one in changes if isinstance(one, Trade)]

    def funds(self, account: Account) -> dict[str, tuple[float, float]]:
        """Free and locked, by asset."""
        return {
            asset: (balance.free / UNIT, balance.locked / UNIT) for asset, balance in sorted(account.balances.items())
        }

    def levels(self, *, is_bid: bool) -> list[tuple[float, float]]:
        return [(price / UNIT, quantity / UNIT) for price, quantity in self.market.book.depth(100, is_bid=is_bid)]


def amounts(order: Order) -> dict[str, float]:
    """How its quantity is divided, without what is zero."""
    parts = {"executed": order.executed, "prevented": order.prevented, "left": order.left}
    return {name: amount / UNIT for name, amount in parts.items() if amount}


def refusal(act: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        act()
    return refused.value.code, refused.value.text
