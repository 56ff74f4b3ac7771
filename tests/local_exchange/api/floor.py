"""A whole exchange with two funded accounts and a clock that is set, behind REST and the WebSocket API on one port."""

import base64
import hashlib
import hmac
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec.json import decode, encode

from bowstring.local_exchange.accounts import AccountDefinition, KeyDefinition, open_accounts
from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.endpoints import BY_METHOD
from bowstring.local_exchange.api.limits import Limits, Usage
from bowstring.local_exchange.api.parameters import Parameters
from bowstring.local_exchange.api.refusals import status
from bowstring.local_exchange.api.rest import Rest
from bowstring.local_exchange.api.service import Service
from bowstring.local_exchange.api.ws_api import WsApi
from bowstring.local_exchange.clerk import Clerk
from bowstring.local_exchange.feed import MARKETS
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.orders import Refused
from bowstring.local_exchange.matching.rules import Rules
from bowstring.local_exchange.streams.user_data import UserData

NOW_US = 1_700_000_000_000_000
ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_PEM = ED25519.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
FUNDS = {"BTC": Decimal(100), "ETH": Decimal(1000), "USDT": Decimal(1_000_000)}
Json = dict[str, Any]  # what a client reads; its types are the exchange's business


def key(name: str, kind: str) -> str:
    """The API key of an account: of 64 characters, as Binance's."""
    return f"{name}{kind}".ljust(64, "0")


def account(name: str) -> AccountDefinition:
    """A funded account with a key of HMAC, whose secret is its name, and one of Ed25519."""
    return AccountDefinition(
        name=name,
        balances=FUNDS,
        keys=[
            KeyDefinition(key=key(name, "Hmac"), secret=name),
            KeyDefinition(key=key(name, "Ed"), public_key=PUBLIC_PEM),
        ],
    )


class Clock:
    """Microseconds since the epoch, which pass only when told."""

    def __init__(self) -> None:
        self.now_us = NOW_US

    def __call__(self) -> int:
        return self.now_us

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.now_us += round(seconds * 1_000_000)

    @property
    def ms(self) -> int:
        return self.now_us // 1000


class Floor:
    """The exchange, without sockets."""

    def __init__(self, limits: Limits | None = None, *, legacy: bool = False, cancel_after: bool = False) -> None:
        self.clock = Clock()
        rules = [Rules.of(MARKETS[symbol].instrument) for symbol in ("BTCUSDT", "ETHUSDT")]
        self.exchange = Exchange(rules, now_us=self.clock)
        self.keyring = open_accounts(self.exchange, [account("alice"), account("bob")])
        self.service = Service(
            self.exchange,
            clerk=Clerk(self.exchange),
            keyring=self.keyring,
            usage=Usage(limits, now_us=self.clock),
            user_data=UserData(now_us=self.clock),
            now_us=self.clock,
            cancel_after=cancel_after,
        )
        self.rest = Rest(self.service, legacy=legacy)
        self.ws_api = WsApi(self.service)

    def ask(self, method: str, name: str = "alice", **params: object) -> Any:
        """The result of a method for an account, without what it comes over. Raises `Refused`."""
        endpoint = BY_METHOD[method]
        timed = {"timestamp": str(self.clock.ms)} if endpoint.is_signed else {}
        call = Call(
            endpoint=endpoint,
            parameters=Parameters({one: str(value) for one, value in params.items()} | timed),
            interface="ws-api",
            address="here",
            received_us=self.clock(),
            session_key=self.keyring.key(key(name, "Ed"), permission=None) if endpoint.is_signed else None,
        )
        self.service.admit(call)
        return decode(encode(self.service.execute(call)))

    def refusal(self, method: str, name: str = "alice", **params: object) -> tuple[int, int, str]:
        """With which status, code and text a method is refused."""
        with pytest.raises(Refused) as refused:
            self.ask(method, name, **params)
        return status(refused.value), refused.value.code, refused.value.text

    def balance(self, asset: str, name: str = "alice") -> tuple[Decimal, Decimal]:
        """What is free and what is locked."""
        for line in self.ask("account.status", name)["balances"]:
            if line["asset"] == asset:
                return Decimal(line["free"]), Decimal(line["locked"])
        raise KeyError(asset)

    def trade(self, price: str = "60000", quantity: str = "0.01", *, symbol: str = "BTCUSDT") -> None:
        """Bob sells, and Alice buys what he sells, so that there is a price."""
        order = {"symbol": symbol, "type": "LIMIT", "timeInForce": "GTC", "price": price, "quantity": quantity}
        self.ask("order.place", "bob", side="SELL", **order)
        self.ask("order.place", "alice", side="BUY", **order)

    def app(self) -> web.Application:
        """What serves it."""
        app = web.Application()
        app.router.add_get("/ws-api/v3", self.ws_api.handle)
        app.router.add_route("*", "/{path:.*}", self.rest.handle)
        return app


class Visitor:
    """A client of the floor: REST with an HMAC key, and sockets."""

    def __init__(self, floor: Floor, http: ClientSession, url: str) -> None:
        self.floor, self.http, self.url = floor, http, url

    async def ask(
        self, method: str, path: str, params: Mapping[str, object] | None = None, *, key_id: str | None = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        """An unsigned request: status, body, headers."""
        query = f"?{urlencode(params)}" if params else ""
        headers = {"X-MBX-APIKEY": key_id} if key_id else {}
        async with self.http.request(method, f"{self.url}{path}{query}", headers=headers) as response:
            return response.status, decode(await response.read()), response.headers

    async def sign(
        self, method: str, path: str, params: Mapping[str, object] | None = None, *, name: str = "alice"
    ) -> tuple[int, Any, Mapping[str, str]]:
        """A request with a timestamp, signed by an account."""
        query = urlencode({**(params or {}), "timestamp": self.floor.clock.ms})
        signature = hmac.new(name.encode(), query.encode(), hashlib.sha256).hexdigest()
        return await self.ask(method, f"{path}?{query}&signature={signature}", key_id=key(name, "Hmac"))

    @asynccontextmanager
    async def connect(self, query: str = "") -> AsyncGenerator["Line", None]:
        """A connection of the WebSocket API."""
        async with self.http.ws_connect(f"{self.url}/ws-api/v3{query}") as socket:
            yield Line(socket, self.floor.clock)


class Line:
    """A connection of the WebSocket API."""

    def __init__(self, socket: ClientWebSocketResponse, clock: Clock) -> None:
        self.socket, self._clock = socket, clock

    async def ask(self, method: str, **params: object) -> Json:
        """A request and the next frame."""
        await self.socket.send_bytes(encode({"id": 1, "method": method, "params": params}))
        return await self.next()

    async def next(self) -> Json:
        """The next frame."""
        return decode(await self.socket.receive_str(timeout=5), type=Json)

    def signed(self, name: str, **params: object) -> Json:
        """Parameters with key, timestamp and signature."""
        whole = {**params, "apiKey": key(name, "Hmac"), "timestamp": self._clock.ms}
        payload = "&".join(f"{one}={whole[one]}" for one in sorted(whole))
        return {**whole, "signature": hmac.new(name.encode(), payload.encode(), hashlib.sha256).hexdigest()}

    async def log_on(self, name: str = "alice", *, kind: str = "Ed") -> Json:
        """Log on with Ed25519."""
        params = {"apiKey": key(name, kind), "timestamp": self._clock.ms}
        payload = "&".join(f"{one}={params[one]}" for one in sorted(params))
        signature = base64.b64encode(ED25519.sign(payload.encode())).decode()
        return await self.ask("session.logon", **params, signature=signature)


@asynccontextmanager
async def visiting(floor: Floor) -> AsyncGenerator[Visitor, None]:
    """Serve a floor and visit it."""
    runner = web.AppRunner(floor.app(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with ClientSession() as http:
            yield Visitor(floor, http, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


LIMIT_BUY: Json = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01000000",
    "price": "60000.00",
    "newClientOrderId": "one",
}
