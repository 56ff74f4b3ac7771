"""A collector that asks a URL again and again: `RestPoll`. It needs the extra ``net``."""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from http import HTTPStatus
from typing import Generic, TypeVar

from msgspec import DecodeError, Raw
from msgspec.json import Decoder

from bowstring.core.components import Collector, Emit
from bowstring.core.errors import BadMessage, ConfigError
from bowstring.core.messages import Event
from bowstring.market.events import BadData
from bowstring.net.budget import WeightBudget
from bowstring.net.exchange import Response
from bowstring.net.http import HttpClient, public_url

T = TypeVar("T")

REMEMBERED = 10_000  # keys
MALFORMED = (DecodeError, UnicodeError, RecursionError)
"""What msgspec raises on bad bytes."""

NO_NEWS = {HTTPStatus.NOT_MODIFIED, HTTPStatus.NO_CONTENT}

_CONDITIONS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}

_fields = Decoder(dict[str, Raw])
_array = Decoder(list[Raw])


class RestPoll(Collector, Generic[T]):
    """Asks ``url`` on a grid of ``every_s`` seconds, and publishes what ``event`` makes of each item that is new.

    The answer is JSON: an array of items, or one item; ``within`` names the fields that lead there in a larger
    document. An item is decoded as ``item``, a msgspec type, and ``event`` makes an event of it, or None if it is of no
    interest. What cannot be decoded, or has ``event`` raise `BadMessage`, is told by `BadData`, whose venue and stream
    are this collector's name, and counted in ``malformed``; the others are published. (msgspec takes ``"NaN"`` for a
    Decimal: look at numbers from a source that you do not trust.)

    With ``key``, an item whose key was seen before is dropped. Remembered are the keys of the last answer, and of those
    before it as many as make `REMEMBERED`. A server that gives an ETag or a Last-Modified is asked for changes only.

    A request without a good answer in ``deadline_s`` fails the collector, and supervision starts it again, which waits
    for the Retry-After of the server. ``name`` is by default the URL without its query and long parts of its path.
    Raises `ConfigError` for a wrong URL or interval.
    """

    def __init__(
        self,
        url: str,
        *,
        item: type[T],
        event: Callable[[T], Event | None],
        every_s: float,
        key: Callable[[T], Hashable] | None = None,
        within: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        deadline_s: float = 10.0,
        name: str = "",
    ) -> None:
        if not 0 < every_s < float("inf"):
            raise ConfigError(f"every_s is {every_s}: give seconds above 0")
        self._base_url, _, self._query = url.partition("?")
        self.name = name or public_url(self._base_url)
        self.malformed = 0
        self._every_s, self._deadline_s = every_s, deadline_s
        self._headers = dict(headers or {})
        self._item: Decoder[T] = Decoder(item)
        self._event, self._key, self._within = event, key, within
        self._seen: dict[Hashable, None] = {}
        self._conditions: dict[str, str] = {}
        self._budget: WeightBudget | None = None

    async def run(self, emit: Emit) -> None:
        """Raises `Disconnected` or `Rejected` without a good answer, and what ``event`` and ``key`` raise."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        async with self._client() as http:
            while True:
                answer = await http.get(params=self._query, headers=self._headers | self._conditions)
                if answer.status not in NO_NEWS:
                    await self._tell(answer, emit)
                due += self._every_s * (1 + (loop.time() - due) // self._every_s)
                await asyncio.sleep(due - loop.time())

    def _client(self) -> HttpClient:
        self._budget = self._budget or WeightBudget(now_ns=self.clock.now_ns)  # keeps a Retry-After over failures
        return HttpClient(
            self._base_url,
            name=self.name,
            budget=self._budget,
            deadline_s=self._deadline_s,
            attempts=1,
            max_wait_s=float("inf"),
            clock=self.clock,
        )

    async def _tell(self, answer: Response, emit: Emit) -> None:
        """Publish what is new. Only when that is done is the answer one that need not be sent again."""
        self._conditions = {}
        try:
            items = _split(answer.body, self._within)
        except BadMessage as error:
            self._tell_bad(answer.body, error, emit)
            return
        for item in items:
            try:
                self._tell_item(item, emit)
            except BadMessage as error:
                self._tell_bad(bytes(item), error, emit)
            await emit.drained()
        for key in list(self._seen)[: -max(REMEMBERED, len(items))]:
            del self._seen[key]
        self._conditions = {name: answer.headers[told] for told, name in _CONDITIONS.items() if told in answer.headers}

    def _tell_item(self, raw: Raw, emit: Emit) -> None:
        item = _decoded(self._item, raw)
        key = self._key(item) if self._key is not None else None
        is_new = self._key is None or key not in self._seen
        event = self._event(item) if is_new else None
        if event is not None:
            emit(event)
        if self._key is not None:
            self._seen.pop(key, None)
            self._seen[key] = None

    def _tell_bad(self, data: bytes, error: BadMessage, emit: Emit) -> None:
        self.malformed += 1
        excerpt = data[:200].decode(errors="replace")
        emit(BadData(venue=self.name, stream=self.name, reason=str(error), excerpt=excerpt))


def _split(body: bytes, within: Sequence[str]) -> list[Raw]:
    """The items of an answer. Raises `BadMessage` if it is no JSON, or there is no such place in it."""
    document = Raw(body)
    for field in within:
        fields = _decoded(_fields, document)
        if field not in fields:
            raise BadMessage(f"there is no field {field!r} ({'.'.join(within)})")
        document = fields[field]
    if bytes(document).lstrip().startswith(b"["):
        return _decoded(_array, document)
    return [document]


def _decoded(decoder: Decoder[T], data: Raw) -> T:
    try:
        return decoder.decode(data)
    except MALFORMED as error:
        raise BadMessage(f"malformed: {error}") from None
