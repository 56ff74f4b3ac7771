"""`GatewayConformance`: all checks of a `Gateway` with its collectors."""

from bowstring.testing.conformance.account import AccountChecks
from bowstring.testing.conformance.connection import ConnectionChecks
from bowstring.testing.conformance.dead_man import DeadManChecks
from bowstring.testing.conformance.fills import FillChecks
from bowstring.testing.conformance.market import MarketChecks
from bowstring.testing.conformance.money import MoneyChecks
from bowstring.testing.conformance.orders import OrderChecks
from bowstring.testing.conformance.random_day import RandomDayChecks
from bowstring.testing.conformance.refusals import RefusalChecks
from bowstring.testing.conformance.replacing import ReplacingChecks
from bowstring.testing.conformance.sending import RequestChecks
from bowstring.testing.conformance.takers import TakerChecks


class GatewayConformance(
    ConnectionChecks,
    AccountChecks,
    OrderChecks,
    RefusalChecks,
    RequestChecks,
    FillChecks,
    TakerChecks,
    MoneyChecks,
    ReplacingChecks,
    MarketChecks,
    DeadManChecks,
    RandomDayChecks,
):
    """What a `Gateway` with its collectors must do: some sixty tests, each with a venue of its own.

    Subclass it in a file that pytest collects, as ``TestMyVenue``, and write ``venue``, an asynccontextmanager that
    yields a `VenueUnderTest`. The tests are coroutines: with pytest-asyncio in its strict mode, mark the subclass with
    ``pytest.mark.asyncio``. They raise `PromiseBroken` with the promise that is broken. A subclass may have fixtures of
    its own, so ``venue`` can use what an autouse fixture put on ``self``.
    """
