import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from bowstring.collectors.websocket import Frame, WebSocketCollector
from bowstring.core.engine import Engine
from bowstring.core.errors import BadMessage, ConfigError, Disconnected
from bowstring.core.messages import CollectorDown, CollectorUp, Event
from bowstring.market.events import BadData
from bowstring.net.websocket import WebSocket
from tests.collectors.told import Told, running
from tests.net.peer import BINARY, PING, TEXT, Peer, close_frame, frame, serving
from tests.whole_bot import Witness


class Price(Event, frozen=True):
    price: int


def parse(message: Frame) -> list[Price] | Price | None:
    """Read 5, [5, 6] or null."""
    try:
        value = json.loads(message)
    except ValueError as error:
        raise BadMessage(f"no JSON: {error}") from None
    if value is None:
        return None
    return Price(value) if isinstance(value, int) else [Price(one) for one in value]


def texts(*values: bytes) -> bytes:
    return b"".join(frame(TEXT, value) for value in values)


def collector(
    url: str, *, parse: Callable[[Frame], Iterable[Event] | Event | None] = parse, **settings: Any
) -> WebSocketCollector:
    settings = {"probe_timeout_s": 0.3} | settings  # so long a close waits for a peer that does not answer it
    return WebSocketCollector(url, parse=parse, name="prices", **settings)


def prices(told: Told) -> list[int]:
    return [one.price for one in told.of(Price)]


async def test_each_frame_becomes_events_in_their_order() -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade(tail=texts(b"1"))
        peer.write(texts(b"null", b"[2, 3]", b"[]") + frame(BINARY, b"4"))
        await peer.read_end()

    told = Told()
    async with serving(script) as url, running(collector(url), told):
        await told.until(lambda: len(told.events) == 4)

    assert prices(told) == [1, 2, 3, 4]


@pytest.mark.parametrize("subscribe", ["a", b"a", ["a", b"b"], ()])
async def test_it_subscribes_once_connected(subscribe: Any) -> None:
    expected = [b"a", b"b"] if isinstance(subscribe, list) else [b"a"] if subscribe else []

    async def script(peer: Peer) -> None:
        await peer.upgrade()
        subscribed = [await peer.read_frame() for _ in expected]
        assert subscribed == [(TEXT, message) for message in expected]
        peer.write(texts(b"1"))
        await peer.read_end()

    told = Told()
    async with serving(script) as url, running(collector(url, subscribe=subscribe), told):
        await told.until(lambda: told.events)


async def test_it_brings_its_headers() -> None:
    heads = list[bytes]()

    async def script(peer: Peer) -> None:
        heads.append(await peer.read_request())
        peer.hang_up()

    async with serving(script) as url, running(collector(url, headers={"X-Key": "k"}), Told()) as task:
        with pytest.raises(Disconnected):
            await task
    assert b"X-Key: k\r\n" in heads[0]


async def test_a_frame_that_cannot_be_trusted_is_told_and_counted_and_the_connection_lives_on() -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade()
        peer.write(texts(b"1", b"x" * 300) + frame(BINARY, b"\xff{") + texts(b"2"))
        await peer.read_end()

    told = Told()
    async with serving(script) as url:
        source = collector(url)
        async with running(source, told):
            await told.until(lambda: len(told.events) == 4)

    assert [type(one) for one in told.events] == [Price, BadData, BadData, Price]
    text, binary = told.of(BadData)
    assert (text.venue, text.stream, text.excerpt) == ("prices", "prices", "x" * 200)
    assert text.reason.startswith("no JSON")
    assert binary.excerpt == "\ufffd{"
    assert source.malformed == 2


async def test_nothing_is_published_of_a_frame_whose_parsing_raises_halfway() -> None:
    def halfway(_message: Frame) -> Iterable[Event]:
        yield Price(1)
        raise BadMessage("half")

    async def script(peer: Peer) -> None:
        await peer.upgrade(tail=texts(b"0"))
        await peer.read_end()

    told = Told()
    async with serving(script) as url, running(collector(url, parse=halfway), told):
        await told.until(lambda: told.events)

    assert [type(one) for one in told.events] == [BadData]


def failing(_message: Frame) -> None:
    raise KeyError("price")


@pytest.mark.parametrize("tail", [b"", texts(b"1", b"2")])
async def test_a_parser_with_a_flaw_fails_the_collector(tail: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade(tail=tail)
        peer.write(texts(b"3"))
        await peer.read_end()

    told = Told()
    async with serving(script) as url, running(collector(url, parse=failing, probe_timeout_s=0.05), told) as task:
        with pytest.raises(KeyError, match="price"):
            await task

    assert told.events == []


@pytest.mark.parametrize(("end", "reason"), [(close_frame(1012, b"restart"), "1012"), (b"", "1006")])
async def test_the_end_of_the_connection_fails_it(end: bytes, reason: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade()
        if end:
            peer.write(end)
            await peer.read_end()
        else:
            peer.hang_up(reset=True)

    async with serving(script) as url, running(collector(url), Told()) as task:
        with pytest.raises(Disconnected, match=reason):
            await task


async def test_a_silent_peer_is_pinged_and_then_given_up() -> None:
    frames = list[tuple[int, bytes]]()

    async def script(peer: Peer) -> None:
        await peer.upgrade()
        frames.append(await peer.read_frame())
        await peer.read_end()

    async with (
        serving(script) as url,
        running(collector(url, idle_after_s=0.02, probe_timeout_s=0.02), Told()) as task,
    ):
        with pytest.raises(Disconnected, match=r"silent for 0\.02 s"):
            await task
    assert frames[0][0] == PING


async def test_a_probe_asks_in_the_peers_own_words() -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade()
        while await peer.read_frame() == (TEXT, b"alive?"):
            peer.write(texts(b"1"))

    def probe(websocket: WebSocket) -> None:
        websocket.send("alive?")

    told = Told()
    async with serving(script) as url, running(collector(url, idle_after_s=0.01, probe=probe), told) as task:
        await told.until(lambda: len(told.events) == 3)
        assert not task.done()


async def test_supervision_connects_and_subscribes_again() -> None:
    connections = list[Peer]()

    async def script(peer: Peer) -> None:
        connections.append(peer)
        await peer.upgrade()
        assert await peer.read_frame() == (TEXT, b"sub")
        peer.write(texts(b"%d" % len(connections)) + (close_frame(1012) if len(connections) == 1 else b""))
        await peer.read_end()

    witness = Witness(lambda seen: len(seen.of(Price)) == 2)
    async with serving(script) as url:
        engine = Engine(collectors=[collector(url, subscribe="sub")], guards=[witness])
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tasks.create_task(engine.run())
            await witness.satisfied.wait()
            engine.stop()

    told = [message for message in witness.seen if isinstance(message, CollectorDown | CollectorUp | Price)]
    assert [type(one) for one in told] == [CollectorUp, Price, CollectorDown, CollectorUp, Price]


def test_a_wrong_url_is_refused_and_the_name_shows_no_secret() -> None:
    with pytest.raises(ConfigError, match="url must be ws://"):
        WebSocketCollector("http://host/", parse=parse)
    assert WebSocketCollector(f"wss://host/ws/{'k' * 60}?key=s3cr3t", parse=parse).name == "wss://host/ws/..."
