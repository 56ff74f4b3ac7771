"""Faults of market data, seen by a client that keeps a book, or has several streams on one socket."""

import pytest
from aiohttp import ClientWebSocketResponse

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.faults.kinds import CrossBook, FreezeStream, GapBook
from tests.local_exchange.api.floor import Json
from tests.local_exchange.faults.client import Client, nothing, trading

DEPTH, TRADES = "btcusdt@depth@100ms", "btcusdt@trade"


async def message(socket: ClientWebSocketResponse) -> Json:
    return dict((await socket.receive_json(timeout=10))["data"])


async def update(client: Client, socket: ClientWebSocketResponse, *, name: str) -> Json:
    """The message that tells of a new order."""
    client.place(price="59000", client_order_id=name)
    client.server.market_data.tick()
    return await message(socket)


async def test_one_stream_is_frozen_and_its_socket_alive() -> None:
    async with trading() as client, client.stream(TRADES, "btcusdt@aggTrade") as socket:
        client.faults.add(FreezeStream(stream=TRADES))
        client.trade()
        assert (await message(socket))["e"] == "aggTrade"
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        assert await socket.receive_json() == {"result": [TRADES, "btcusdt@aggTrade"], "id": 1}

        client.faults.clear()
        client.trade()
        assert (await message(socket))["e"] == "trade"


async def test_all_streams_of_a_symbol_are_frozen() -> None:
    async with trading(FreezeStream(stream="btcusdt@*")) as client, client.stream(TRADES, DEPTH) as socket:
        client.trade()
        client.server.market_data.tick()

        assert await nothing(socket)


async def test_a_frozen_book_thaws_with_a_gap() -> None:
    async with trading() as client, client.stream(DEPTH) as socket:
        last = (await update(client, socket, name="one"))["u"]
        client.faults.add(FreezeStream(stream=DEPTH, count=1))
        client.place(price="59000", client_order_id="two")
        client.server.market_data.tick()

        assert (await update(client, socket, name="three"))["U"] > last + 1


async def test_ids_of_a_book_have_a_gap() -> None:
    async with trading() as client, client.stream(DEPTH, TRADES) as socket:
        one = await update(client, socket, name="one")
        client.faults.add(GapBook(symbol="BTCUSDT", count=1))
        client.trade()
        assert (await message(socket))["e"] == "trade"
        client.server.market_data.tick()
        three = await update(client, socket, name="three")
        four = await update(client, socket, name="four")

        assert three["U"] > one["u"] + 1
        assert four["U"] == three["u"] + 1
        assert client.faults.listed()[0].hits == 1


async def test_a_book_is_crossed_and_its_ids_are_not() -> None:
    async with trading() as client, client.stream(DEPTH) as socket:
        client.place("bob", side="SELL", price="60000")
        client.faults.add(CrossBook(symbol="BTCUSDT", count=1))
        client.server.market_data.tick()
        one = await message(socket)
        two = await update(client, socket, name="two")

        assert (one["a"][0][0], one["b"][0][0]) == ("60000.00000000", "60000.01000000")
        assert two["b"][0][0] == "59000.00000000"
        assert two["U"] == one["u"] + 1


async def test_a_book_without_asks_cannot_be_crossed() -> None:
    async with trading(CrossBook(symbol="BTCUSDT", count=1)) as client, client.stream(DEPTH) as socket:
        assert len((await update(client, socket, name="one"))["b"]) == 1
        assert client.faults.listed()[0].hits == 0


async def test_other_books_are_whole() -> None:
    async with (
        trading(GapBook(symbol="ETHUSDT"), CrossBook(symbol="ETHUSDT")) as client,
        client.stream(DEPTH) as socket,
    ):
        assert (await update(client, socket, name="one"))["s"] == "BTCUSDT"


async def test_everybody_is_told_of_a_shutdown_all_the_same() -> None:
    async with trading(FreezeStream(stream="*")) as client, client.stream(TRADES) as socket:
        client.server.market_data.announce_shutdown()

        assert (await message(socket))["e"] == "serverShutdown"


async def test_where_nothing_can_happen_nothing_is_in_the_way() -> None:
    async with trading(FreezeStream(stream=TRADES, count=1)) as client, client.stream(TRADES) as socket:
        assert client.server.market_data.publisher is not client.server.hub
        client.trade()
        client.trade()
        await message(socket)

        assert client.server.market_data.publisher is client.server.hub


@pytest.mark.parametrize("fault", [GapBook(symbol="XXXYYY"), CrossBook(symbol="XXXYYY")])
async def test_a_book_has_to_be_there(fault: GapBook | CrossBook) -> None:
    async with trading() as client:
        with pytest.raises(ConfigError, match=r"symbol of \w+Book is 'XXXYYY': there are BTCUSDT, ETHUSDT"):
            client.faults.add(fault)
