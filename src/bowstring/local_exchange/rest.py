"""The public REST answers of a played recording. Pure: no I/O.

Any recorded GET is answered by the latest reply recorded at or before the playback's time, else the first one; ping,
time and exchangeInfo are answered without. What was never recorded is a 404 that says so, and so is a book of more
levels than were recorded: shown with fewer, it would pass for a whole one.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder, encode

from bowstring.local_exchange.exchange_info import exchange_info
from bowstring.local_exchange.recording import RecordedReply
from bowstring.market.instrument import Instrument

_Key = tuple[str, frozenset[tuple[str, str]]]

_object = Decoder(dict[str, Raw])
_array = Decoder(list[Raw])
_names = Decoder(list[str])


class _Listed(Struct):
    symbol: str


_symbol = Decoder(_Listed)


class Answer(Struct, frozen=True):
    """A reply: HTTP status, JSON body, and what it costs of the client's weight."""

    body: bytes
    status: int = 200
    weight: int = 1


class _Refusal(Exception):
    def __init__(self, code: int, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.answer = Answer(encode({"code": code, "msg": text}), status)


class Rest:
    """Answers ``GET`` for one recording of the given instruments; ``futures``: of Binance USD-M futures."""

    def __init__(
        self, replies: Iterable[RecordedReply], *, instruments: Iterable[Instrument], futures: bool = False
    ) -> None:
        self._instruments = {instrument.venue_symbol: instrument for instrument in instruments}
        self._futures = futures
        self._prefix = "/fapi/v1/" if futures else "/api/v3/"
        self._default_levels, self._most_levels = (500, 1000) if futures else (100, 5000)
        self._replies: dict[_Key, list[RecordedReply]] = defaultdict(list)
        for reply in sorted(replies, key=lambda reply: reply.time_ns):
            url = urlsplit(reply.url)
            self._replies[_key(url.path, dict(parse_qsl(url.query)))].append(reply)

    def answer(self, path: str, query: Mapping[str, str], *, now_ns: int) -> Answer:
        """The answer to ``GET path?query`` when the playback is at ``now_ns``."""
        try:
            match path.removeprefix(self._prefix):
                case "ping":
                    return Answer(b"{}")
                case "time":
                    return Answer(encode({"serverTime": now_ns // 1_000_000}))
                case "exchangeInfo":
                    return self._exchange_info(path, query, now_ns=now_ns)
                case "depth":
                    return self._depth(path, query, now_ns=now_ns)
                case _:
                    return Answer(self._recorded(path, query, now_ns=now_ns).body)
        except _Refusal as refusal:
            return refusal.answer

    def _exchange_info(self, path: str, query: Mapping[str, str], *, now_ns: int) -> Answer:
        """What one recorded answer does not list, as it was asked for other symbols, is taken from the others."""
        if recorded := self._replies.get(_key(path, query)):
            infos = [_object.decode(reply.body) for reply in (*recorded, _as_of(recorded, now_ns))]
        else:
            derived = exchange_info(self._instruments.values(), time_ms=now_ns // 1_000_000, futures=self._futures)
            infos = [_object.decode(encode(derived))]
        info = infos[-1]
        listed = {_symbol.decode(entry).symbol: entry for one in infos for entry in _array.decode(one["symbols"])}
        wanted = _wanted(query) or list(listed)
        if not listed.keys() >= set(wanted):
            raise _Refusal(-1121, "Invalid symbol.")
        return Answer(encode(info | {"symbols": [listed[symbol] for symbol in wanted]}), weight=20)

    def _depth(self, path: str, query: Mapping[str, str], *, now_ns: int) -> Answer:
        limit = self._levels(query)
        weight = next(cost for most, cost in ((100, 5), (500, 25), (1000, 50), (limit, 250)) if limit <= most)
        if not query.get("symbol"):
            raise _Refusal(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        if query["symbol"] not in self._instruments:
            raise _Refusal(-1121, "Invalid symbol.")
        reaching = [reply for reply in self._all_recorded(path, query) if self._reaches(reply, limit)]
        if not reaching:
            raise _Refusal(-1000, f"This recording has fewer than {limit} levels of {query['symbol']}", status=404)
        book = _object.decode(_as_of(reaching, now_ns).body)
        sides = {side: _array.decode(book[side])[:limit] for side in ("bids", "asks") if side in book}
        return Answer(encode(book | sides), weight=weight)

    def _reaches(self, reply: RecordedReply, limit: int) -> bool:
        """Whether a recorded book has so many levels a side, or all that there were."""
        recorded = self._levels(dict(parse_qsl(urlsplit(reply.url).query)))
        if min(limit, self._most_levels) <= recorded:
            return True
        book = _object.decode(reply.body)
        return all(len(_array.decode(book[side])) < recorded for side in ("bids", "asks") if side in book)

    def _levels(self, query: Mapping[str, str]) -> int:
        return _limit(query.get("limit", str(self._default_levels)))

    def _recorded(self, path: str, query: Mapping[str, str], *, now_ns: int) -> RecordedReply:
        return _as_of(self._all_recorded(path, query), now_ns)

    def _all_recorded(self, path: str, query: Mapping[str, str]) -> Sequence[RecordedReply]:
        replies = self._replies.get(_key(path, query))
        if replies is None:
            raise _Refusal(-1000, f"This recording has no answer to GET {path} {dict(query)}", status=404)
        return replies


def _as_of(replies: Sequence[RecordedReply], now_ns: int) -> RecordedReply:
    return next((reply for reply in reversed(replies) if reply.time_ns <= now_ns), replies[0])


def _key(path: str, query: Mapping[str, str]) -> _Key:
    """What a request must share with a recorded one: all but how many entries, or which symbols' rules, it wants."""
    if path.endswith("/exchangeInfo"):
        return path, frozenset()
    return path, frozenset((name, value) for name, value in query.items() if name != "limit")


def _limit(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,20}", text):
        raise _Refusal(-1100, "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'.")
    if int(text) == 0:
        raise _Refusal(-1130, "Data sent for parameter 'limit' is not valid.")
    return int(text)


def _wanted(query: Mapping[str, str]) -> list[str]:
    """The symbols that exchangeInfo is asked for; none for all."""
    if "symbol" in query:
        return [query["symbol"]]
    try:
        return _names.decode(query.get("symbols", "[]"))
    except DecodeError:
        legal = '^\\["[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}\\]$'
        raise _Refusal(-1100, f"Illegal characters found in parameter 'symbols'; legal range is '{legal}'.") from None
