"""The one HTTP client: what a request is worth when it fails.

A read (`get`) changes nothing at the server, so it waits for the budget and is repeated. A write (`send`) is sent at
most once, whatever happens, and its failure says what is known: `NotSent` and `Rejected` are proofs, everything else
leaves the outcome unknown (docs/decisions/0012-one-http-client.md).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode, urlsplit

from msgspec import Struct

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError, Disconnected, NotSent, Rejected
from bowstring.net.budget import LIMITED, Charge, Kind, WeightBudget, count, retry_after_s
from bowstring.net.exchange import Connections, NoAnswer, Response

ATTEMPTS = 3
MAX_PAUSE_S = 5.0  # between two attempts
MAX_PART = 20  # longer parts of a path may be keys, and are not shown
MAX_REFUSAL_BYTES = 64 * 2**10  # kept of a refusal's body; Binance's longest, of a cancel-replace, is about 2 KB

Query = Mapping[str, str] | str | Callable[[], str]
"""A query: its parameters, or text that is encoded already and sent as it is, or a function that gives such a text for
each attempt, for what must be fresh: a time stamp and its signature."""

log = logging.getLogger(__name__)


class Refusal(Struct, frozen=True):
    """A server's own words in a 4xx: its error code, ``""`` if it has none, and a text.

    ``orders_only``: what it asks to wait for in a 429 is new writes; cancels and reads are as welcome as before.
    """

    code: str
    text: str
    orders_only: bool = False


def any_refusal(body: bytes) -> Refusal:
    """Take every 4xx for the server's own word: the default ``parse_error``."""
    return Refusal("", body[:200].decode(errors="replace"))


class HttpClient:
    """Requests to ``base_url`` over kept connections, which it opens on first use in the loop that runs then.

    ``budget``: what is left of the key's limit; clients with the same key share one. ``deadline_s`` bounds each
    attempt. A read is tried ``attempts`` times, after pauses of about ``backoff_s``, doubling up to `MAX_PAUSE_S`, and
    each time waits up to ``max_wait_s`` for its turn. ``parse_error`` reads the body of a 4xx; it returns None where
    that is not the server's own "no": an error page, or a code that means "unknown". Redirects are not followed,
    cookies not kept. ``name`` stands in errors for the URL, if that is secret as a whole. Raises `ConfigError` for a
    wrong URL.
    """

    def __init__(
        self,
        base_url: str,
        *,
        name: str = "",
        budget: WeightBudget | None = None,
        deadline_s: float = 10.0,
        attempts: int = ATTEMPTS,
        backoff_s: float = 0.5,
        max_wait_s: float = 60.0,
        parse_error: Callable[[bytes], Refusal | None] = any_refusal,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        public = public_url(base_url)
        self._url = base_url.removesuffix("/") if urlsplit(base_url).path == "/" else base_url
        self._name = name or public.removesuffix("/")
        self._clock = clock or Clock()
        self._budget = budget or WeightBudget(now_ns=self._clock.now_ns)
        self._deadline_s, self._max_wait_s = deadline_s, max_wait_s
        self._attempts, self._backoff_s = attempts, backoff_s
        self._parse_error = parse_error
        self._sleep = sleep
        self._connections = Connections()
        self._closed = False

    async def get(
        self, path: str = "", *, params: Query = "", headers: Mapping[str, str] | None = None, weight: int = 1
    ) -> Response:
        """Read: a 2xx, or the 304 that conditional ``headers`` ask for.

        Raises `Rejected` if the server said no, `Disconnected` if it gave no answer in any attempt, and `NotSent` if
        the budget, or a pause that the server asked for, would have it wait too long, or the client is closed.
        """
        request = _Request("GET", path, params, headers=headers, weight=weight, kind="read")
        for attempt in range(self._attempts - 1):
            try:
                return await self._read(request)
            except Disconnected as error:
                log.debug("%s; attempt %d of %d", error, attempt + 1, self._attempts)
            pause_s = min(self._backoff_s * 2**attempt, MAX_PAUSE_S)
            await self._sleep(pause_s * self._clock.random.uniform(0.5, 1.5))
        return await self._read(request)

    async def send(
        self,
        method: str,
        path: str = "",
        *,
        params: Query = "",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        weight: int = 1,
        is_cancel: bool = False,
    ) -> Response:
        """Write, at most once, without waiting: a 2xx.

        Raises `NotSent` where it is proven that not one byte left: no connection, no room in the budget (whose reserve
        only a cancel may use), a pause that the server asked for, a closed client. Raises `Rejected` if the server said
        no; its ``body`` holds up to `MAX_REFUSAL_BYTES` of the answer. Whatever else happens raises `Disconnected`: the
        outcome is unknown.
        """
        kind: Kind = "cancel" if is_cancel else "write"
        request = _Request(method, path, params, body=body, headers=headers, weight=weight, kind=kind)
        response = await self._exchange(request)
        if 200 <= response.status < 300:
            return response
        refusal = self._parse_error(response.body)
        message = self._told(request, response, refusal)
        if response.status in LIMITED or (refusal is not None and _says_no(response.status)):
            raise _rejected(message, response, refusal)
        raise Disconnected(f"{message}; the outcome is unknown")

    async def close(self) -> None:
        """Close its connections, for ever: nothing is sent afterwards."""
        self._closed = True
        await self._connections.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _read(self, request: "_Request") -> Response:
        await self._wait_for_turn(request.weight)
        response = await self._exchange(request)
        if 200 <= response.status < 300 or response.status == HTTPStatus.NOT_MODIFIED:
            return response
        refusal = self._parse_error(response.body)
        message = self._told(request, response, refusal)
        if response.status >= 500 or response.status == HTTPStatus.REQUEST_TIMEOUT:
            raise Disconnected(message)
        raise _rejected(message, response, refusal)

    async def _wait_for_turn(self, weight: int) -> None:
        """What would have to wait too long does not wait at all, and is refused when it is sent."""
        until_ns = self._clock.monotonic_ns() + self._max_wait_s * 1e9
        while (wait_s := self._budget.wait_s(weight)) > 0:
            if self._clock.monotonic_ns() + wait_s * 1e9 > until_ns:
                return
            await self._sleep(wait_s)

    async def _exchange(self, request: "_Request") -> Response:
        """Send once, and return the answer, whatever it is."""
        charge = self._take(request)
        used: int | None = None
        try:
            response = await self._connections.exchange(
                request.method,
                f"{self._url}{request.path}{request.query()}",
                body=request.body,
                headers=request.headers,
                deadline_s=self._deadline_s,
            )
            used = count(response.headers.get(self._budget.header, ""))
        except NoAnswer as error:
            raise self._failure(request, error) from None
        finally:
            self._budget.settle(charge, used=used)
        self._obey(response)
        return response

    def _take(self, request: "_Request") -> Charge:
        if self._closed:
            raise NotSent(f"{self._where(request)}: the client is closed")
        try:
            return self._budget.take(request.weight, kind=request.kind)
        except NotSent as refusal:
            raise NotSent(f"{self._where(request)}: {refusal}") from None

    def _failure(self, request: "_Request", error: NoAnswer) -> NotSent | Disconnected:
        """What it means that there is no answer."""
        message = f"{self._where(request)}: {error}"
        if request.kind == "read":
            return Disconnected(message)
        return Disconnected(f"{message}; the outcome is unknown") if error.connected else NotSent(message)

    def _obey(self, response: Response) -> None:
        """Send nothing for as long as the server says; to one that is only overloaded, no reads."""
        pause_s = retry_after_s(response.headers.get("Retry-After", ""), now_ns=self._clock.now_ns())
        if response.status in LIMITED:
            refusal = self._parse_error(response.body)
            self._budget.obey(response.status, pause_s, writes_only=refusal is not None and refusal.orders_only)
        elif response.status == HTTPStatus.SERVICE_UNAVAILABLE and pause_s is not None:
            self._budget.pause(pause_s, kinds=("read",))

    def _told(self, request: "_Request", response: Response, refusal: Refusal | None) -> str:
        text = refusal.text if refusal else response.body[:200].decode(errors="replace")
        message = f"{self._where(request)}: HTTP {response.status}: {text or 'no reason given'}"
        if 300 <= response.status < 400:
            message = f"{message}; redirects are not followed: give the URL that it leads to"
        retry_after = response.headers.get("Retry-After")
        return f"{message}; retry after {retry_after} s" if retry_after else message

    def _where(self, request: "_Request") -> str:
        return f"{request.method} {self._name}{request.path}"


class _Request(Struct, frozen=True):
    method: str
    path: str
    params: Query
    headers: Mapping[str, str] | None
    weight: int
    kind: Kind
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"_Request({self.method} ...)"  # the rest may be secret

    def query(self) -> str:
        query = self.params() if callable(self.params) else self.params
        text = query if isinstance(query, str) else urlencode(query, quote_via=quote)
        return f"?{text}" if text else ""


def public_url(url: str) -> str:
    """The URL without long parts of its path, which may be secret.

    Raises `ConfigError` unless it is an http or https URL without credentials, query and fragment.
    """
    wrong = ConfigError("url must be http://host[:port]/path or https://..., without credentials, query or fragment")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or "?" in url or "#" in url:
        raise wrong
    path = "/".join(part if len(part) <= MAX_PART else "..." for part in parts.path.split("/"))
    return f"{parts.scheme}://{parts.netloc}{path}"


def _rejected(message: str, response: Response, refusal: Refusal | None) -> Rejected:
    return Rejected(message, code=refusal.code if refusal else "", body=response.body[:MAX_REFUSAL_BYTES])


def _says_no(status: int) -> bool:
    """Whether a status may carry the server's "no". Of a 408 that is not known: something was not heard in time."""
    return 400 <= status < 500 and status != HTTPStatus.REQUEST_TIMEOUT
