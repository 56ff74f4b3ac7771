"""A ledger and a journal of one account that agree, to be spoiled."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from bowstring.trading.messages import Fill, Position
from bowstring.trading.orders import Order
from faults.ledger import Ledger
from faults.record import Kept

Line = dict[str, Any]


def accept(order: int, name: str, *, account: str = "alice", side: str = "BUY", price: str = "100") -> Line:
    return {
        "kind": "accept",
        "time_us": order,
        "order": order,
        "account": account,
        "client_order_id": name,
        "symbol": "BTCUSDT",
        "side": side,
        "type": "LIMIT",
        "time_in_force": "GTC",
        "quantity": "2",
        "price": price,
        "stop_price": "0",
        "prevention": "NONE",
    }


def side(order: int, account: str, *, fee: str, fee_asset: str, is_maker: bool) -> Line:
    return {"account": account, "order": order, "fee": fee, "fee_asset": fee_asset, "is_maker": is_maker}


def start() -> list[Line]:
    accounts = [
        {
            "kind": "account",
            "account": name,
            "uid": 1,
            "is_participant": False,
            "deposits": {"BTC": "10", "USDT": "1000"},
            "maker_fee": "0",
            "taker_fee": "0",
        }
        for name in ("alice", "bob")
    ]
    return [{"kind": "start", "time_us": 0, "version": 1, "symbols": {"BTCUSDT": ["BTC", "USDT"]}}, *accounts]


def lines() -> list[Line]:
    """Alice has bought 2, with a fee, and bids for 2 more."""
    fill = {
        "kind": "fill",
        "time_us": 3,
        "symbol": "BTCUSDT",
        "trade": 7,
        "price": "100",
        "quantity": "2",
        "quote": "200",
        "buyer": side(2, "alice", fee="0.002", fee_asset="BTC", is_maker=False),
        "seller": side(1, "bob", fee="0.2", fee_asset="USDT", is_maker=True),
    }
    return [*start(), accept(1, "b", account="bob", side="SELL"), accept(2, "a-1"), fill, accept(3, "a-2", price="50")]


def order(name: str, status: Any, *, price: str, filled: str = "0") -> Order:
    return Order(
        strategy="S",
        venue="binance",
        symbol="BTC/USDT",
        client_order_id=name,
        side="buy",
        quantity=Decimal(2),
        price=Decimal(price),
        status=status,
        filled=Decimal(filled),
    )


def kept() -> Kept:
    fill = Fill(
        strategy="S",
        venue="binance",
        symbol="BTC/USDT",
        client_order_id="a-1",
        trade_id="7",
        side="buy",
        price=Decimal(100),
        quantity=Decimal(2),
        fee=Decimal("0.002"),
        fee_currency="BTC",
        liquidity="taker",
    )
    orders = [
        order("a-1", "filled", price="100", filled="2"),
        order("a-2", "open", price="50"),
        order("a-3", "failed", price="50"),
    ]
    position = Position(strategy="S", venue="binance", symbol="BTC/USDT", quantity=Decimal("1.998"))
    return Kept(orders=orders, fills=[fill], positions=[position])


def ledger(folder: Path, told: list[Line]) -> Ledger:
    path = folder / "ledger.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in told))
    return Ledger(path).read()
