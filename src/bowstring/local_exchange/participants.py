"""The exchange's own customers, out of a seed: makers and takers in every symbol, so that there is a market.

They trade among themselves and with everybody else, under the same rules, with nothing but their opening balances, and
pay no fees. The same seed gives the same flow as long as nobody else trades: what they do depends on the order of
events, never on the machine's clock.
"""

import asyncio
import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.clerk import Clerk
from bowstring.local_exchange.clock import Clock
from bowstring.local_exchange.crowd import Crowd
from bowstring.local_exchange.desk import Desk
from bowstring.local_exchange.feed import Market as Listing
from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.record import Happened, Report
from bowstring.local_exchange.matching.rules import notional, units

_FUNDS = 100_000  # times the quantity displayed at the touch, of each side of each symbol
_BEHIND_S = 1.0  # what is overdue by more is not made up for
_IN_A_ROW = 16  # overdue steps, then others have their turn


class Participants:
    """Trade the ``listings`` on ``exchange``, whose markets they are; ``speed`` is times the usual number of events.

    Nothing happens but by ``step``. Raises `ConfigError` for a speed that is no positive number.
    """

    def __init__(
        self, exchange: Exchange, clerk: Clerk, *, listings: Sequence[Listing], seed: int, speed: float = 1.0
    ) -> None:
        if not 0 < speed < float("inf"):
            raise ConfigError(f"speed {speed} is no positive number")
        funds = _funds(listings)
        accounts = [_open(exchange, name, funds) for name in ("makers", "takers")]
        self._desks: list[Desk] = []
        self._crowds: dict[str, Crowd] = {}
        for listing in listings:
            market = exchange.markets[listing.instrument.venue_symbol]
            makers, takers = (Desk(exchange, clerk, account=account, market=market) for account in accounts)
            self._desks += makers, takers
            random = Random(f"{seed} {market.rules.symbol}")
            self._crowds[market.rules.symbol] = Crowd(
                listing, market, makers=makers, takers=takers, random=random, speed=speed
            )
        self._makers = accounts[0]
        self._now_s = 0.0
        self._agenda = [(crowd.due_s, symbol) for symbol, crowd in self._crowds.items()]
        heapq.heapify(self._agenda)
        clerk.listeners.append(self._notice)

    @property
    def refused(self) -> int:
        """How many of their orders the exchange did not accept."""
        return sum(desk.refused for desk in self._desks)

    def step(self) -> float:
        """Do what is due, and return in how many seconds something is due again."""
        self._now_s, symbol = self._agenda[0]
        crowd = self._crowds[symbol]
        if crowd.due_s <= self._now_s:  # else somebody else's order has changed its plans
            crowd.act()
        heapq.heapreplace(self._agenda, (crowd.due_s, symbol))
        return max(0.0, self._agenda[0][0] - self._now_s)

    def warm_up(self, seconds: float, *, clock: Clock) -> None:
        """Let the last ``seconds`` until now happen at once, so that there is a book and a past.

        ``clock`` is the exchange's.
        """
        begin_us, passed_s = clock() - int(seconds * 1e6), 0.0
        while passed_s < seconds:
            clock.set(begin_us + int(passed_s * 1e6))
            passed_s += self.step()
        clock.release()

    async def run(self) -> None:
        """Step in real time, until cancelled."""
        loop = asyncio.get_running_loop()
        due_s, in_a_row = loop.time(), 0
        while True:
            due_s += self.step()
            ahead_s, in_a_row = due_s - loop.time(), in_a_row + 1
            if ahead_s > 0 or in_a_row >= _IN_A_ROW:
                await asyncio.sleep(max(0.0, ahead_s))
                in_a_row = 0
            if ahead_s < -_BEHIND_S:
                due_s = loop.time()

    def _notice(self, happened: Happened) -> None:
        for change in happened.changes:
            if isinstance(change, Report) and change.status == "FILLED" and change.order.account is self._makers:
                self._crowds[change.order.new.symbol].lose(change.order)


def _funds(listings: Iterable[Listing]) -> Counter[str]:
    funds = Counter[str]()
    for listing in listings:
        base = _FUNDS * units(listing.display)
        funds[listing.instrument.base] += base
        funds[listing.instrument.quote] += notional(units(listing.price), base)
    return funds


def _open(exchange: Exchange, name: str, funds: Counter[str]) -> Account:
    return exchange.open_account(name, balances=funds, maker_fee=0, taker_fee=0, is_participant=True)
