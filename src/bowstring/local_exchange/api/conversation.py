"""One client of the WebSocket API: frames in, replies out. No I/O of its own."""

from collections.abc import Callable, Coroutine
from typing import Protocol

from msgspec.json import encode

from bowstring.local_exchange.api.call import Call, Faults
from bowstring.local_exchange.api.endpoints import BY_METHOD
from bowstring.local_exchange.api.faults import Answer, Lost, Trouble
from bowstring.local_exchange.api.frames import Asked, read_request, texts
from bowstring.local_exchange.api.keys import ws_payload
from bowstring.local_exchange.api.parameters import Parameters
from bowstring.local_exchange.api.refusals import Denied, status
from bowstring.local_exchange.api.service import Service
from bowstring.local_exchange.api.session import Session
from bowstring.local_exchange.matching.orders import Refused

BANNED = 418
Spawn = Callable[[Coroutine[None, None, None]], None]


class Line(Protocol):
    """The connection to the client; nothing of it waits."""

    def send(self, text: bytes) -> None:
        """Send a text frame after all others."""
        ...

    def end(self, code: int, reason: str) -> None:
        """Close the connection once all that was sent is out."""
        ...

    def abort(self) -> None:
        """Drop the connection without a word."""
        ...


class Conversation:
    """Answers each frame; ``faults`` are asked about each call that is let in. One in trouble takes its own time."""

    def __init__(
        self,
        line: Line,
        *,
        service: Service,
        address: str,
        unit: int = 1000,
        returns_rate_limits: bool = True,
        faults: Callable[[], Faults | None] = lambda: None,
        spawn: Spawn,
    ) -> None:
        self.line, self._service, self._address = line, service, address
        self.session = Session(service, send=line.send, unit=unit, returns_rate_limits=returns_rate_limits)
        self._faults, self._spawn = faults, spawn

    def receive(self, data: str | bytes) -> None:
        """Answer one frame."""
        asked, faults = Asked(shows_limits=self.session.returns_rate_limits), self._faults()
        try:
            call = self._read(asked, data)
            self._admit(asked, call)
            if faults is not None and (trouble := faults.meet(call)) is not None:
                return self._spawn(self._serve_in(trouble, asked, call))
            answer = self._succeeded(asked, self._service.execute(call))
        except Refused as refused:
            answer = self._refused(asked, refused)
        return self._reply(answer)

    async def _serve_in(self, trouble: Trouble, asked: Asked, call: Call) -> None:
        try:
            await trouble.before()
            told = self._succeeded(asked, self._service.execute(call))
        except Refused as refused:
            told = self._refused(asked, refused)
        answer = await trouble.after(told)
        if answer is Lost.RESET:
            self.line.abort()
        elif isinstance(answer, Answer):
            self._reply(answer)

    def _reply(self, answer: Answer) -> None:
        self.line.send(answer.body)
        if answer.status == BANNED:
            self.line.end(1008, "IP banned")

    def _read(self, asked: Asked, data: str | bytes) -> Call:
        """The call that a frame is. ``asked`` is filled in as far as it gets. Raises `Refused`."""
        request = read_request(asked, data)
        values = texts(request.params)
        parameters = Parameters(values)
        asked.shows_limits = parameters.boolean("returnRateLimits", default=asked.shows_limits)
        endpoint = BY_METHOD.get(request.method.removeprefix("v3/"))
        if endpoint is None:
            raise Refused(-1020, "This operation is not supported.")
        key = self.session.key
        is_signed = "signature" in values or key is None or values.get("apiKey", key.id) != key.id
        asked.call = Call(
            endpoint=endpoint,
            parameters=parameters,
            interface="ws-api",
            address=self._address,
            received_us=self._service.now_us(),
            unit=self.session.unit,
            key_id=values.get("apiKey"),
            payload=ws_payload(values) if is_signed and endpoint.is_signed else b"",
            session=self.session,
            session_key=None if is_signed else key,
        )
        return asked.call

    def _admit(self, asked: Asked, call: Call) -> None:
        try:
            self._service.admit(call)
        except Refused as refused:
            if call.session_key is not None and refused.code == -2015:
                self.session.forget()  # the key is no longer good: Binance revokes the session with an id of null
                asked.id = None
            raise

    def _succeeded(self, asked: Asked, result: object) -> Answer:
        return self._answer(asked, 200, {"result": result})

    def _refused(self, asked: Asked, refused: Refused) -> Answer:
        error: dict[str, object] = {"code": refused.code, "msg": refused.text}
        if isinstance(refused, Denied):
            if refused.data is not None:
                error["data"] = refused.data
            elif refused.retry_us is not None:
                unit = self.session.unit
                error["data"] = {
                    "serverTime": self._service.now_us() // unit,
                    "retryAfter": refused.retry_us // unit,
                }
        return self._answer(asked, status(refused), {"error": error})

    def _answer(self, asked: Asked, code: int, outcome: dict[str, object]) -> Answer:
        reply: dict[str, object] = {"id": asked.id, "status": code, **outcome}
        if asked.shows_limits:
            usage, call = self._service.usage, asked.call
            limits = [usage.weight_used(self._address)]
            if call is not None and call.endpoint.orders and call.key is not None:
                limits = [*usage.orders_used(call.key.account), *limits]
            reply["rateLimits"] = limits
        return Answer(status=code, body=encode(reply))
