"""What a strategy is told of fills: it writes each down in a file of its own, which is then held against the ledger."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from msgspec import Struct

import bowstring as bs
from faults.bot import Stage
from faults.figures import Figure, Note, Zero
from faults.trial import ACCOUNT, Trial

NAME = "fills"
"""Of the file."""


class Witness(bs.Strategy):
    """Writes down every fill that it is told of."""

    def __init__(self, stage: Stage) -> None:
        self._path = Path(stage.script.folder) / NAME

    async def start(self) -> None:
        self._file = self._path.open("w")

    @bs.on(bs.Fill, all=True)
    def note(self, fill: bs.Fill) -> None:
        self._file.write(f"{fill.symbol} {fill.trade_id} {int(fill.recovered)}\n")
        self._file.flush()


class Fills(Struct, frozen=True):
    """Fills of the account, those told as ``recovered``, those told not at all, twice, and after a newer one."""

    count: int
    recovered: int
    missed: int
    doubled: int
    late: int


class _Told(Struct, frozen=True):
    symbol: str
    trade: int
    recovered: bool


def recovered(on_trial: Trial) -> int:
    """How many fills the strategy has been told of as recovered, up to now."""
    return sum(one.recovered for one in _told(on_trial))


def fills(on_trial: Trial) -> Fills:
    """What the strategy was told, held against the ledger."""
    told = _told(on_trial)
    counts = Counter((one.symbol, one.trade) for one in told)
    audit = on_trial.running.ledger.read().audit
    right = {
        ("/".join(audit.symbols[order.symbol]), fill.trade)
        for order in audit.orders.values()
        if order.account == ACCOUNT
        for fill in order.fills
    }
    return Fills(
        count=len(right),
        recovered=sum(one.recovered for one in told),
        missed=len(right - counts.keys()),
        doubled=sum(count - 1 for count in counts.values()) + len(counts.keys() - right),
        late=sum(one.symbol == next_.symbol and one.trade > next_.trade for one, next_ in pairwise(told)),
    )


def figures(parts: Sequence[Fills]) -> Sequence[Figure]:
    """What is printed of the fills of several bots."""
    count = sum(part.count for part in parts)
    return [
        Note(f"{count:,} fills, {sum(part.recovered for part in parts):,} of them told as recovered"),
        Zero("fills missed", sum(part.missed for part in parts), count),
        Zero("fills told twice", sum(part.doubled for part in parts), count),
        Zero("fills told after a newer one", sum(part.late for part in parts), count),
    ]


def _told(on_trial: Trial) -> Sequence[_Told]:
    lines = (Path(on_trial.script.folder) / NAME).read_text().splitlines()
    return [_Told(symbol, int(trade), flag == "1") for symbol, trade, flag in map(str.split, lines)]
