"""A loopback server with as much of Binance's account interfaces as the gateway needs. It does what a test says.

It checks what the venue would: signatures (HMAC), timestamps, and that parameters are what the documents allow.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import WSCloseCode, web

from bowstring.venues.binance.signing import HmacSigner, Keys

KEY, SECRET = "key-of-the-account", "secret-of-the-account"
SECRETS = (KEY, SECRET)

Params = dict[str, Any]
Handler = Callable[[Params], tuple[int, object]]
"""What answers a request: its HTTP-like status, and its result or error."""

SILENCE = (0, None)


def keys() -> Keys:
    return Keys(KEY, signer=HmacSigner(SECRET))


def error(code: int, text: str = "no", **data: object) -> dict[str, object]:
    return {"code": code, "msg": text, **({"data": data} if data else {})}


class FakeAccount:
    """``requests`` are (method, parameters) as they came; ``handlers`` answer by method, ``queued`` before them, once
    each. Methods are those of the WebSocket API, and of REST "POST /api/v3/order" and the like.

    ``ahead_s`` is how far its clock is ahead. ``open_orders`` by client order id.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, Params]] = []
        self.queued: dict[str, deque[Handler]] = {}
        self.handlers: dict[str, Handler] = {
            "session.logon": lambda _: (200, {"apiKey": KEY}),
            "userDataStream.subscribe": lambda _: (200, {"subscriptionId": 0}),
            "userDataStream.subscribe.signature": lambda _: (200, {"subscriptionId": 0}),
            "order.place": self._place,
            "order.cancel": self._cancel,
            "order.cancelReplace": self._replace,
            "POST /api/v3/order": self._place,
            "POST /api/v3/order/cancelReplace": self._replace,
            "DELETE /api/v3/order": self._cancel,
            "GET /api/v3/order": self._query,
            "GET /api/v3/openOrders": lambda _: (200, [self.order(name) for name in self.open_orders]),
            "GET /api/v3/allOrders": self._all_orders,
            "GET /api/v3/account": lambda _: (200, {"uid": self.uid, "balances": self.balances}),
            "GET /api/v3/myTrades": self._my_trades,
            "POST /bowstring/v1/countdownCancelAll": lambda asked: (200, {"countdownTime": asked["countdownTime"]}),
            "GET /api/v3/time": lambda _: (200, {"serverTime": self.now_ms()}),
        }
        self.ahead_s = 0.0
        self.is_logged_on: set[web.WebSocketResponse] = set()
        self.sockets: list[web.WebSocketResponse] = []
        self.opened = 0
        self.refuses = False  # websockets, with this status and these headers
        self.refusal: tuple[int, dict[str, str]] = (503, {})
        self.refused = 0
        self.orders: dict[str, Params] = {}
        self.open_orders: dict[str, None] = {}
        self.archived: set[str] = set()  # orders that are not shown any more
        self.trades: list[dict[str, object]] = []
        self.balances = [{"asset": "BTC", "free": "1.00000000", "locked": "0.00000000"}]
        self.uid = 354937868
        self.rest_url = self.ws_api_url = ""
        self._changed = asyncio.Event()
        self._runner = web.AppRunner(self._app(), shutdown_timeout=0.01, access_log=None)

    # What a test says

    def queue(self, method: str, *answers: Handler | tuple[int, object]) -> None:
        """Answer the next requests so."""
        waiting = self.queued.setdefault(method, deque())
        for answer in answers:
            waiting.append(answer if callable(answer) else _always(answer))

    async def tell(self, event: dict[str, object], *, to: int = -1) -> None:
        await self.sockets[to].send_json({"subscriptionId": 0, "event": event})

    async def send(self, text: str, *, to: int = -1) -> None:
        await self.sockets[to].send_str(text)

    async def hang_up(self, *, of: int = -1) -> None:
        await self.sockets[of].close(code=WSCloseCode.GOING_AWAY)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def asked(self, method: str) -> list[Params]:
        return [params for name, params in self.requests if name == method]

    def count(self) -> Counter[str]:
        return Counter(name for name, _ in self.requests)

    def now_ms(self) -> int:
        return round((time.time() + self.ahead_s) * 1000)

    # What it is

    def order(self, client_order_id: str, **changes: object) -> dict[str, object]:
        placed = self.orders[client_order_id]
        order = {
            "symbol": placed["symbol"],
            "orderId": list(self.orders).index(client_order_id) + 1,
            "orderListId": -1,
            "clientOrderId": client_order_id,
            "price": placed["price"],
            "origQty": placed["quantity"],
            "executedQty": "0.00000000",
            "status": "NEW" if client_order_id in self.open_orders else "CANCELED",
            "timeInForce": "GTC",
            "type": placed["type"],
            "side": placed["side"],
            "time": 1_700_000_000_000,
            "updateTime": 1_700_000_000_001,
        }
        return order | changes

    def _place(self, params: Params) -> tuple[int, object]:
        client_order_id = params["newClientOrderId"]
        if client_order_id in self.open_orders:
            return 400, error(-2010, "Duplicate order sent.")
        self.orders[client_order_id] = params
        self.open_orders[client_order_id] = None
        return 200, self.order(client_order_id, transactTime=1_700_000_000_002)

    def _cancel(self, params: Params) -> tuple[int, object]:
        found = self._find(params.get("orderId"), params.get("origClientOrderId"))
        if found not in self.open_orders:
            return 400, error(-2011, "Unknown order sent.")
        del self.open_orders[found]
        return 200, self.order(found, origClientOrderId=found, clientOrderId="the-cancel")

    def _replace(self, params: Params) -> tuple[int, object]:
        named = {"orderId": params.get("cancelOrderId"), "origClientOrderId": params.get("cancelOrigClientOrderId")}
        status, cancelled = self._cancel(named)
        if status != 200:
            data = {"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", "cancelResponse": cancelled}
            return 400, error(-2022, "Order cancel-replace failed.", **data, newOrderResponse=None)
        _, placed = self._place(params)
        return 200, {
            "cancelResult": "SUCCESS",
            "newOrderResult": "SUCCESS",
            "cancelResponse": cancelled,
            "newOrderResponse": placed,
        }

    def _query(self, params: Params) -> tuple[int, object]:
        found = self._find(params.get("orderId"), params.get("origClientOrderId"))
        return (200, self.order(found)) if found in self.orders else (400, error(-2013, "Order does not exist."))

    def _find(self, order_id: object, client_order_id: object) -> str:
        if order_id is not None:
            names = list(self.orders)
            return names[int(str(order_id)) - 1] if int(str(order_id)) <= len(names) else ""
        return str(client_order_id)

    def _all_orders(self, params: Params) -> tuple[int, object]:
        first, limit = int(params["orderId"]), int(params["limit"])
        names = [name for number, name in enumerate(self.orders, 1) if number >= first and name not in self.archived]
        return 200, [self.order(name) for name in names[:limit]]

    def _my_trades(self, params: Params) -> tuple[int, object]:
        limit, first = int(params["limit"]), int(params.get("fromId", 0))
        start, end = int(params.get("startTime", 0)), int(params.get("endTime", 10**15))
        has_both = "startTime" in params and "endTime" in params
        if ("fromId" in params and "startTime" in params) or (has_both and end - start > 86_400_000):
            return 400, error(-1128, "Combination of optional parameters invalid.")
        found = [one for one in self.trades if int(str(one["id"])) >= first and start <= int(str(one["time"])) <= end]
        return 200, found[:limit]

    # What it speaks

    def _answer(self, method: str, params: Params) -> tuple[int, object]:
        self.requests.append((method, params))
        waiting = self.queued.get(method)
        handler = waiting.popleft() if waiting else self.handlers[method]
        self._changed.set()
        return handler(params)

    def _app(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.get("/ws-api/v3", self._socket), web.route("*", "/{path:.*}", self._rest)])
        return app

    async def _rest(self, request: web.Request) -> web.Response:
        method, query = f"{request.method} {request.path}", request.raw_path.partition("?")[2]
        params: Params = dict(parse_qsl(query, strict_parsing=bool(query), keep_blank_values=True))
        if request.path == "/api/v3/time":
            status, body = self._answer(method, params)
            return web.json_response(body, status=status)
        signed, _, signature = query.partition("&signature=")
        problem = self._problem(params, signed, signature, key=request.headers.get("X-MBX-APIKEY", ""))
        status, body = (400, problem) if problem else self._answer(method, params)
        self._changed.set()
        if status == 0:
            await asyncio.sleep(60)
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers={"Retry-After": "7"} if status in (418, 429) else None)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if self.refuses:
            self.refused += 1
            self._changed.set()
            status, headers = self.refusal
            return web.Response(status=status, headers=headers)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.opened += 1
        self.sockets.append(socket)
        self._changed.set()
        async for message in socket:
            await self._reply(socket, json.loads(message.data))
            self._changed.set()
        return socket

    async def _reply(self, socket: web.WebSocketResponse, asked: dict[str, Any]) -> None:
        method, params = asked["method"], asked.get("params", {})
        problem = self._problem_on_socket(socket, method, params)
        status, body = (400, problem) if problem else self._answer(method, params)
        if method == "session.logon" and status == 200:
            self.is_logged_on.add(socket)
        if status:
            await socket.send_json({"id": asked["id"], "status": status, "result" if status == 200 else "error": body})

    def _problem_on_socket(self, socket: web.WebSocketResponse, method: str, params: Params) -> object:
        if method == "userDataStream.subscribe":
            return None
        if socket in self.is_logged_on and "signature" not in params:
            return self._time_problem(params)
        if method == "session.logon":
            return None  # signed by Ed25519, which test_signing.py verifies
        names = sorted(params.keys() - {"signature"})
        signed = "&".join(f"{name}={params[name]}" for name in names)
        return self._problem(params, signed, params.get("signature", ""), key=params.get("apiKey", ""))

    def _problem(self, params: Params, signed: str, signature: str, *, key: str) -> object:
        if key != KEY:
            return error(-2015, "Invalid API-key, IP, or permissions for action.")
        if hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest() != signature:
            return error(-1022, "Signature for this request is not valid.")
        return self._time_problem(params)

    def _time_problem(self, params: Params) -> object:
        now_ms, time_ms = self.now_ms(), int(params["timestamp"])
        if time_ms >= now_ms + 1000 or now_ms - time_ms > float(params["recvWindow"]):
            return error(-1021, "Timestamp for this request is outside of the recvWindow.")
        return None

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        address = f"127.0.0.1:{self._runner.addresses[0][1]}"
        self.rest_url, self.ws_api_url = f"http://{address}", f"ws://{address}/ws-api/v3"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._runner.cleanup()


def _always(answer: tuple[int, object]) -> Handler:
    return lambda _: answer
