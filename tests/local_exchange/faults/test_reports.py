"""Faults of private events, seen by a client that has subscribed to them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import permutations

import pytest

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.faults.kinds import (
    DelayReport,
    DropReport,
    DuplicateReport,
    Fault,
    ReorderReports,
)
from tests.local_exchange.faults.client import Client, Line, nothing, trading

PLACED = ["NEW one", "outboundAccountPosition"]


@asynccontextmanager
async def listening(*faults: Fault) -> AsyncGenerator[tuple[Client, Line]]:
    async with trading(*faults) as client, client.line() as line:
        await line.subscribe()
        yield client, line


async def told(line: Line, count: int) -> list[str]:
    """What each of the next events tells."""
    events = [(await line.next())["event"] for _ in range(count)]
    return [f"{event['x']} {event['c']}" if event["e"] == "executionReport" else event["e"] for event in events]


async def test_one_report_is_dropped() -> None:
    async with listening(DropReport(count=1)) as (client, line):
        client.place(client_order_id="one")
        client.place(client_order_id="two")

        assert await told(line, 3) == ["outboundAccountPosition", "NEW two", "outboundAccountPosition"]
        assert len(client.open_orders) == 2


async def test_a_fill_is_dropped() -> None:
    async with listening(DropReport(change="TRADE", count=1)) as (client, line):
        client.place(client_order_id="one")
        client.place("bob", side="SELL")

        assert await told(line, 3) == [*PLACED, "outboundAccountPosition"]


async def test_balances_are_dropped() -> None:
    async with listening(DropReport(event="outboundAccountPosition")) as (client, line):
        client.place(client_order_id="one")
        client.place(client_order_id="two")

        assert await told(line, 2) == ["NEW one", "NEW two"]


async def test_a_private_stream_is_frozen_and_its_socket_alive() -> None:
    async with listening(DropReport(event=None)) as (client, line):
        client.place(client_order_id="one")

        assert await nothing(line.socket)
        assert (await line.ask("ping"))["status"] == 200


async def test_a_report_is_told_twice() -> None:
    async with listening(DuplicateReport(count=1)) as (client, line):
        client.place(client_order_id="one")
        client.place(client_order_id="two")

        assert await told(line, 5) == ["NEW one", *PLACED, "NEW two", "outboundAccountPosition"]


async def test_two_reports_come_the_other_way_round() -> None:
    async with listening(ReorderReports(count=1)) as (client, line):
        for name in ("one", "two", "three"):
            client.place(client_order_id=name)

        events = [one for one in await told(line, 6) if one.startswith("NEW")]
        assert events == ["NEW two", "NEW one", "NEW three"]


@pytest.mark.parametrize("order", [*permutations(range(3))])
async def test_reports_come_in_any_order(order: tuple[int, ...]) -> None:
    async with listening(ReorderReports(event=None, size=3, order=order)) as (client, line):
        client.place(client_order_id="one")
        client.place(client_order_id="two")

        sent = ["NEW one", "outboundAccountPosition", "NEW two"]
        assert await told(line, 3) == [sent[position] for position in order]
        assert await nothing(line.socket)
        client.faults.clear()
        assert await told(line, 1) == ["outboundAccountPosition"]


async def test_a_report_is_late() -> None:
    async with listening(DelayReport(count=1)) as (client, line):
        client.place(client_order_id="one")
        client.place(client_order_id="two")
        assert await told(line, 3) == ["outboundAccountPosition", "NEW two", "outboundAccountPosition"]

        client.faults.clear()
        assert await told(line, 1) == ["NEW one"]


async def test_reports_are_late_and_in_order() -> None:
    async with listening(DelayReport(seconds=0.05, event=None)) as (client, line):
        before = asyncio.get_running_loop().time()
        for number in range(5):
            client.place(client_order_id=f"{number}")

        events = [one for one in await told(line, 10) if one.startswith("NEW")]
        assert events == [f"NEW {number}" for number in range(5)]
        assert asyncio.get_running_loop().time() - before > 0.04


@pytest.mark.parametrize(
    ("fault", "is_met"),
    [
        (DropReport(account="alice"), True),
        (DropReport(account="bob"), False),
        (DropReport(symbol="BTCUSDT"), True),
        (DropReport(symbol="ETHUSDT"), False),
        (DropReport(change="NEW"), True),
        (DropReport(change="CANCELED"), False),
    ],
)
async def test_a_fault_meets_the_events_that_it_is_for(fault: Fault, is_met: bool) -> None:
    async with listening(fault) as (client, line):
        client.place(client_order_id="one")

        assert await told(line, 1) == ([PLACED[1]] if is_met else [PLACED[0]])


async def test_where_nothing_can_happen_nothing_is_in_the_way() -> None:
    async with listening(DropReport(count=1)) as (client, line):
        assert client.server.service.user_data.detour is not None
        client.place()
        await told(line, 1)

        assert client.server.service.user_data.detour is None


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (DropReport(account="carol"), "account of DropReport is 'carol': there are alice, bob"),
        (DropReport(symbol="XXXYYY"), "symbol of DropReport is 'XXXYYY'"),
    ],
)
async def test_what_a_fault_names_has_to_be_there(fault: Fault, text: str) -> None:
    async with trading() as client:
        with pytest.raises(ConfigError, match=text):
            client.faults.add(fault)
