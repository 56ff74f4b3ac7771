"""The fair price wanders, is calm and wild by turns, and comes home."""

import math
from itertools import pairwise
from random import Random

from bowstring.local_exchange.fair_price import FairPrice

HOME = 65_000e8


def walk(seed: int, *, steps: int, seconds: float) -> list[float]:
    price = FairPrice(HOME, random=Random(seed))
    return [price.advance(seconds) for _ in range(steps)]


def test_the_same_seed_gives_the_same_walk_and_another_one_another() -> None:
    assert walk(1, steps=50, seconds=1) == walk(1, steps=50, seconds=1) != walk(2, steps=50, seconds=1)


def test_no_time_is_no_change() -> None:
    assert FairPrice(HOME, random=Random(1)).advance(0) == HOME


def test_a_week_stays_within_a_quarter_of_home() -> None:
    for seed in range(5):
        prices = walk(seed, steps=10_080, seconds=60)
        assert HOME * 0.75 < min(prices) < max(prices) < HOME * 1.25


def test_a_minute_moves_it_by_some_basis_points() -> None:
    prices = walk(3, steps=5_000, seconds=60)
    moves = [abs(math.log(after / before)) for before, after in pairwise(prices)]

    assert 3e-4 < sum(moves) / len(moves) < 3e-3


def test_wild_times_last() -> None:
    prices = walk(4, steps=40_000, seconds=1)
    moves = [abs(math.log(after / before)) for before, after in pairwise(prices)]
    blocks = [sum(moves[start : start + 60]) for start in range(0, len(moves), 60)]
    mean = sum(blocks) / len(blocks)
    covariance = sum((one - mean) * (other - mean) for one, other in pairwise(blocks))

    assert covariance / sum((block - mean) ** 2 for block in blocks) > 0.3
