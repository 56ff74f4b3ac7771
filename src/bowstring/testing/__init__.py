"""What a bot's tests need: `react` and builders for the events that they give to a strategy."""

from bowstring.testing.builders import fill, instrument, order_update, position, quote, trade
from bowstring.testing.react import StrategyFailed, react

__all__ = ["StrategyFailed", "fill", "instrument", "order_update", "position", "quote", "react", "trade"]
