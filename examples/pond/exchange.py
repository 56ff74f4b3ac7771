"""Pond, a toy exchange: one market, plain limit orders, JSON lines over TCP on loopback.

Its messages are described where they are read and written, in wire.py. It is the other side of the adapter: nothing
here knows of bowstring.
"""

import asyncio
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast

SYMBOL, BASE, QUOTE = "STONE-SHELL", "STONE", "SHELL"
TICK, LOT, FEE = Decimal("0.01"), Decimal("0.001"), Decimal("0.0015")  # the fee is a share of what is received
Fields = dict[str, Any]


class RefusedError(Exception):
    """Why a request is not carried out."""


@dataclass
class Order:
    number: int
    account: str
    client_id: str
    side: str
    price: Decimal
    left: Decimal
    filled: Decimal = Decimal(0)
    status: str = "live"  # then "done", or "dead" once it was cancelled

    def shown(self) -> Fields:
        shown = {"number": self.number, "client_id": self.client_id, "symbol": SYMBOL, "status": self.status}
        shown |= {"side": self.side, "price": str(self.price), "quantity": str(self.left + self.filled)}
        return {**shown, "filled": str(self.filled), "time": now_ms()}


@dataclass
class Account:
    free: defaultdict[str, Decimal]
    locked: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    orders: dict[str, Order] = field(default_factory=dict[str, Order])
    fills: list[Fields] = field(default_factory=list[Fields])

    def lock(self, currency: str, amount: Decimal) -> None:
        if amount > self.free[currency]:
            raise RefusedError(f"{amount} {currency} needed, {self.free[currency]} free")
        self.free[currency] -= amount
        self.locked[currency] += amount


class Pond:
    """The exchange: ``async with Pond({"alice": {"SHELL": Decimal(100)}})``. ``slow_s`` delays answers to orders."""

    def __init__(self, accounts: dict[str, dict[str, Decimal]]) -> None:
        self.accounts = {name: Account(defaultdict(Decimal, held)) for name, held in accounts.items()}
        self.sessions: set[Session] = set()
        self.slow_s = 0.0
        self.port = 0
        self._book: list[Order] = []
        self._orders = self._trades = 0
        self._top: Fields | None = None

    async def __aenter__(self) -> "Pond":
        self._server = await asyncio.get_running_loop().create_server(lambda: Session(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        open_sessions = list(self.sessions)
        self.drop_connections()
        await asyncio.gather(*[session.gone for session in open_sessions])

    def drop_connections(self) -> None:
        for session in list(self.sessions):
            session.transport.abort()

    def place(self, name: str, client_id: str, *, side: str, price: Decimal, quantity: Decimal) -> Fields:
        account = self.accounts[name]
        if price <= 0 or quantity <= 0 or price % TICK or quantity % LOT:
            raise RefusedError(f"{quantity} at {price}: positive multiples of {LOT} and {TICK} are traded")
        if client_id in account.orders:
            raise RefusedError(f"client id {client_id} was used before")
        account.lock(*((QUOTE, price * quantity) if side == "buy" else (BASE, quantity)))
        self._orders += 1
        order = account.orders[client_id] = Order(self._orders, name, client_id, side, price, quantity)
        answer = order.shown()
        self._tell(order)
        self._match(order)
        if order.left:
            self._book.append(order)
        self._show_top()
        return answer if order.left == quantity else order.shown()

    def cancel(self, name: str, client_id: str) -> Fields:
        order = self.accounts[name].orders.get(client_id)
        if order is None or order.status != "live":
            raise RefusedError(f"no live order {client_id}")
        order.status = "dead"
        self._book.remove(order)
        self._release(order, order.left)
        self._tell(order)
        self._show_top()
        return order.shown()

    def top(self) -> Fields | None:
        """The best of both sides, once there are both."""
        sides = {side: [order for order in self._book if order.side == side] for side in ("buy", "sell")}
        if not all(sides.values()):
            return None
        bid, ask = max(order.price for order in sides["buy"]), min(order.price for order in sides["sell"])
        sizes = [sum(one.left for one in sides[side] if one.price == at) for side, at in (("buy", bid), ("sell", ask))]
        return {"symbol": SYMBOL, "bid": [str(bid), str(sizes[0])], "ask": [str(ask), str(sizes[1])]}

    def _match(self, taker: Order) -> None:
        sign = 1 if taker.side == "buy" else -1
        for maker in sorted(self._book, key=lambda order: (sign * order.price, order.number)):
            if taker.left and maker.side != taker.side and sign * (maker.price - taker.price) <= 0:
                self._trade(taker, maker, min(taker.left, maker.left))
        self._book = [order for order in self._book if order.left]

    def _trade(self, taker: Order, maker: Order, quantity: Decimal) -> None:
        self._trades += 1
        for order in (maker, taker):
            self._release(order, quantity)
            self._settle(order, quantity, maker.price, is_maker=order is maker)
        trade = {"symbol": SYMBOL, "number": self._trades, "side": taker.side, "time": now_ms()}
        self.publish({"type": "trade", **trade, "price": str(maker.price), "quantity": str(quantity)})

    def _settle(self, order: Order, quantity: Decimal, price: Decimal, *, is_maker: bool) -> None:
        account, is_buyer = self.accounts[order.account], order.side == "buy"
        paid, received = (QUOTE, BASE) if is_buyer else (BASE, QUOTE)
        account.free[paid] -= price * quantity if is_buyer else quantity
        amount = quantity if is_buyer else price * quantity
        account.free[received] += amount - amount * FEE
        order.left -= quantity
        order.filled += quantity
        order.status = "live" if order.left else "done"
        fill = {"trade": self._trades, "client_id": order.client_id, "symbol": SYMBOL, "side": order.side}
        fill |= {"price": str(price), "quantity": str(quantity), "fee": [str(amount * FEE), received]}
        account.fills.append({**fill, "maker": is_maker, "time": now_ms()})
        self.publish({"type": "fill", **account.fills[-1]}, to=order.account)
        self._tell(order)

    def _release(self, order: Order, quantity: Decimal) -> None:
        account = self.accounts[order.account]
        currency, amount = (QUOTE, order.price * quantity) if order.side == "buy" else (BASE, quantity)
        account.locked[currency] -= amount
        account.free[currency] += amount

    def _tell(self, order: Order) -> None:
        self.publish({"type": "order", **order.shown()}, to=order.account)

    def _show_top(self) -> None:
        top = self.top()
        if top is not None and top != self._top:
            self._top = top
            self.publish({"type": "quote", **top})

    def publish(self, message: Fields, *, to: str | None = None) -> None:
        for session in self.sessions:
            if session.watches if to is None else session.listens_as == to:
                session.write(message)


class Session(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, pond: Pond) -> None:
        self.pond = pond
        self.gone = asyncio.get_running_loop().create_future()
        self.watches, self.listens_as = False, ""
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is of no such class
        self.pond.sessions.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.pond.sessions.discard(self)
        self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._serve(json.loads(line))

    def write(self, message: Fields) -> None:
        self.transport.write(json.dumps(message).encode() + b"\n")

    def _serve(self, request: Fields) -> None:
        try:
            answer = {"type": "answer", "id": request["id"], "result": getattr(self, f"_{request['do']}")(request)}
        except RefusedError as refusal:
            answer = {"type": "refusal", "id": request["id"], "reason": str(refusal)}
        delay_s = self.pond.slow_s if request["do"] in {"place", "cancel"} else 0.0
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, self.write, answer)
        else:
            self.write(answer)

    def _place(self, request: Fields) -> Fields:
        price, quantity = Decimal(request["price"]), Decimal(request["quantity"])
        client_id, side = request["client_id"], request["side"]
        return self.pond.place(request["account"], client_id, side=side, price=price, quantity=quantity)

    def _cancel(self, request: Fields) -> Fields:
        return self.pond.cancel(request["account"], request["client_id"])

    def _order(self, request: Fields) -> list[Fields]:
        order = self.pond.accounts[request["account"]].orders.get(request["client_id"])
        return [order.shown()] if order else []

    def _orders(self, request: Fields) -> list[Fields]:
        orders = self.pond.accounts[request["account"]].orders.values()
        return [order.shown() for order in orders if order.status == "live"]

    def _fills(self, request: Fields) -> list[Fields]:
        fills = self.pond.accounts[request["account"]].fills
        return [fill for fill in fills if fill["time"] >= request["since"]]

    def _balances(self, request: Fields) -> dict[str, list[str]]:
        account = self.pond.accounts[request["account"]]
        return {currency: [str(account.free[currency]), str(account.locked[currency])] for currency in account.free}

    def _markets(self, _: Fields) -> list[Fields]:
        return [{"symbol": SYMBOL, "tick": str(TICK), "lot": str(LOT)}]

    def _time(self, _: Fields) -> int:
        return now_ms()

    def _listen(self, request: Fields) -> None:
        self.listens_as = request["account"]

    def _watch(self, _: Fields) -> list[Fields]:
        self.watches = True
        top = self.pond.top()
        return [top] if top else []


def now_ms() -> int:
    return time.time_ns() // 1_000_000
