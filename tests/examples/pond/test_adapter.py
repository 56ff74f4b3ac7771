"""What the conformance suite does not ask: bad bytes, and a whole bot."""

import asyncio
from collections.abc import AsyncGenerator
from decimal import Decimal

import pytest

import bowstring as bs
from bowstring.core.errors import BadMessage
from examples.pond.exchange import Pond
from examples.pond.venue import PondVenue
from examples.pond.wire import parse

QUOTE = b'{"type":"quote","symbol":"STONE-SHELL","bid":["9","1"],"ask":["11","1"]}'


@pytest.fixture
async def pond() -> AsyncGenerator[Pond]:
    money = {"STONE": Decimal(10), "SHELL": Decimal(1_000)}
    async with Pond({"alice": dict(money), "bob": dict(money)}) as pond:
        yield pond


@pytest.mark.parametrize("line", [b"", b"\xff", b"{}", QUOTE[:-1], QUOTE.replace(b"quote", b"quota")])
def test_what_cannot_be_read_is_a_bad_message(line: bytes) -> None:
    with pytest.raises(BadMessage):
        parse(line)


def test_a_number_that_is_none_is_a_bad_message() -> None:
    message = parse(QUOTE.replace(b'"9"', b'"NaN"'))

    with pytest.raises(BadMessage, match="a number is NaN"):
        message.event("pond")  # type: ignore[union-attr]  # it is a quote


async def test_a_bot_trades_on_it(pond: Pond) -> None:
    class Buyer(bs.Strategy):
        """Takes what is offered, once."""

        filled = Decimal(0)

        @bs.on(bs.Quote)
        def buy(self, quote: bs.Quote) -> bs.Actions:
            if not self.orders and not self.filled:
                yield bs.PlaceOrder(symbol=quote.symbol, side="buy", quantity=Decimal(1), price=quote.ask)

        @bs.on(bs.Fill)
        def finish(self, fill: bs.Fill) -> None:
            self.filled += fill.quantity
            engine.stop()

    for side, price in (("buy", 9), ("sell", 11)):
        pond.place("bob", side, side=side, price=Decimal(price), quantity=Decimal(2))
    alice, buyer = PondVenue(pond.port, account="alice"), Buyer()
    engine = bs.Engine(collectors=[alice.market()], strategies=[buyer], executors=[alice.executor()])

    async with asyncio.timeout(10):
        await engine.run()

    assert buyer.filled == 1
    assert pond.accounts["alice"].free["SHELL"] == Decimal(989)
