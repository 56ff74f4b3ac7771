"""Small recordings, and what the tests read off a websocket."""

from collections.abc import Iterable
from pathlib import Path

from msgspec import convert
from msgspec.json import decode, encode

from bowstring.local_exchange.recording import RecordedFrame, RecordedReply, Recording

SECOND = 1_000_000_000
START_NS = 1_633_998_512 * SECOND
DEPTH_URL = "https://api.binance.com/api/v3/depth"


def frame(second: float, stream: str, number: int = 0) -> RecordedFrame:
    """A frame of a stream, received ``second`` s after `START_NS`, told from others by its number."""
    # The spaces would be lost if anything decoded and encoded the frame on its way.
    payload = b'{"u": %d}' % number
    combined = b'{"stream":"%b", "data":%b}' % (stream.encode(), payload)
    return RecordedFrame(time_ns=START_NS + int(second * SECOND), stream=stream, combined=combined, payload=payload)


def depth(second: float, symbol: str, *, levels: int = 3, update_id: int = 1, limit: int = 1000) -> RecordedReply:
    """A depth snapshot of a symbol with that many levels a side, which was asked for with a limit."""
    bids = [[f"{100 - level}.50000000", "1.20000000"] for level in range(levels)]
    asks = [[f"{101 + level}.00000000", "3.00000000"] for level in range(levels)]
    return RecordedReply(
        time_ns=START_NS + int(second * SECOND),
        url=f"{DEPTH_URL}?symbol={symbol}&limit={limit}",
        body=encode({"lastUpdateId": update_id, "bids": bids, "asks": asks}),
    )


def recording(frames: Iterable[RecordedFrame], *replies: RecordedReply, futures: bool = False) -> Recording:
    """What plays these frames."""
    kept = tuple(frames)
    return Recording(frames=lambda: iter(kept), replies=replies, futures=futures)


def json(text: bytes | str) -> dict[str, object]:
    """A JSON object."""
    return decode(text, type=dict[str, object])


def objects(value: object) -> list[dict[str, object]]:
    """A value that was decoded from an array of JSON objects."""
    return convert(value, list[dict[str, object]])


def json_lines(file: Path) -> list[tuple[float, str, dict[str, object]]]:
    """Time, text and JSON of each frame of a ws file with data, read without the code under test."""
    lines = [line.partition(": ") for line in file.read_text().splitlines() if line and " <-> " not in line]
    return [(float(time), text, json(text)) for time, _, text in lines if "stream" in json(text)]
