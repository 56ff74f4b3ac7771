"""The adapter of Pond does what a gateway with its collectors must do."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal

from bowstring.testing import GatewayConformance, VenueUnderTest
from bowstring.trading.messages import Side
from examples.pond.exchange import Pond
from examples.pond.venue import PondVenue

MONEY = {"STONE": Decimal(1_000), "SHELL": Decimal(100_000)}


class PondUnderTest(VenueUnderTest):
    def __init__(self, pond: Pond) -> None:
        alice = PondVenue(pond.port, account="alice")
        super().__init__(
            alice.gateway(),
            symbol="STONE/SHELL",
            low=Decimal("9.91"),
            high=Decimal("10.13"),
            quantity=Decimal("1.237"),
            collectors=[alice.market()],
            other_account=PondVenue(pond.port, account="bob").gateway(),
            another_client=alice.gateway(),
            lacks=dict.fromkeys(("ioc", "fok", "post_only"), "Pond has plain limit orders only"),
        )
        self._pond = pond
        self._orders = 0

    async def trade(self, side: Side, *, price: Decimal, quantity: Decimal) -> None:
        await self.offer(side, price=price, quantity=quantity)
        if self._pond.accounts["bob"].orders[str(self._orders)].status == "live":
            self._pond.cancel("bob", str(self._orders))

    async def offer(self, side: Side, *, price: Decimal, quantity: Decimal) -> None:
        self._orders += 1
        self._pond.place("bob", str(self._orders), side=side, price=price, quantity=quantity)

    async def disconnect(self) -> None:
        self._pond.drop_connections()

    async def slow_down(self, seconds: float) -> None:
        self._pond.slow_s = seconds


class TestPond(GatewayConformance):
    slow_s = 0.2

    @asynccontextmanager
    async def venue(self) -> AsyncGenerator[VenueUnderTest]:
        async with Pond({"alice": MONEY, "bob": MONEY}) as pond:
            venue = PondUnderTest(pond)
            await venue.offer("buy", price=Decimal(9), quantity=Decimal(1))
            await venue.offer("sell", price=Decimal(11), quantity=Decimal(1))
            yield venue
