"""The account's trades since some time, page by page, with the client order ids that the venue's list lacks."""

from collections import OrderedDict
from collections.abc import Iterator

from bowstring.trading.gateway import FillReport
from bowstring.venues.binance.order_requests import Params
from bowstring.venues.binance.order_results import TradeResult, parse_orders, parse_trades
from bowstring.venues.binance.rest_account import RestAccount

PAGE = 1000  # the most that one request gives
WINDOW_MS = 24 * 3600 * 1000  # the longest time that one request may name
MAX_WINDOWS = 366
WEIGHT = 20
NAMES_KEPT = 100_000


class OrderNames:
    """The client order ids of orders by venue symbol and venue order id; the latest `NAMES_KEPT`."""

    def __init__(self) -> None:
        self._names: OrderedDict[tuple[str, str], str] = OrderedDict()

    def learn(self, venue_symbol: str, venue_order_id: str, client_order_id: str) -> None:
        """Remember one; the first name stays, as a cancelled order may get another."""
        self._names.setdefault((venue_symbol, venue_order_id), client_order_id)
        if len(self._names) > NAMES_KEPT:
            self._names.popitem(last=False)

    def find(self, venue_symbol: str, venue_order_id: str) -> str | None:
        """The name of an order, if it is known."""
        return self._names.get((venue_symbol, venue_order_id))


class TradeHistory:
    """Reads one symbol's trades."""

    def __init__(self, rest: RestAccount, names: OrderNames) -> None:
        self._rest = rest
        self._names = names

    async def since(self, symbol: str, venue_symbol: str, time_ns: int, *, now_ms: int) -> list[FillReport]:
        """The fills since a time, oldest first, each once. Raises like `RestAccount.read`, and `BadMessage`."""
        since_ms = time_ns // 1_000_000
        trades = await self._trades(venue_symbol, since_ms, now_ms)
        await self._learn(venue_symbol, {trade.order_id for trade in trades})
        return [
            trade.report(symbol, self._names.find(venue_symbol, str(trade.order_id)) or "")
            for trade in sorted(trades, key=lambda trade: trade.id)
            if trade.time >= since_ms
        ]

    async def _trades(self, venue_symbol: str, since_ms: int, now_ms: int) -> list[TradeResult]:
        """Look for the first page by time; those after it by id, which leaves out none and repeats none."""
        trades: list[TradeResult] = []
        for start in _starts(since_ms, now_ms):
            page = await self._page({"symbol": venue_symbol, **start})
            trades += page
            while page and (len(page) == PAGE or "endTime" in start):
                page = await self._page({"symbol": venue_symbol, "fromId": page[-1].id + 1})
                trades += page
            if trades:
                break
        return trades

    async def _page(self, params: Params) -> list[TradeResult]:
        return parse_trades(await self._rest.read("/api/v3/myTrades", {**params, "limit": PAGE}, weight=WEIGHT))

    async def _learn(self, venue_symbol: str, order_ids: set[int]) -> None:
        """Find the names of orders that are not known: of those before this run, and those whose answer was lost."""
        unknown: set[int] = {
            order_id for order_id in order_ids if self._names.find(venue_symbol, str(order_id)) is None
        }
        while unknown:
            params: Params = {"symbol": venue_symbol, "orderId": min(unknown), "limit": PAGE}
            orders = parse_orders(await self._rest.read("/api/v3/allOrders", params, weight=WEIGHT))
            for order in (order for order in orders if order.order_id in unknown):
                self._names.learn(venue_symbol, str(order.order_id), order.client_order_id)
            # Of an order before the last of the page that is not in it the venue has trades, and does not show it.
            if len(orders) < PAGE:
                return
            last = max(order.order_id for order in orders)
            unknown = {order_id for order_id in unknown if order_id > last}


def _starts(since_ms: int, now_ms: int) -> Iterator[dict[str, int]]:
    """Where to look for the first trade: one day after the other; but if they are too many, from the very first."""
    if now_ms - since_ms > MAX_WINDOWS * WINDOW_MS:
        yield {"fromId": 0}
        return
    while now_ms - since_ms >= WINDOW_MS:
        yield {"startTime": since_ms, "endTime": since_ms + WINDOW_MS - 1}
        since_ms += WINDOW_MS
    yield {"startTime": since_ms}
