"""What tests need: `react` and builders of events for strategies, the conformance suite for gateways."""

from bowstring.testing.builders import fill, instrument, order_update, position, quote, trade
from bowstring.testing.conformance.promise import PromiseBroken
from bowstring.testing.conformance.suite import GatewayConformance
from bowstring.testing.conformance.venue import VenueUnderTest
from bowstring.testing.react import StrategyFailed, react

__all__ = [
    "GatewayConformance",
    "PromiseBroken",
    "StrategyFailed",
    "VenueUnderTest",
    "fill",
    "instrument",
    "order_update",
    "position",
    "quote",
    "react",
    "trade",
]
