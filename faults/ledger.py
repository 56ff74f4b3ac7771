"""The exchange's ledger, followed as it grows."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from msgspec import convert

from bowstring.local_exchange.audit import Audit

Line = Mapping[str, object]


class Ledger:
    """All ``lines`` that were read, what they amount to by `Audit`, and each account's ``deposits``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.audit = Audit()
        self.deposits: dict[str, dict[str, Decimal]] = {}
        self.lines: list[dict[str, object]] = []
        self._read_to = 0

    def read(self) -> "Ledger":
        """Read what was written since; returns itself."""
        new = [*self._new()]
        self.audit.follow(new)
        for line in new:
            if line["kind"] == "account":
                self.deposits[str(line["account"])] = _amounts(line["deposits"])
        self.lines += new
        return self

    def requests(self, account: str, *methods: str) -> list[Line]:
        """The requests of an account that were let in, oldest first; those of ``methods``, or all."""
        return [
            line
            for line in self.lines
            if line["kind"] == "request" and line["account"] == account and (not methods or line["method"] in methods)
        ]

    def _new(self) -> Iterator[dict[str, object]]:
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            whole, end, _rest = file.read().rpartition(b"\n")
        self._read_to += len(whole) + len(end)
        return map(json.loads, whole.splitlines())


def _amounts(deposits: object) -> dict[str, Decimal]:
    return {asset: Decimal(amount) for asset, amount in convert(deposits, dict[str, str]).items()}
