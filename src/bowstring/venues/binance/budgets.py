"""What is left of what Binance grants this process: one budget for each host, whoever asks.

Binance counts by IP address, so the budget of one venue object would be used up by another. What it says is used comes
with its answers, too late for two that ask at once.
"""

from urllib.parse import urlsplit

from bowstring.core.errors import ConfigError
from bowstring.net.budget import WeightBudget
from bowstring.net.http import public_url
from bowstring.venues.binance.markets import Market

DEFAULT_PORTS = {"http": 80, "https": 443}
CANCEL_RESERVE = 600  # of the weight of a minute; a cancel weighs 1

_budgets: dict[tuple[str, str, int], WeightBudget] = {}  # by market, host and port


def budget_of(market: Market, url: str, *, limit: int | None) -> WeightBudget:
    """The one for this URL's host; ``limit``, if it is not the market's, is what a minute's requests may weigh.

    Raises `ConfigError` for a wrong URL, and for another limit than the one in force.
    """
    parts = urlsplit(public_url(url))
    host = str(parts.hostname)  # in small letters
    key = market.venue, host, parts.port or DEFAULT_PORTS[parts.scheme]
    budget = _budgets.get(key)
    if budget is None:
        budget = WeightBudget(
            market.weight_limit if limit is None else limit, reserve=CANCEL_RESERVE, header="X-MBX-USED-WEIGHT-1M"
        )
        _budgets[key] = budget
    if limit not in (None, budget.limit):
        raise ConfigError(
            f"Binance weight_limit {limit}: in this process {host} has one of {budget.limit} already; give all the same"
        )
    return budget
