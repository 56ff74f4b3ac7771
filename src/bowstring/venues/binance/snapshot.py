"""The snapshot of a book: the reply of ``GET /api/v3/depth``, or of futures. Pure, as `wire` is."""

from decimal import Decimal

from msgspec import Struct, field
from msgspec.json import Decoder

from bowstring.core.errors import BadMessage
from bowstring.market.book_sync import Snapshot
from bowstring.venues.binance.payloads import Id, Milliseconds, check_levels
from bowstring.venues.binance.wire import MALFORMED

SIZES = {5, 10, 20, 50, 100, 500, 1000, 5000}
"""Where a venue, or a server that plays one, may have cut a snapshot off, whatever was asked for."""


class _Reply(Struct, gc=False):
    update_id: Id = field(name="lastUpdateId")
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    time_ms: Milliseconds = field(name="T", default=0)  # futures only


_decode = Decoder(_Reply).decode


def parse_snapshot(body: bytes, *, limit: int) -> Snapshot:
    """The book, which was cut off if a side has as many levels as ``limit`` allows. Raises `BadMessage`."""
    try:
        reply = _decode(body)
    except MALFORMED as error:
        raise BadMessage(f"malformed snapshot: {error}") from None
    check_levels(reply.bids)
    check_levels(reply.asks)
    return Snapshot(
        update_id=reply.update_id,
        bids=reply.bids,
        asks=reply.asks,
        is_whole=all(len(side) < limit and len(side) not in SIZES for side in (reply.bids, reply.asks)),
        time_ns=reply.time_ms * 1_000_000,
    )
