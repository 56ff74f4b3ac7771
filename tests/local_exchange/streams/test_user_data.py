"""Private events, field by field."""

from collections.abc import Iterable

import pytest
from msgspec.json import decode

from bowstring.local_exchange.streams.user_data import PrivateEvent
from tests.local_exchange.api.floor import LIMIT_BUY, NOW_US, Floor, Json

NOW_MS = NOW_US // 1000
STOP = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "type": "STOP_LOSS_LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "58000",
    "stopPrice": "59000",
    "newClientOrderId": "stop",
}
NEW = {
    "e": "executionReport",
    "E": NOW_MS,
    "s": "BTCUSDT",
    "c": "one",
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTC",
    "q": "0.01000000",
    "p": "60000.00000000",
    "P": "0.00000000",
    "F": "0.00000000",
    "g": -1,
    "C": "",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 1,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": NOW_MS,
    "t": -1,
    "I": 1,
    "w": True,
    "m": False,
    "M": False,
    "O": NOW_MS,
    "Z": "0.00000000",
    "Y": "0.00000000",
    "Q": "0.00000000",
    "W": NOW_MS,
    "V": "EXPIRE_MAKER",
}


class Listening:
    """A floor, and what an account of it hears."""

    def __init__(self, name: str = "alice", *, unit: int = 1000) -> None:
        self.floor, self.account = Floor(), name
        self.heard: list[Json] = []

        def listen(event: PrivateEvent) -> None:
            self.heard.append(decode(event.json(unit), type=Json))

        self.listener = listen
        self.floor.service.user_data.subscribe(self.floor.exchange.accounts[name], listen)

    def take(self) -> list[Json]:
        """What was heard since the last time."""
        heard = [*self.heard]
        self.heard.clear()
        return heard


def kinds(events: Iterable[Json]) -> list[str]:
    """The execution type and status of each report, and the assets of each position."""
    return [
        f"{event['x']} {event['X']}" if event["e"] == "executionReport" else " ".join(one["a"] for one in event["B"])
        for event in events
    ]


def test_a_resting_order_is_reported_and_then_the_money_that_it_locks() -> None:
    listening = Listening()
    listening.floor.ask("order.place", **LIMIT_BUY)

    report, position = listening.take()
    assert report == NEW
    assert position == {
        "e": "outboundAccountPosition",
        "E": NOW_MS,
        "u": NOW_MS,
        "B": [{"a": "USDT", "f": "999400.00000000", "l": "600.00000000"}],
    }


def test_times_are_in_the_unit_of_the_one_who_listens() -> None:
    listening = Listening(unit=1)
    listening.floor.ask("order.place", **LIMIT_BUY)

    report, position = listening.take()
    assert {report[name] for name in "ETOW"} == {position["E"], position["u"]} == {NOW_US}


def test_an_order_that_trades_is_reported_new_then_each_fill_then_the_balances() -> None:
    listening = Listening()
    for quantity in ("0.004", "0.006"):
        listening.floor.ask(
            "order.place", "bob", **LIMIT_BUY | {"side": "SELL", "quantity": quantity, "newClientOrderId": quantity[-1]}
        )
    listening.floor.ask("order.place", **LIMIT_BUY)

    events = listening.take()
    assert kinds(events) == ["NEW NEW", "TRADE PARTIALLY_FILLED", "TRADE FILLED", "USDT BTC"]
    filled = {
        "x": "TRADE",
        "X": "FILLED",
        "i": 3,
        "l": "0.00600000",
        "z": "0.01000000",
        "L": "60000.00000000",
        "n": "0.00000600",
        "N": "BTC",
        "t": 2,
        "I": 7,
        "w": False,
        "M": True,
        "Z": "600.00000000",
        "Y": "360.00000000",
    }
    assert events[2] == NEW | filled
    assert (events[1]["w"], events[1]["m"]) == (True, False)


def test_a_maker_is_told_its_fee_in_what_it_receives() -> None:
    listening = Listening("bob")
    listening.floor.ask("order.place", "bob", **LIMIT_BUY | {"side": "SELL"})
    listening.take()
    listening.floor.ask("order.place", **LIMIT_BUY)

    report, position = listening.take()
    assert (report["m"], report["n"], report["N"]) == (True, "0.60000000", "USDT")
    assert {one["a"]: (one["f"], one["l"]) for one in position["B"]} == {
        "BTC": ("99.99000000", "0.00000000"),
        "USDT": ("1000599.40000000", "0.00000000"),
    }


def test_a_cancel_is_reported_under_its_own_id() -> None:
    listening = Listening()
    listening.floor.ask("order.place", **LIMIT_BUY)
    listening.take()
    listening.floor.clock.pass_s(1)
    listening.floor.ask("order.cancel", symbol="BTCUSDT", orderId=1, newClientOrderId="two")

    report, position = listening.take()
    later = {"E": NOW_MS + 1000, "T": NOW_MS + 1000, "c": "two", "C": "one", "x": "CANCELED", "X": "CANCELED"}
    assert report == NEW | later | {"I": 2, "w": False}
    assert position["B"] == [{"a": "USDT", "f": "1000000.00000000", "l": "0.00000000"}]


def test_what_an_ioc_order_cannot_fill_is_reported_as_expired_with_a_reason() -> None:
    listening = Listening()
    listening.floor.ask("order.place", **LIMIT_BUY | {"timeInForce": "IOC"})

    events = listening.take()
    assert kinds(events) == ["NEW NEW", "EXPIRED EXPIRED", "USDT"]
    assert (events[1]["eR"], "eR" in events[0]) == ("UNFILLED_IOC_QUANTITY_EXPIRED", False)


def test_a_stop_is_reported_when_it_waits_and_again_when_it_works() -> None:
    listening = Listening()
    listening.floor.trade()
    listening.floor.ask("order.place", **LIMIT_BUY | {"price": "59000"})
    listening.take()
    listening.floor.ask("order.place", **STOP)
    waiting, _ = listening.take()
    listening.floor.ask("order.place", "bob", **LIMIT_BUY | {"side": "SELL", "price": "59000"})

    assert (waiting["x"], waiting["w"], waiting["P"], "W" in waiting) == ("NEW", False, "59000.00000000", False)
    events = listening.take()
    assert kinds(events) == ["TRADE FILLED", "NEW NEW", "BTC USDT"]
    assert (events[1]["c"], events[1]["w"], events[1]["W"]) == ("stop", True, NOW_MS)


def test_a_prevented_self_trade_is_reported() -> None:
    listening = Listening()
    listening.floor.ask("order.place", **LIMIT_BUY)
    listening.take()
    sell = LIMIT_BUY | {"side": "SELL", "newClientOrderId": "two", "quantity": "0.03"}
    listening.floor.ask("order.place", **sell, selfTradePreventionMode="EXPIRE_MAKER")

    events = listening.take()
    assert kinds(events) == ["NEW NEW", "TRADE_PREVENTION EXPIRED_IN_MATCH", "BTC USDT"]
    prevention = {
        "v": 1,
        "A": "0.01000000",
        "B": "0.01000000",
        "u": -1,
        "U": 2,
        "Cs": "BTCUSDT",
        "pl": "0.01000000",
        "pL": "60000.00000000",
        "pY": "600.00000000",
    }
    assert events[1] == events[1] | prevention
    assert (events[1]["i"], events[1]["w"]) == (1, False)


def test_a_strategy_is_told_back() -> None:
    listening = Listening()
    listening.floor.ask("order.place", **LIMIT_BUY, strategyId=7, strategyType=1_000_001)

    report = listening.take()[0]
    assert (report["j"], report["J"]) == (7, 1_000_001)


def test_a_refusal_is_told_to_nobody() -> None:
    listening = Listening()
    listening.floor.refusal("order.place", **LIMIT_BUY | {"quantity": "1000"})

    assert listening.take() == []


def test_each_account_hears_only_of_itself() -> None:
    listening = Listening("bob")
    listening.floor.ask("order.place", **LIMIT_BUY)

    assert listening.take() == []


def test_who_has_unsubscribed_hears_nothing_more() -> None:
    listening = Listening()
    listening.floor.service.user_data.unsubscribe(listening.floor.exchange.accounts["alice"], listening.listener)
    listening.floor.ask("order.place", **LIMIT_BUY)

    assert listening.take() == []


@pytest.mark.parametrize("price", ["60000", "59000"])
def test_execution_ids_grow(price: str) -> None:
    listening = Listening()
    for one in "abc":
        listening.floor.ask("order.place", **LIMIT_BUY | {"price": price, "newClientOrderId": one})

    ids = [event["I"] for event in listening.take() if event["e"] == "executionReport"]
    assert ids == sorted(set(ids))
