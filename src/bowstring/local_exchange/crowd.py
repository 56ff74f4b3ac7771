"""Those who trade one symbol: where makers quote, when takers come, and what they take.

Makers have `SLOTS` quotes a side around the fair price. Each lives for a while, the near ones for seconds; then it is
cancelled and placed anew around what is fair by then. Takers come in waves of one side, sometimes in a burst, and less
often on the side where they have too much already. Who would quote through a quote of the other side takes that one
instead. Where few prices are left, nobody takes any, and makers quote where there is none.

Distances and sizes are of the order of those recorded on Binance in 2021: lognormal sizes, larger behind the touch,
and gaps of one tick where a tick is a basis point or more.
"""

import heapq
import math
from itertools import count
from random import Random

from msgspec import Struct

from bowstring.local_exchange.desk import Desk
from bowstring.local_exchange.fair_price import FairPrice
from bowstring.local_exchange.feed import Market as Listing
from bowstring.local_exchange.matching.accounts import Order
from bowstring.local_exchange.matching.market import Market
from bowstring.local_exchange.matching.rules import UNIT, units

SLOTS = 50  # quotes a side
ENOUGH = 26  # prices a side, so that at least 20 are left when a taker has swept some
_SWEEP = 5  # prices at most

_GAP = 0.3e-4  # between neighbouring quotes, of the price, if that is more than a tick
_NEAREST = 0.05e-4  # how far the first quote is away, on average
_LIVES_S, _LONGER = 2.5, 0.35  # the first quote, and by how much of that each one behind it longer
_BACK_S = 0.5  # how soon a quote that was taken is back
_ARBITRAGE_S = 0.05

_WAVES = 1.3  # a second
_GOES_ON, _PAUSE_S = 0.5, 0.7  # a wave has two takers on average
_BURSTS, _BURST_GOES_ON, _BURST_PAUSE_S = 0.01, 0.95, 0.06
_TOO_MUCH = 300.0  # times the displayed quantity: then nearly all takers are on the other side


class _Slot(Struct, eq=False):
    """One maker's quote, and when it is to be renewed."""

    is_buy: bool
    rank: int
    order: Order | None = None
    due_s: float = 0.0


class _Wave(Struct, eq=False):
    """Takers of one side, one after the other. None: whoever comes first will decide."""

    is_buy: bool
    goes_on: float
    pause_s: float


class Crowd:
    """All participants in one symbol. ``speed`` times as many of them come as in life; times are seconds."""

    def __init__(
        self, listing: Listing, market: Market, *, makers: Desk, takers: Desk, random: Random, speed: float
    ) -> None:
        self._market, self._book = market, market.book
        self._makers, self._takers = makers, takers
        self._random, self._speed = random, speed
        self._fair = FairPrice(float(units(listing.price)), random=random)
        self._tick, self._lot = market.rules.tick, market.rules.lot
        self._display = units(listing.display) / self._lot
        self._least = math.ceil(1.5 * market.rules.min_notional * UNIT / units(listing.price) / self._lot)
        self._most = market.rules.max_quantity // self._lot
        self._now_s, self._bought = 0.0, 0.0
        self._numbers = count()
        self._agenda: list[tuple[float, int, _Slot | _Wave | None]] = []
        self._quoted: dict[int, _Slot] = {}
        for rank in range(SLOTS):
            for is_buy in (True, False):
                self._schedule(_Slot(is_buy, rank), 0.0)
        self._await_wave()

    @property
    def due_s(self) -> float:
        """When it acts next."""
        return self._agenda[0][0]

    def act(self) -> None:
        """Do what is due."""
        due_s, _, what = heapq.heappop(self._agenda)
        self._fair.advance(due_s - self._now_s)
        self._now_s = due_s
        if isinstance(what, _Slot):
            self._renew(what)
        elif what is None:
            self._begin_wave()
            self._await_wave()
        else:
            self._take(what)
        self._drop_superseded()

    def lose(self, order: Order) -> None:
        """One of the quotes may have been taken: then it will be back soon."""
        slot = self._quoted.pop(order.id, None)
        if slot is not None:
            slot.order = None
            self._schedule(slot, self._after(_BACK_S))
            self._drop_superseded()

    def _renew(self, slot: _Slot) -> None:
        if slot.order is not None:
            del self._quoted[slot.order.id]
            self._makers.cancel(slot.order)
            slot.order = None
        price = self._price(slot)
        others = self._book.side(is_buy=not slot.is_buy)
        best = others.best
        if best is not None and others.crosses(price):
            if len(others.levels) >= ENOUGH:
                self._buy_or_sell(slot.is_buy, others.levels[best].quantity, price=best)
                self._schedule(slot, self._after(_ARBITRAGE_S))
                return
            price = best - self._tick if slot.is_buy else best + self._tick
        self._quote(slot, price)

    def _quote(self, slot: _Slot, price: int) -> None:
        own = self._book.side(is_buy=slot.is_buy).levels
        if len(own) < ENOUGH:
            while price in own:
                price += -self._tick if slot.is_buy else self._tick
        quantity = self._size(0.5 + slot.rank / 10, median=0.5)
        slot.order = self._makers.place(slot.is_buy, quantity, price=price)
        if slot.order is not None:
            self._quoted[slot.order.id] = slot
        self._schedule(slot, self._after(_LIVES_S * (1 + slot.rank * _LONGER)))

    def _price(self, slot: _Slot) -> int:
        """On the tick, at the slot's distance from the fair price."""
        fair, random = self._fair.value, self._random
        gap = max(self._tick, fair * _GAP)
        distance = random.expovariate(1 / (fair * _NEAREST)) + slot.rank * gap * random.uniform(0.8, 1.2)
        if slot.is_buy:
            return max(1, math.floor((fair - distance) / self._tick)) * self._tick
        return math.ceil((fair + distance) / self._tick) * self._tick

    def _begin_wave(self) -> None:
        is_buy = self._random.random() < 0.5 - 0.5 * math.tanh(self._bought / self._display / _TOO_MUCH)
        if self._random.random() < _BURSTS:
            self._take(_Wave(is_buy, _BURST_GOES_ON, _BURST_PAUSE_S))
        else:
            self._take(_Wave(is_buy, _GOES_ON, _PAUSE_S))

    def _await_wave(self) -> None:
        self._put(self._after(1 / _WAVES), None)

    def _take(self, wave: _Wave) -> None:
        others = self._book.side(is_buy=not wave.is_buy)
        if len(others.levels) >= ENOUGH:
            most = sum(quantity for _, quantity in self._book.depth(_SWEEP, is_bid=not wave.is_buy))
            quantity = min(self._size(1.0, median=0.15), most)
            kind = self._random.random()
            price = others.best if kind < 0.4 else None
            self._buy_or_sell(wave.is_buy, quantity, price=price, in_quote=kind > 0.95)
        if self._random.random() < wave.goes_on:
            self._put(self._after(wave.pause_s), wave)

    def _buy_or_sell(self, is_buy: bool, quantity: int, *, price: int | None = None, in_quote: bool = False) -> None:
        quantity = self._allowed(quantity // self._lot)
        order = self._takers.take(is_buy, quantity, price=price, in_quote=in_quote)
        if order is not None:
            lots = order.executed / self._lot
            self._bought += lots if is_buy else -lots

    def _size(self, times: float, *, median: float) -> int:
        """A quantity: ``median`` and ``times`` are shares of what is usually displayed at the touch."""
        lots = int(self._display * times * median * self._random.lognormvariate(0, 1.1))
        return self._allowed(lots)

    def _allowed(self, lots: int) -> int:
        """The quantity, if it is neither too little nor too much for one order; else the next that is not."""
        return min(max(self._least, lots), self._most) * self._lot

    def _after(self, mean_s: float) -> float:
        return self._now_s + self._random.expovariate(self._speed / mean_s)

    def _schedule(self, slot: _Slot, due_s: float) -> None:
        slot.due_s = due_s
        self._put(due_s, slot)

    def _drop_superseded(self) -> None:
        """Forget when the next quotes were to be renewed if they are to be at another time now."""
        while isinstance(what := self._agenda[0][2], _Slot) and what.due_s != self._agenda[0][0]:
            heapq.heappop(self._agenda)

    def _put(self, due_s: float, what: _Slot | _Wave | None) -> None:
        heapq.heappush(self._agenda, (due_s, next(self._numbers), what))
