"""Calling other programs: the action `CallWebhook`, and the executor `Webhook`, which needs the extra ``net``."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import json

from bowstring.core.components import Emit, Executor, on
from bowstring.core.messages import Action
from bowstring.executors.under_way import UnderWay
from bowstring.net.http import HttpClient, public_url

FLUSH_S = 5.0  # for the last calls of a bot that stops; the engine gives an executor 7 s
JSON = {"Content-Type": "application/json"}


class CallWebhook(Action, frozen=True):
    """Post this object, as JSON, to the webhook."""

    payload: Mapping[str, object]


class Webhook(Executor):
    """Posts each `CallWebhook` to ``url``, once, whatever happens; several at a time, so their order is not kept.

    A call that the server took (a 2xx) is closed as done, any other as failed, with the reason: proven not sent,
    rejected, or, after ``deadline_s`` without an answer, unknown. After a 429 or 418 nothing is sent before its
    Retry-After. ``headers``, and the path and query of the URL, are shown nowhere: they may be secret. A bot with
    several of these calls all of them. Raises `ConfigError` for a wrong URL.
    """

    def __init__(
        self, url: str, *, headers: Mapping[str, str] | None = None, deadline_s: float = 10.0, name: str = ""
    ) -> None:
        self._base_url, _, self._query = url.partition("?")
        public_url(self._base_url)
        parts = urlsplit(self._base_url)
        self.name = name or f"webhook {parts.hostname}"
        self._shown = f"{parts.scheme}://{parts.netloc}/..."
        self._headers = JSON | dict(headers or {})
        self._deadline_s = deadline_s
        self._under_way = UnderWay()
        self._http: HttpClient | None = None

    async def start(self, emit: Emit) -> None:
        self._http = HttpClient(self._base_url, name=self._shown, deadline_s=self._deadline_s, clock=self.clock)

    async def stop(self) -> None:
        """Give what is under way a little time."""
        await self._under_way.ended(within_s=FLUSH_S)
        if self._http is not None:
            await self._http.close()

    @on(CallWebhook)
    async def call(self, call: CallWebhook) -> None:
        """Raises what `HttpClient.send` raises."""
        assert self._http is not None
        self._under_way.begin()
        try:
            await self._http.send("POST", params=self._query, body=json.encode(call.payload), headers=self._headers)
        finally:
            self._under_way.end()
