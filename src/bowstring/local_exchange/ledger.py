"""The ledger: what the local exchange did, one JSON object a line, appended and never changed.

It is what a bot's own record is held against, so it shares no code with the bot: standard library only. Amounts are
decimal strings, times microseconds since the epoch. There are no secrets in it.

| kind | tells |
|---|---|
| start | time_us, version, symbols as {symbol: [base, quote]} |
| account | account, uid, is_participant, deposits as {asset: amount}, maker_fee and taker_fee as shares |
| request | received_us, interface, method, account or null, params: let in, before anything was done |
| refused | the same, and code: not let in, for its key, signature, time or names, or as one too many |
| fault | fault, interface, method, account or null, client_order_id or null: goes wrong on purpose with a request |
| accept | order, account, client_order_id, symbol, side, type, time_in_force, quantity, price, stop_price, prevention |
| trigger | order: the stop is an order from now on |
| fill | symbol, trade, price, quantity, quote, and buyer, seller: account, order, fee, fee_asset, is_maker of each |
| prevent | order, match, quantity, price, other_order: self-trade prevention took that quantity away |
| cancel | order, client_order_id of the cancel; reason, where no client asked for it |
| expire | order, reason |
| balances | account, balances as {asset: [free, locked]}: after a command, of what it may have changed |
| close | time_us, balances as {account: {asset: total}}, fees as {asset: amount}: the exchange was stopped |

All but account, request, refused and fault have the time_us of their command. Orders of a participant, who is part of
the exchange, are in it only if that was asked for; its fills always are.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

VERSION = 1
SECRET = frozenset({"signature", "apiKey", "listenKey"})
"""The parameters of a request that are not written down."""

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class LedgerFile:
    """A new file; raises `FileExistsError` where there is one already. What was appended survives a kill."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._failed: OSError | None = None
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)

    def append(self, lines: Iterable[Mapping[str, object]]) -> None:
        """Write lines, in one call, before this returns.

        Raises `OSError`, and then nothing may be replied; from then on it always does: nothing comes after a gap.
        """
        if self._failed is not None:
            raise self._failed
        data = memoryview("".join(f"{_encode(line)}\n" for line in lines).encode())
        try:
            while data:  # a full disk takes a part, then refuses the rest
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            self._failed = error
            raise

    def close(self) -> None:
        """Nothing is appended any more."""
        os.close(self._descriptor)


def read(path: Path) -> Iterator[dict[str, object]]:
    """The lines of a ledger, oldest first, without a last one cut short. Raises `ValueError` for what is none."""
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, start=1):
            if not text.endswith("\n"):
                return
            line = json.loads(text)
            if not isinstance(line, dict) or "kind" not in line:
                raise ValueError(f"{path} line {number} is no line of a ledger: {text[:80]!r}")
            yield line
