"""A small exchange behind real sockets."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from aiohttp import ClientSession, ClientWebSocketResponse, web
from aiohttp.test_utils import BaseTestServer, TestServer
from msgspec.json import decode, encode

from bowstring.local_exchange.connection import Connection
from bowstring.local_exchange.heartbeat import LIFE_S
from bowstring.local_exchange.sockets import Sockets
from bowstring.local_exchange.streams.hub import Hub
from tests.local_exchange.streams.stage import Message, Stage

DEADLINE_S = 10


class Watched:
    """A hub that tells when somebody has come, or gone."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.came, self.went = asyncio.Event(), asyncio.Event()

    def changed(self, connection: Connection) -> None:
        self._hub.changed(connection)
        self.came.set()

    def left(self, connection: Connection) -> None:
        self._hub.left(connection)
        self.went.set()


class Live:
    """A stage whose market data goes out over sockets."""

    def __init__(
        self,
        stage: Stage,
        feed: Watched,
        sockets: Sockets,
        *,
        session: ClientSession,
        server: BaseTestServer,
    ) -> None:
        self.stage, self.hub, self.feed, self.sockets = stage, stage.hub, feed, sockets
        self._session, self._server = session, server

    @asynccontextmanager
    async def connect(self, path: str) -> AsyncGenerator[ClientWebSocketResponse]:
        """A client; it has what is in the path when this begins."""
        self.feed.came.clear()
        async with asyncio.timeout(DEADLINE_S), self._session.ws_connect(self._server.make_url(path)) as socket:
            await self.feed.came.wait()
            yield socket


@asynccontextmanager
async def live(
    *symbols: str, life_s: float = LIFE_S, is_listen_key: Callable[[str], bool] | None = None
) -> AsyncGenerator[Live]:
    stage = Stage(*symbols)
    feed = Watched(stage.hub)
    sockets = Sockets(feed, life_s=life_s, is_listen_key=is_listen_key)
    app = web.Application()
    sockets.add_routes(app)
    async with TestServer(app) as server, ClientSession() as session:
        yield Live(stage, feed, sockets, session=session, server=server)


async def message(socket: ClientWebSocketResponse) -> Message:
    return decode(await socket.receive_str(), type=Message)


async def ask(socket: ClientWebSocketResponse, method: str, *params: str) -> None:
    await socket.send_str(encode({"method": method, "params": params, "id": 1}).decode())
