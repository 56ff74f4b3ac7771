"""Binance Spot over HTTP: reads that may be repeated."""

import asyncio
import random
from collections.abc import Mapping
from http import HTTPStatus

import aiohttp

from bowstring.core.errors import Disconnected, Rejected
from bowstring.venues.binance.wire import parse_error

ATTEMPTS = 3
CHECK = "check the network, or give another rest_url"


class RestClient:
    """Public reads from ``url``.

    ``deadline_s`` bounds each attempt; an attempt without an answer is repeated, `ATTEMPTS` in all, after about
    ``backoff_s`` and then twice that.
    """

    def __init__(self, url: str, *, deadline_s: float = 10.0, backoff_s: float = 0.5) -> None:
        self._url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=deadline_s)
        self._backoff_s = backoff_s

    async def get(self, path: str, *, params: Mapping[str, str]) -> bytes:
        """The body of the answer. Raises `Rejected` if the venue said no, `Disconnected` if it gave no answer."""
        for attempt in range(ATTEMPTS - 1):
            try:
                return await self._get_once(path, params)
            except Disconnected:
                await asyncio.sleep(self._backoff_s * 2**attempt * random.uniform(0.5, 1.5))
        return await self._get_once(path, params)

    async def _get_once(self, path: str, params: Mapping[str, str]) -> bytes:
        url = f"{self._url}{path}"
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.get(url, params=params) as response,
            ):
                body = await response.read()
        except TimeoutError:
            raise Disconnected(f"GET {url}: no answer within {self._timeout.total} s; {CHECK}") from None
        except (aiohttp.ClientError, OSError) as error:
            reason = str(error).replace(" ssl:default", "")  # aiohttp says that of every URL
            raise Disconnected(f"GET {url}: {reason or repr(error)}; {CHECK}") from error
        return _accepted(response, body)


def _accepted(response: aiohttp.ClientResponse, body: bytes) -> bytes:
    if response.status == HTTPStatus.OK:
        return body
    code, text = parse_error(body)
    message = f"GET {response.url.with_query(None)}: HTTP {response.status}: {text or 'no reason given'}"
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Disconnected(message)
    retry_after = response.headers.get("Retry-After")
    raise Rejected(f"{message}; retry after {retry_after} s" if retry_after else message, code=str(code or ""))
