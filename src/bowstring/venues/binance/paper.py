"""Paper trading on Binance Spot's live market data."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from bowstring.core.clock import Clock
from bowstring.market.decimals import checked_decimal
from bowstring.trading.executor import Policy
from bowstring.trading.hedging import HedgeGroup
from bowstring.trading.paper.executor import PaperExecutor
from bowstring.trading.paper.gateway import PaperGateway
from bowstring.venues.binance.listing import Listing

FEE = Decimal("0.001")  # of an account without discounts, maker and taker
BALANCES = {"USDT": Decimal(100_000)}


def paper_executor(
    venue: str,
    *,
    listing: Listing,
    balances: Mapping[str, Decimal],
    maker_fee: Decimal,
    taker_fee: Decimal,
    latency_s: float,
    on_stop: Policy,
    on_halt: Policy,
    hedges: Sequence[HedgeGroup],
) -> PaperExecutor:
    """The executor of a simulated account. Raises `ConfigError` for amounts that are no `Decimal`."""
    for currency, amount in balances.items():
        checked_decimal(amount, f"{venue} balance of {currency}")
    gateway = PaperGateway(
        venue,
        clock=Clock(),
        instruments=listing.wanted,
        balances=balances,
        latency_s=latency_s,
        maker_fee=checked_decimal(maker_fee, f"{venue} maker_fee"),
        taker_fee=checked_decimal(taker_fee, f"{venue} taker_fee"),
    )
    return PaperExecutor(gateway, on_stop=on_stop, on_halt=on_halt, hedges=hedges)
