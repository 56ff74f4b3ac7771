"""``bowstring record``: a bot that only records."""

import asyncio
from collections.abc import Sequence

from bowstring.core.components import Collector, Emit
from bowstring.core.run import run
from bowstring.net.recorder import Recorder
from bowstring.venues.binance import Binance, BinanceFutures


class _Timeout(Collector):
    """Ends the bot: it is the only source that may come to an end."""

    finite = True

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def run(self, emit: Emit) -> None:
        """Wait."""
        await asyncio.sleep(self._seconds)


def record(
    symbols: Sequence[str],
    recorder: Recorder,
    *,
    futures: bool,
    books: bool,
    seconds: float | None,
    rest_url: str | None,
    ws_url: str | None,
) -> None:
    """Record until a signal comes, or for so many seconds."""
    collectors: list[Collector] = [] if seconds is None else [_Timeout(seconds)]
    depth = symbols if books else ()
    if futures:
        perpetuals = BinanceFutures("live", rest_url=rest_url, ws_url=ws_url, recorder=recorder)
        collectors.append(
            perpetuals.stream(quotes=symbols, trades=symbols, books=depth, mark_prices=symbols, liquidations=symbols)
        )
    else:
        spot = Binance("paper", rest_url=rest_url, ws_url=ws_url, recorder=recorder)
        collectors.append(spot.stream(quotes=symbols, trades=symbols, books=depth))
    run(collectors=collectors)
