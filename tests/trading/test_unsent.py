"""An order waits for its record, and is not sent without it; what waits can be withdrawn."""

import asyncio
from collections.abc import Awaitable, Sequence
from decimal import Decimal

import pytest

from bowstring.core.errors import NotSent
from bowstring.core.messages import Action, ActionExpired, ActionFailed
from bowstring.trading import unsent
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.messages import CancelOrder, OrderUpdate, ReplaceOrder
from bowstring.trading.new_orders import NewOrder, new_id
from bowstring.trading.strategy import Strategy
from tests.trading.bot import Bot, buy, simulated, until
from tests.trading.scripted import ScriptedGateway, rejected


class Storage(MemoryJournal):
    """Intents that are written when the test says so. ``order`` has what happened: records and sends."""

    def __init__(self, gateway: ScriptedGateway, *, is_late: bool = False) -> None:
        super().__init__()
        self.batches: list[list[str]] = []
        self.sent_before: list[int] = []
        self.error: BaseException | None = None
        self.is_late = is_late
        self._gateway = gateway
        self._pending: list[asyncio.Future[None]] = []

    def record(self, orders: Sequence[NewOrder], /) -> Awaitable[None] | None:
        super().record(orders)
        self.batches.append([new_id(order) for order in orders])
        self.sent_before.append(self._gateway.count("place") + self._gateway.count("replace"))
        if not self.is_late:
            if self.error is not None:
                raise self.error
            return None
        pending = asyncio.get_running_loop().create_future()
        self._pending.append(pending)
        return pending

    def finish(self) -> None:
        """End the oldest pending record."""
        pending = self._pending.pop(0)
        if self.error is not None:
            pending.set_exception(self.error)
        else:
            pending.set_result(None)


def stored(*, is_late: bool = False) -> tuple[Bot, Storage]:
    gateway = ScriptedGateway()
    storage = Storage(gateway, is_late=is_late)
    return Bot(gateway, journal=storage, make=Transparent), storage


class Transparent(OrderExecutor):
    def has_unsent(self) -> bool:
        return self._unsent.withdraw(lambda _order: True, reason="asked")


@simulated
async def test_all_orders_of_one_handler_are_recorded_in_one_call_before_the_first_is_sent() -> None:
    bot, storage = stored()
    async with bot:
        old = await bot.open()
        replace = ReplaceOrder(client_order_id=old, quantity=Decimal(1), price=Decimal(99))
        first, second = buy(), buy()
        bot.do(first, replace, CancelOrder(client_order_id="never"), second)
        await until(lambda: bot.closing(replace))

        batch = [first.client_order_id, replace.new_client_order_id, second.client_order_id]
        assert storage.batches == [[old], batch]
        assert storage.sent_before == [0, 1]


@simulated
async def test_cancels_are_not_recorded() -> None:
    bot, storage = stored()
    async with bot:
        order = await bot.open()
        bot.cancel(order)

        assert len(storage.batches) == 1


@pytest.mark.parametrize("error", [OSError("disk full"), NotSent("disk full"), asyncio.CancelledError("disk full")])
@pytest.mark.parametrize("is_late", [False, True])
@simulated
async def test_without_a_record_no_order_is_sent_but_the_cancels_of_the_batch_are(
    error: BaseException, is_late: bool
) -> None:
    bot, storage = stored()
    async with bot:
        old = await bot.open()
        storage.error, storage.is_late = error, is_late
        order, cancel = buy(), CancelOrder(client_order_id=old)
        bot.do(order, cancel)
        if is_late:
            storage.finish()
        await until(lambda: bot.closing(order) and bot.closing(cancel))

        assert isinstance(bot.closing(order), ActionFailed)
        assert "disk full" in bot.outcome(order)[1]
        assert bot.statuses(order.client_order_id) == ["failed"]
        assert bot.status(old) == "cancelled"
        assert bot.gateway.count("place") == 1
        storage.error, storage.is_late = None, False
        await bot.open()


@simulated
async def test_an_order_waits_for_its_record() -> None:
    bot, storage = stored(is_late=True)
    async with bot:
        order = bot.place()
        await asyncio.sleep(1)
        assert bot.gateway.count("place") == 0
        assert bot.trader.orders[order].status == "pending"

        storage.finish()
        await asyncio.sleep(0.1)
        assert bot.status(order) == "open"


@simulated
async def test_no_more_orders_wait_than_there_is_room_for_and_the_others_are_refused() -> None:
    bot, storage = stored(is_late=True)
    async with bot:
        bot.do(*(buy() for _ in range(unsent.MAX_UNSENT)))
        order = bot.place()

        assert bot.outcome(order) == ("ActionRefused", f"{unsent.MAX_UNSENT} orders wait to be sent to venue")
        assert bot.statuses(order) == ["refused"]
        assert [len(batch) for batch in storage.batches] == [unsent.MAX_UNSENT]


@simulated
async def test_the_deadline_is_checked_again_after_the_record() -> None:
    bot, storage = stored(is_late=True)
    async with bot:
        in_time, late = bot.place(valid_for_s=2.0), bot.place(valid_for_s=1.0)
        await asyncio.sleep(0.999999)
        storage.finish()
        await asyncio.sleep(0.000002)
        storage.finish()
        await until(lambda: bot.closing(late) and bot.closing(in_time))

        assert isinstance(bot.closing(late), ActionExpired)
        assert bot.statuses(late) == ["expired"]
        assert bot.statuses(in_time) == ["open"]
        assert bot.gateway.count("place", late) == 0


@simulated
async def test_an_order_whose_record_never_ends_expires() -> None:
    bot, _storage = stored(is_late=True)
    async with bot:
        short, long = bot.place(valid_for_s=1.0), bot.place(valid_for_s=1000.0)
        await asyncio.sleep(1.01)
        assert bot.outcome(short)[0] == "ActionExpired"

        await asyncio.sleep(unsent.RECORD_S)
        assert bot.outcome(long) == ("ActionExpired", "its intent was not recorded in time")
        assert bot.gateway.count("place") == 0


@simulated
async def test_an_order_that_was_closed_while_it_was_recorded_is_on_record_as_what_it_became() -> None:
    bot, storage = stored(is_late=True)
    async with bot:
        expired, withdrawn = bot.place(valid_for_s=0.5), bot.place()
        bot.cancel(withdrawn)
        await until(lambda: bot.closing(expired) and bot.closing(withdrawn))
        storage.finish()
        storage.finish()
        await asyncio.sleep(1)

        on_record = {order.client_order_id: order.status for order in storage.recall("venue").finished}
        assert on_record == {expired: "expired", withdrawn: "failed"}


@simulated
async def test_a_cancel_closes_an_order_that_waits_for_its_record_at_once_and_unsent() -> None:
    bot, storage = stored(is_late=True)
    async with bot:
        order = bot.place()
        cancel = bot.cancel(order)
        await asyncio.sleep(0)
        await until(lambda: bot.closing(order))

        assert bot.outcome(order) == ("ActionFailed", "it was cancelled before it was sent")
        assert bot.outcome(cancel)[0] == "ActionDone"
        storage.finish()
        await asyncio.sleep(1)
        assert bot.gateway.calls.count(("place", order)) == 0
        assert bot.gateway.count("cancel") == 0


@simulated
async def test_a_cancel_in_the_same_batch_closes_the_order_that_waits() -> None:
    bot, storage = stored(is_late=True)
    async with bot:
        order, other = buy(client_order_id="mine"), buy()
        bot.do(order, CancelOrder(client_order_id="mine"), other)
        storage.finish()
        await until(lambda: bot.closing(other))

        assert bot.statuses("mine") == ["failed"]
        assert bot.statuses(other.client_order_id) == ["open"]


@simulated
async def test_a_cancel_before_its_order_in_one_batch_keeps_it_from_being_sent() -> None:
    async with Bot() as bot:
        order = buy(client_order_id="mine")
        bot.do(CancelOrder(client_order_id="mine"), order)
        await until(lambda: bot.closing(order))

        assert bot.outcome(order) == ("ActionFailed", "it was cancelled before it was sent")
        assert bot.gateway.count("place") == 0


@simulated
async def test_an_order_whose_numbers_are_none_fails_alone() -> None:
    bot, storage = stored()
    async with bot:
        wrong, right = buy(quantity="-1"), buy()
        bot.do(wrong, right)
        await until(lambda: bot.closing(right))

        assert bot.outcome(wrong) == ("ActionFailed", "its quantity is -1")
        assert storage.batches == [[right.client_order_id]]
        bot.do(buy(price="NaN"))
        assert storage.batches == [[right.client_order_id]]
        assert [update.status for update in bot.events(OrderUpdate)].count("failed") == 2


@simulated
async def test_an_order_without_an_id_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def as_they_are(_strategy: Strategy, _actions: Sequence[Action]) -> None:
        """Give no ids."""

    monkeypatch.setattr(Strategy, "publishing", as_they_are)
    bot, storage = stored()
    async with bot:
        order = buy()
        bot.do(order)
        await until(lambda: bot.closing(order))

        why = "it has no client order id: place it from a bowstring.Strategy, or give it one"
        assert bot.outcome(order) == ("ActionFailed", why)
        assert (storage.batches, bot.gateway.count("place")) == ([], 0)


@simulated
async def test_nothing_that_was_dealt_with_is_kept() -> None:
    bot, storage = stored(is_late=True)
    async with bot:
        order = bot.place()
        bot.cancel(order)
        old = bot.place()
        storage.finish()
        storage.finish()
        await until(lambda: bot.status(old) == "open")
        new = bot.replace(old)
        storage.finish()
        await until(lambda: bot.status(new) == "open")
        bot.replace("never")
        await until(lambda: bot.closing(bot.trader.published[-1]))

        assert isinstance(bot.executor, Transparent)
        assert not bot.executor.has_unsent()


@simulated
async def test_nor_what_could_not_be_sent() -> None:
    bot, _storage = stored()
    async with bot:
        old = await bot.open()
        bot.replace("never")
        bot.replace(old, valid_for_s=-1)
        bot.place(valid_for_s=-1)
        bot.gateway.then("cancel", rejected())
        new = bot.replace(old)
        await until(lambda: bot.closing(new))

        assert isinstance(bot.executor, Transparent)
        assert not bot.executor.has_unsent()


@simulated
async def test_several_cancels_of_what_was_not_sent_are_done() -> None:
    bot, storage = stored(is_late=True)
    async with bot:
        order = bot.place()
        cancels = [bot.cancel(order) for _ in range(3)]
        await until(lambda: bot.closing(order))

        assert {bot.outcome(cancel)[0] for cancel in cancels} == {"ActionDone"}
        assert bot.statuses(order) == ["failed"]
        storage.finish()


@simulated
async def test_a_cancel_beside_a_new_order_of_that_name_cancels_the_old_one() -> None:
    async with Bot(names=("trader", "other")) as bot:
        order = await bot.open(client_order_id="x")
        cancel = CancelOrder(client_order_id="x")
        bot.do(cancel, buy(client_order_id="x"), by="other")
        await asyncio.sleep(1)
        outcome, status = bot.outcome(cancel), bot.ledger.orders[order].status
    assert status == "cancelled" or outcome[0] != "ActionDone", (outcome, status)
