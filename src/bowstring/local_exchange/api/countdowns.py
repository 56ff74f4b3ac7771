"""The dead-man switch: all open orders of an account are cancelled when its countdown ends, unless it is set anew.

Binance Spot has none. It is asked for in the words of USDⓈ-M futures' ``countdownCancelAll``, and is not one symbol's,
as there, but the whole account's.
"""

import asyncio

from bowstring.local_exchange.api.new_orders import generated_id
from bowstring.local_exchange.clerk import Clerk
from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.exchange import Exchange

REASON = "countdown"


class Countdowns:
    """One countdown an account, at most. Durations are the machine's, whatever the exchange's clock is set to."""

    def __init__(self, exchange: Exchange, *, clerk: Clerk) -> None:
        self._exchange, self._clerk = exchange, clerk
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def begin(self, account: Account, *, ms: int) -> None:
        """Count down, from now on and only once; 0: not any more."""
        if (timer := self._timers.pop(account.uid, None)) is not None:
            timer.cancel()
        if ms:
            self._timers[account.uid] = asyncio.get_running_loop().call_later(ms / 1000, self._end, account)

    def close(self) -> None:
        """Forget all countdowns."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _end(self, account: Account) -> None:
        del self._timers[account.uid]
        self._exchange.cancel_everything(account, new_client_order_id=generated_id(), reason=REASON)
        self._clerk.settle()
