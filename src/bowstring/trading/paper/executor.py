"""Orders on paper: the account is simulated, and lives on the venue's real feed."""

from collections.abc import Sequence

from bowstring.core.components import Emit, on
from bowstring.market.events import Quote, Trade
from bowstring.trading.executor import OrderExecutor, Policy
from bowstring.trading.hedging import HedgeGroup
from bowstring.trading.paper.gateway import PaperGateway


class PaperExecutor(OrderExecutor):
    """Shows its gateway every quote and trade of the venue, before any strategy sees it."""

    def __init__(
        self,
        gateway: PaperGateway,
        *,
        on_stop: Policy = "cancel",
        on_halt: Policy = "cancel",
        hedges: Sequence[HedgeGroup] = (),
    ) -> None:
        super().__init__(gateway, on_stop=on_stop, on_halt=on_halt, hedges=hedges)
        self._paper = gateway

    async def start(self, emit: Emit) -> None:
        """Begin as any order executor does."""
        self._paper.clock = self.clock  # the one that stamps the events
        await super().start(emit)

    @on(Quote)
    def show_quote(self, quote: Quote) -> None:
        """Let what is displayed fill orders."""
        self._show(quote)

    @on(Trade)
    def show_trade(self, trade: Trade) -> None:
        """Let what was traded fill orders."""
        self._show(trade)

    def _show(self, event: Quote | Trade) -> None:
        if event.venue == self.venue:
            self._paper.observe(event)
