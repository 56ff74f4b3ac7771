"""A whole exchange on a real port, and plain clients of it that know nothing of its faults."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientConnectionError, ClientSession, ClientTimeout, ClientWebSocketResponse
from msgspec import Struct
from msgspec.json import decode

from bowstring.local_exchange.api.limits import UNLIMITED
from bowstring.local_exchange.audit import replay
from bowstring.local_exchange.faults.kinds import Fault
from bowstring.local_exchange.ledger import read
from bowstring.local_exchange.matching.orders import NewOrder, Side
from bowstring.local_exchange.matching.rules import units
from bowstring.local_exchange.server import ExchangeServer, Settings
from tests.local_exchange.api.floor import ED25519, Json, account, key

DEADLINE_S = 10.0
SHORTLY_S = 0.15  # for what is not to come


class Response(Struct):
    """Of a REST request."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return decode(self.body)


class Client:
    """Everything that a client of ``server`` does; ``faults`` are its switches."""

    def __init__(self, server: ExchangeServer, http: ClientSession, *, ledger: Path | None) -> None:
        self.server, self.faults, self._http, self._ledger = server, server.faults, http, ledger

    async def ask(
        self, method: str, path: str, name: str | None = "alice", *, timeout_s: float = DEADLINE_S, **params: object
    ) -> Response:
        """A REST request, signed by an account, if there is a name."""
        query = urlencode(params)
        if name is not None:
            query = urlencode({**params, "timestamp": self.server.clock() // 1000})
            query += f"&signature={_signature(name, query)}"
        headers = {"X-MBX-APIKEY": key(name, "Hmac")} if name is not None else {}
        url, timeout = f"{self.server.addresses.rest}/api/v3/{path}?{query}", ClientTimeout(timeout_s)
        async with self._http.request(method, url, headers=headers, timeout=timeout) as response:
            return Response(response.status, await response.read(), response.headers)

    async def buy(self, price: str = "60000", **more: Any) -> Response:
        """An order over REST."""
        return await self.ask("POST", "order", **order(price, **more))

    @asynccontextmanager
    async def line(self) -> AsyncGenerator["Line"]:
        """A connection of the WebSocket API."""
        async with self._http.ws_connect(self.server.addresses.ws_api) as socket:
            yield Line(socket, self.server.clock)

    @asynccontextmanager
    async def stream(self, *streams: str) -> AsyncGenerator[ClientWebSocketResponse]:
        """A socket of market data that has been let in."""
        async with self._http.ws_connect(f"{self.server.addresses.ws}/stream?streams={'/'.join(streams)}") as socket:
            await until(lambda: all(self.server.hub.wants(stream) for stream in streams))
            yield socket

    def trade(self, *, quantity: str = "0.01") -> None:
        """Bob sells to Alice, at the exchange itself."""
        self.place("bob", side="SELL", quantity=quantity)
        self.place("alice", side="BUY", quantity=quantity)

    def place(
        self,
        name: str = "alice",
        *,
        side: Side = "BUY",
        price: str = "60000",
        quantity: str = "0.01",
        client_order_id: str = "inside",
    ) -> None:
        """An order at the exchange itself, without any connection."""
        new = NewOrder(
            symbol="BTCUSDT",
            side=side,
            type="LIMIT",
            client_order_id=client_order_id,
            quantity=units(Decimal(quantity)),
            price=units(Decimal(price)),
        )
        self.server.exchange.place(self.server.exchange.accounts[name], new)
        self.server.clerk.settle()

    @property
    def open_orders(self) -> list[str]:
        """What the exchange has of Alice."""
        return [one.new.client_order_id for one in self.server.exchange.accounts["alice"].open.values()]

    def ledger(self, *kinds: str) -> list[dict[str, object]]:
        """The lines of these kinds."""
        assert self._ledger is not None
        return [line for line in read(self._ledger) if line["kind"] in kinds]


class Line:
    """A connection of the WebSocket API."""

    def __init__(self, socket: ClientWebSocketResponse, now_us: Callable[[], int]) -> None:
        self.socket, self.now_us = socket, now_us

    async def send(self, method: str, name: str | None = None, *, number: int = 1, **params: object) -> None:
        """A request, signed by an account, if there is a name."""
        if name is not None:
            params |= {"apiKey": key(name, "Hmac"), "timestamp": self.now_us() // 1000}
            payload = "&".join(f"{one}={params[one]}" for one in sorted(params))
            params["signature"] = _signature(name, payload)
        await self.socket.send_json({"id": number, "method": method, "params": params})

    async def next(self) -> Json:
        """The next frame."""
        return decode(await self.socket.receive_str(timeout=DEADLINE_S), type=Json)

    async def ask(self, method: str, name: str | None = None, **params: Any) -> Json:
        """A request and the next frame."""
        await self.send(method, name, **params)
        return await self.next()

    async def log_on(self, name: str) -> None:
        """With the Ed25519 key of an account."""
        params = {"apiKey": key(name, "Ed"), "timestamp": self.now_us() // 1000}
        payload = "&".join(f"{one}={params[one]}" for one in sorted(params))
        signature = base64.b64encode(ED25519.sign(payload.encode())).decode()
        assert (await self.ask("session.logon", None, **params, signature=signature))["status"] == 200

    async def subscribe(self, name: str = "alice") -> None:
        """To the private events of an account."""
        assert (await self.ask("userDataStream.subscribe.signature", name))["status"] == 200


@asynccontextmanager
async def trading(*faults: Fault, ledger: Path | None = None, **settings: Any) -> AsyncGenerator[Client]:
    """An exchange that nobody else trades on, with these faults, and a client."""
    usual: dict[str, Any] = {
        "accounts": [account("alice"), account("bob")],
        "speed": 0,
        "limits": UNLIMITED,
        "ledger": ledger,
    }
    async with asyncio.timeout(60), ExchangeServer(Settings(**(usual | settings))) as server, ClientSession() as http:
        for fault in faults:
            server.faults.add(fault)
        yield Client(server, http, ledger=ledger)
    assert ledger is None or replay(ledger).findings == []


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for it."""
    async with asyncio.timeout(DEADLINE_S):
        while not await condition():  # noqa: ASYNC110 - a client has no event of it
            await asyncio.sleep(0.002)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""

    async def holds() -> bool:
        return condition()

    await eventually(holds)


async def down(client: Client) -> None:
    """Wait until nobody can connect."""

    async def is_down() -> bool:
        return not await is_served(client)

    await eventually(is_down)


async def back(client: Client) -> None:
    """Wait until everybody can."""
    await eventually(lambda: is_served(client))


async def is_served(client: Client) -> bool:
    try:
        async with client.line() as line:
            return bool((await line.ask("ping"))["status"] == 200)
    except (ClientConnectionError, TypeError):  # the latter if it ends right after the handshake
        return False


async def nothing(socket: ClientWebSocketResponse) -> bool:
    """Whether nothing comes, for a while."""
    try:
        await socket.receive(timeout=SHORTLY_S)
    except TimeoutError:
        return True
    return False


def order(price: str = "60000", **more: Any) -> dict[str, Any]:
    """Parameters of a limit order that buys."""
    usual = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    return {**usual, "quantity": "0.01", "price": price, "newClientOrderId": "mine", **more}


def _signature(secret: str, payload: str) -> str:
    return hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
