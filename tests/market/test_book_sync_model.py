"""Whatever is lost, doubled or late: a book is readable when a naive model says so, and then it is the venue's.

The model keeps no levels sorted and knows the truth: it says from which snapshot and which changes a book came, and
reads the venue's own book as far as that snapshot went.
"""

from collections import Counter
from collections.abc import Sequence
from decimal import Context, Decimal
from itertools import dropwhile
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from bowstring.market.book import OrderBook
from bowstring.market.book_sync import BookSync, Diff, Snapshot

BIDS, ASKS = 0, 1
UPDATES = 60
STEP = 10  # of the ids that have holes
PRICES = [Decimal(price) for price in range(95, 146, 5)]
QUANTITIES = [Decimal(quantity) for quantity in ("0.5", "3", "8", "20")]

Side = dict[Decimal, Decimal]
Reading = Decimal | tuple[Decimal, Decimal] | Sequence[tuple[Decimal, Decimal]] | None


class Venue:
    """A market that moves: both sides after each update, by its number, and changes that sum up one to three each."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._mid = 120
        self.truth: list[tuple[Side, Side]] = [({}, {})]
        self.changes: list[Diff] = []
        while len(self.truth) <= UPDATES:
            self.changes.append(self._change(updates=random.randint(1, 3)))

    def snapshot(self, update: int, *, limit: int) -> Snapshot:
        """As a venue gives it: the best levels, and no word of whether there are more."""
        bids, asks = self.truth[update]
        sides = sorted(bids.items(), reverse=True)[:limit], sorted(asks.items())[:limit]
        is_whole = all(len(side) < limit for side in sides)
        return Snapshot(update_id=update, bids=sides[BIDS], asks=sides[ASKS], is_whole=is_whole)

    def _change(self, *, updates: int) -> Diff:
        first = len(self.truth)
        bids, asks = Side(), Side()
        for _ in range(updates):
            self._update(bids, asks)
        return Diff(first=first, last=len(self.truth) - 1, bids=list(bids.items()), asks=list(asks.items()))

    def _update(self, *changed: Side) -> None:
        """Some levels change on both sides, and those that the price goes through vanish: a true book never crosses."""
        self._mid += self._random.randint(-2, 2)
        sides = Side(self.truth[-1][BIDS]), Side(self.truth[-1][ASKS])
        for side, changes, away in zip(sides, changed, (-1, +1), strict=True):
            news = {price: Decimal(0) for price in side if (price - self._mid) * away <= 0} | self._levels(away)
            changes.update(news)
            side.update(news)
            for price in [price for price, quantity in side.items() if not quantity]:
                del side[price]
        self.truth.append(sides)

    def _levels(self, away: int) -> Side:
        random = self._random
        prices = [Decimal(self._mid + away * random.randint(1, 6)) for _ in range(random.randint(0, 2))]
        return {price: Decimal(random.randint(0, 3)) for price in prices}


class Model:
    """Which update a book may be read at, ``at``, or None; ``step`` is that of the ids."""

    def __init__(self, venue: Venue, *, step: int) -> None:
        self._truth, self._step = venue.truth, step
        self.at: int | None = None
        self.is_cut = False
        self._told: tuple[Side, Side] = ({}, {})
        self._known: list[Decimal | None] = [None, None]  # how far the snapshot went
        self._waiting: list[Diff] = []
        self._has_joined = False  # a change has followed the snapshot
        self._late: int | None = None  # the last of the changes since then that came twice or late

    def take(self, diff: Diff) -> None:
        if self.at is None:
            self._waiting.append(diff)
        elif before(diff) > self.at:
            self.at, self._waiting = None, [diff]
        elif diff.last > self.at:
            self.at, self._has_joined, self._late = diff.last, True, None
            for told, news in zip(self._told, (diff.bids, diff.asks), strict=True):
                told |= dict(news)
            self._look()
        elif self._has_joined and self._late is not None and diff.last > self._late:
            self.at, self._waiting = None, [diff]
        else:
            self._late = diff.last

    def take_snapshot(self, snapshot: Snapshot) -> None:
        waiting = list(dropwhile(lambda diff: diff.last <= snapshot.update_id, self._waiting))
        if waiting and before(waiting[0]) > snapshot.update_id:
            return
        self.at, self._waiting = snapshot.update_id, []
        self._has_joined, self._late = False, None
        self._told = dict(snapshot.bids), dict(snapshot.asks)
        self.is_cut = not snapshot.is_whole
        worst = min(self._told[BIDS], default=None), max(self._told[ASKS], default=None)
        self._known = list(worst) if self.is_cut else [None, None]
        for diff in waiting:
            self.take(diff)

    def readings(self) -> list[Reading]:
        """What `readings` has to find."""
        if self.at is None:
            return [None] * (4 + 2 * len(PRICES) + 2 * len(QUANTITIES))
        return [
            *(next(iter(self._levels(side)), None) for side in (BIDS, ASKS)),
            *(levels_of(self._told[side], side) for side in (BIDS, ASKS)),
            *(self._depth(side, price) for side in (BIDS, ASKS) for price in PRICES),
            *(self._average(side, quantity) for side in (BIDS, ASKS) for quantity in QUANTITIES),
        ]

    def _look(self) -> None:
        """Where the touch is beyond what the snapshot showed, nobody can know it."""
        for side, known in enumerate(self._known):
            touch = next(iter(self._levels(side)), None)
            if known is not None and (touch is None or beyond(touch[0], known, side)):
                self.at, self._waiting = None, []

    def _levels(self, side: int) -> list[tuple[Decimal, Decimal]]:
        """The venue's own, best first."""
        return [] if self.at is None else levels_of(self._truth[self.at // self._step][side], side)

    def _depth(self, side: int, price: Decimal) -> Decimal | None:
        known = self._known[side]
        if known is not None and beyond(price, known, side):
            return None
        return sum((quantity for p, quantity in self._levels(side) if not beyond(p, price, side)), Decimal(0))

    def _average(self, side: int, quantity: Decimal) -> Decimal | None:
        known, left, cost = self._known[side], quantity, Decimal(0)
        for price, displayed in self._levels(side):
            if known is not None and beyond(price, known, side):
                return None
            cost += min(left, displayed) * price
            left -= min(left, displayed)
            if not left:
                return Context(prec=50).divide(cost, quantity)
        return None


def levels_of(side: Side, which: int) -> list[tuple[Decimal, Decimal]]:
    return sorted(((price, quantity) for price, quantity in side.items() if quantity), reverse=which == BIDS)


def beyond(price: Decimal, limit: Decimal, side: int) -> bool:
    return price < limit if side == BIDS else price > limit


def before(diff: Diff) -> int:
    """The update that a change follows."""
    return diff.first - 1 if diff.previous is None else diff.previous


def readings(book: OrderBook) -> list[Reading]:
    """All that can be read of a book."""
    return [
        book.bid,
        book.ask,
        book.bids(),
        book.asks(),
        *(book.bid_depth(price) for price in PRICES),
        *(book.ask_depth(price) for price in PRICES),
        *(book.sell_vwap(quantity) for quantity in QUANTITIES),
        *(book.buy_vwap(quantity) for quantity in QUANTITIES),
    ]


def compare(sync: BookSync, model: Model) -> None:
    assert sync.book.is_valid is (model.at is not None)
    assert readings(sync.book) == model.readings()
    if model.at is None:
        assert sync.problem
    else:
        assert (sync.book.update_id, sync.problem) == (model.at, "")


def disturbed(random: Random, stream: Sequence[Diff]) -> list[Diff]:
    """The stream with changes lost, doubled and late."""
    disturbed = list(stream)
    for _ in range(random.randint(0, 5)):
        place = random.randrange(len(disturbed))
        fault = random.choice(["lose", "double", "late"])
        diff = disturbed[place] if fault == "double" else disturbed.pop(place)
        if fault != "lose":
            disturbed.insert(random.randint(place, len(disturbed)), diff)
    return disturbed


def with_holes(diff: Diff) -> Diff:
    """The same change with ids as of futures: others are between them, so it names the one before."""
    return structs.replace(diff, first=STEP * diff.first - 3, last=STEP * diff.last, previous=STEP * (diff.first - 1))


def follow(seed: int, *, has_holes: bool) -> Counter[str]:
    """Compare book and model after every change and every snapshot; returns what happened."""
    random = Random(seed)
    venue = Venue(random)
    step, limit = STEP if has_holes else 1, random.choice([2, 4, 1000])
    sync, model = BookSync(OrderBook(venue="binance", symbol="BTC/USDT")), Model(venue, step=step)
    seen = Counter[str]()
    for diff in disturbed(random, [with_holes(diff) if has_holes else diff for diff in venue.changes]):
        was_valid = sync.book.is_valid
        outcome = sync.take(diff)
        model.take(diff)
        compare(sync, model)
        assert (outcome == "lost") is (was_valid and model.at is None)
        if not sync.book.is_valid and random.random() < 0.5:
            update = min(max(diff.last // step + random.randint(-9, 6), 0), UPDATES)
            snapshot = venue.snapshot(update, limit=limit)
            snapshot = structs.replace(snapshot, update_id=update * step + random.randrange(step))
            is_synced = sync.take_snapshot(snapshot)
            model.take_snapshot(snapshot)
            compare(sync, model)
            assert is_synced is sync.book.is_valid
        seen["cut" if model.is_cut else "whole"] += sync.book.is_valid
        seen["two sides"] += None not in (sync.book.bid, sync.book.ask)
    return seen + Counter(structs.asdict(sync.counts))


@given(seed=st.integers(0, 2**32), has_holes=st.booleans())
def test_a_book_is_readable_exactly_when_it_is_known_to_be_the_venues_and_reads_as_that(
    seed: int, has_holes: bool
) -> None:
    follow(seed, has_holes=has_holes)


@pytest.mark.parametrize("has_holes", [False, True])
def test_that_property_sees_all_that_can_happen(has_holes: bool) -> None:
    """Else it would hold for a book that is never valid."""
    seen = sum((follow(seed, has_holes=has_holes) for seed in range(40)), Counter[str]())

    often = ["cut", "whole", "two sides", "changes", "ignored", "snapshots", "stale_snapshots", "gaps", "exhausted"]
    assert {what: seen[what] for what in often if seen[what] < 20} == {}
    assert seen["crossed"] == 0
