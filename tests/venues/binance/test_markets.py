import pytest

from bowstring.core.errors import ConfigError
from bowstring.venues.binance.markets import FUTURES, SPOT, Market
from bowstring.venues.binance.payloads import KINDS


@pytest.mark.parametrize(
    ("market", "levels", "weight"),
    [
        (SPOT, 1, 5), (SPOT, 100, 5), (SPOT, 101, 25), (SPOT, 500, 25), (SPOT, 1000, 50), (SPOT, 5000, 250),
        (FUTURES, 50, 2), (FUTURES, 100, 5), (FUTURES, 500, 10), (FUTURES, 1000, 20),
    ],
)  # fmt: skip
def test_a_snapshot_has_the_documented_weight(market: Market, levels: int, weight: int) -> None:
    assert market.weight(levels) == weight
    assert market.weight(market.limit(levels)) == weight
    assert market.limit(levels) >= levels


@pytest.mark.parametrize(("market", "levels"), [(SPOT, 0), (SPOT, -1), (SPOT, 5001), (FUTURES, 1001)])
def test_more_levels_than_there_are_are_refused(market: Market, levels: int) -> None:
    with pytest.raises(ConfigError, match=f"{levels} levels of a book: give 1 to {market.weights[-1][0]}"):
        market.weight(levels)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_futures_is_served_at_one_of_two_paths_and_of_spot_at_the_root(kind: str) -> None:
    public = {"bookTicker", "depth", "depth@100ms", "depth5", "depth10", "depth20"}
    is_public = kind in public or kind.startswith("depth")

    assert FUTURES.route(kind) == ("/public" if is_public else "/market")
    assert SPOT.route(kind) == ""
