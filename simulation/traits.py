"""What a simulated venue is like, and the bot's connection to it."""

from random import Random

from msgspec import Struct
from msgspec.structs import replace

PATIENCE_S = 20.0  # longer than a recovery takes in which there is nothing to wait for


class Traits(Struct, frozen=True, kw_only=True):
    """What differs between venues and their gateways. ``slow_question`` is what takes long to be answered."""

    replaces_natively: bool
    keeps_order: bool
    is_async: bool
    offers_cancel_after: bool
    validity_s: float
    query_lag_s: float
    latency_s: float
    slow_question: str


def draw_traits(random: Random, *, is_patient: bool) -> Traits:
    """The traits of one venue; one that ``is_patient`` accepts requests for long."""
    traits = Traits(
        replaces_natively=random.random() < 0.5,
        keeps_order=random.random() < 0.5,
        is_async=random.random() < 0.5,
        offers_cancel_after=random.random() < 0.7,
        validity_s=random.choice([1.0, 3.0, 8.0, 8.0]),
        query_lag_s=random.choice([0.0, 0.5, 2.0, 5.0, 5.0]),
        latency_s=random.choice([0.001, 0.02, 0.16]),  # a stop gives 1 s to two answers, each twice 1.5 times that
        slow_question=random.choice(["open orders", "query", "fills", "balances", "balances"]),
    )
    return replace(traits, validity_s=PATIENCE_S) if is_patient else traits
