"""What must be true of an exchange between any two commands."""

from collections import Counter
from collections.abc import Iterable

from bowstring.local_exchange.matching.accounts import Order
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.rules import UNIT

ENDED = {"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"}


def check(exchange: Exchange, *, deposits: Counter[str], orders: Iterable[Order]) -> None:
    """``orders``: every one that was ever accepted."""
    accepted = list(orders)
    conserves(exchange, deposits=deposits)
    locks_what_is_open(exchange)
    loses_no_order(exchange, accepted)
    for market in exchange.markets.values():
        book = market.book
        bid, ask = book.bids.best, book.asks.best
        assert bid is None or ask is None or bid < ask, f"{market.rules.symbol} is crossed: {bid} {ask}"
        for side in (book.bids, book.asks):
            shows_what_rests(exchange, market.rules.symbol, is_bid=side is book.bids)


def conserves(exchange: Exchange, *, deposits: Counter[str]) -> None:
    """What all have, and the fees, are what was brought in; and nobody has less than nothing."""
    held = Counter(exchange.fees)
    for account in exchange.accounts.values():
        for asset, balance in account.balances.items():
            assert min(balance.free, balance.locked) >= 0, f"{account.name} {asset}: {balance}"
            held[asset] += balance.free + balance.locked
    assert held == deposits


def locks_what_is_open(exchange: Exchange) -> None:
    """Exactly what the open orders may need is locked."""
    for account in exchange.accounts.values():
        needed: Counter[str] = Counter()
        for order in account.open.values():
            rules = exchange.markets[order.new.symbol].rules
            need = order.price * order.left // UNIT if order.is_buy else order.left
            assert order.locked == need
            needed[rules.quote if order.is_buy else rules.base] += need
        locked = Counter({asset: balance.locked for asset, balance in account.balances.items()})
        assert +locked == +needed, account.name


def loses_no_order(exchange: Exchange, orders: Iterable[Order]) -> None:
    """Each is open or has ended, and the parts of its quantity add up."""
    for order in orders:
        assert order.executed + order.left + order.prevented == order.quantity
        assert min(order.executed, order.left, order.prevented) >= 0
        is_open = order.id in order.account.open
        assert is_open != (order.status in ENDED), order.status
        if is_open:
            assert order.left > 0
            waits = order.id in exchange.markets[order.new.symbol].stops
            assert (waits, order.rests) in ((True, False), (False, True))
        else:
            assert (order.rests, order.locked) == (False, 0)


def shows_what_rests(exchange: Exchange, symbol: str, *, is_bid: bool) -> None:
    """The levels are the sums of the orders that rest."""
    resting: Counter[int] = Counter()
    for account in exchange.accounts.values():
        for order in account.open.values():
            if order.new.symbol == symbol and order.rests and order.is_buy == is_bid:
                resting[order.price] += order.left
    levels = exchange.markets[symbol].book.depth(10**6, is_bid=is_bid)
    assert levels == sorted(resting.items(), reverse=is_bid)
