"""Snapshots of books, as they were once."""

from bowstring.local_exchange.api import public
from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.replies import Reply
from bowstring.local_exchange.api.service import Service
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.rules import number

Levels = list[list[str]]


class Snapshots:
    """Those of all markets, at the time when this is made."""

    def __init__(self, exchange: Exchange) -> None:
        self._of = {
            symbol: (
                market.book.update_id,
                _side(market.book.depth(public.MOST_LEVELS, is_bid=True)),
                _side(market.book.depth(public.MOST_LEVELS, is_bid=False)),
            )
            for symbol, market in exchange.markets.items()
        }

    def depth(self, service: Service, call: Call) -> Reply:
        """Answer a call of ``depth``."""
        symbol = public.one_market(service, call.parameters).rules.symbol
        levels = call.parameters.limit(default=100, most=public.MOST_LEVELS)
        update_id, bids, asks = self._of[symbol]
        return {"lastUpdateId": update_id, "bids": bids[:levels], "asks": asks[:levels]}


def _side(levels: list[tuple[int, int]]) -> Levels:
    return [[number(price), number(quantity)] for price, quantity in levels]
