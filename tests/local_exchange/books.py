"""A ledger that is audited as it is written, instead of kept in a file."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from bowstring.local_exchange.audit import Audit
from bowstring.local_exchange.ledger import LedgerFile


class AuditedLedger(LedgerFile):
    """Every line goes through JSON, as to a file, and into ``audit``; ``lines`` keeps it."""

    def __init__(self) -> None:
        self.path, self.audit, self.lines = Path("nowhere"), Audit(), list[dict[str, object]]()

    def append(self, lines: Iterable[Mapping[str, object]]) -> None:
        written = [json.loads(json.dumps(line)) for line in lines]
        self.lines += written
        self.audit.follow(written)

    def close(self) -> None:
        """Nothing to close."""
