"""What is not the bot's is left alone, and what it leaves is named."""

import asyncio
import contextlib

from bowstring.trading.dead_man import DeadMan
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.gateway import OrderRef
from bowstring.trading.journal.file_lock import FileLock
from bowstring.trading.orders import Order
from simulation.mutants.registry import EXECUTOR, PATH, mutant


@mutant(
    "a second instance on the same account is not refused",
    "bowstring.trading.journal.file.FileLock",
    "bowstring.trading.journal.account_lock.FileLock",
    by="a second instance is at work",
)
class Unlocked(FileLock):
    def acquire(self, what: str, *, now_ns: int) -> None:
        pass


@mutant("all orders of the account are cancelled at a stop, foreign ones too", EXECUTOR, by="foreign order")
class Sweeping(OrderExecutor):
    async def _wind_up(self) -> list[Order]:
        for order in self.blotter.external.values():
            with contextlib.suppress(Exception):
                await self._gateway.cancel(OrderRef(symbol=order.symbol, client_order_id=order.report.client_order_id))
        return await super()._wind_up()


@mutant("what may be alive after a stop is not named", EXECUTOR, by="alive without being named")
class Discreet(OrderExecutor):
    async def _wind_up(self) -> list[Order]:
        await super()._wind_up()
        return []


@mutant("a stop before the venue was reached names nothing", EXECUTOR, by="alive without being named")
class Curt(OrderExecutor):
    async def _wind_up(self) -> list[Order]:
        return await super()._wind_up() if self._connection.is_made else []


@mutant(
    "a renewal of the dead-man switch that is never answered is waited for",
    PATH + "DeadMan",
    by="its dead-man switch is armed",
)
class Patient(DeadMan):
    async def _renew(self) -> None:
        call = asyncio.get_running_loop().create_task(self._call())
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        self._desk.adopt(call)
        await asyncio.wait({call}, timeout=self._period_s)
        if failure := self._failure(call):
            self._problem = f"its dead-man switch was not renewed: {failure}"
