"""What the venue says when it is asked every so often: what was never told is found, and nothing is invented."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace

from bowstring.core.errors import ConfigError, Rejected
from bowstring.core.messages import LoopBlocked
from bowstring.testing.simulation import simulated_clock
from bowstring.trading import blotter
from bowstring.trading.control.commands import Accept
from bowstring.trading.control.hand import Hand
from bowstring.trading.executor import OrderExecutor
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderRef, OrderReport
from bowstring.trading.journal.memory import MemoryJournal
from bowstring.trading.journal.port import Cursor, News
from bowstring.trading.messages import Balance, Fill, OrderUpdate, Position, ReconcileMismatch
from tests.trading.bot import Bot, buy, now_s, simulated, until
from tests.trading.crash import Lives
from tests.trading.scripted import Reply, ScriptedGateway, reset


def silent(bot: Bot) -> None:
    """From now on the private stream tells nothing, and stays up."""
    bot.gateway.delays_s = tuple


def reasons(bot: Bot) -> list[str]:
    return [mismatch.reason for mismatch in bot.events(ReconcileMismatch)]


@simulated
async def test_a_fill_that_the_stream_never_told_is_found() -> None:
    async with Bot() as bot:
        order = await bot.open(quantity="5")
        silent(bot)
        bot.ledger.fill(order, "5")
        await asyncio.sleep(31)

        assert [(fill.trade_id, fill.recovered) for fill in bot.events(Fill)] == [("1", True)]
        assert bot.statuses(order) == ["open", "filled"]
        assert bot.events(Position)[-1].quantity == 5
        assert bot.events(ReconcileMismatch) == []


@simulated
async def test_the_end_of_an_order_that_the_stream_never_told_is_found() -> None:
    async with Bot(reconcile_every_s=5) as bot:
        order = await bot.open()
        silent(bot)
        bot.ledger.end(order, "expired")
        await asyncio.sleep(6)

        assert bot.statuses(order) == ["open", "expired"]
        assert bot.trader.orders == {}


@simulated
async def test_where_all_is_as_it_was_nothing_is_told_but_balances_of_which_orders_are_open() -> None:
    async with Bot() as bot:
        bot.gateway.holdings["DOGE"] = Decimal(7)
        await asyncio.sleep(31)
        await bot.open()
        told = Counter(balance.currency for balance in bot.events(Balance))
        updates = len(bot.events(OrderUpdate))
        await asyncio.sleep(100)

        assert bot.gateway.count("open_orders") == 5
        assert len(bot.events(OrderUpdate)) == updates
        again = Counter(balance.currency for balance in bot.events(Balance)) - told
        assert again == {"USDT": 3, "BTC": 3}


@simulated
async def test_a_balance_that_has_changed_is_told() -> None:
    async with Bot() as bot:
        bot.gateway.holdings["USDT"] = Decimal(7)
        await asyncio.sleep(31)

        assert [balance.free for balance in bot.events(Balance) if balance.currency == "USDT"] == [1000, 7]


@simulated
async def test_a_balance_that_was_streamed_while_it_asked_is_newer_than_the_answer() -> None:
    async with Bot() as bot:
        bot.gateway.then("balances", Reply(arrives_s=0.0, answers_s=1.0))
        await until(lambda: bot.gateway.count("balances") == 2)
        bot.gateway.publish(BalanceReport(currency="USDT", free=Decimal(7), locked=Decimal(0)))
        await asyncio.sleep(2)

        assert [balance.free for balance in bot.events(Balance) if balance.currency == "USDT"] == [1000, 7]


@simulated
async def test_a_balance_that_was_asked_for_before_a_fill_was_streamed_does_not_show_it() -> None:
    async with Bot() as bot:
        order = await bot.open(quantity="5")
        bot.gateway.then("balances", Reply(arrives_s=0.0, answers_s=1.0))
        bot.gateway.holdings["USDT"] = Decimal(7)
        await until(lambda: bot.gateway.count("balances") == 2)
        bot.ledger.fill(order, "5")
        await asyncio.sleep(2)
        assert [balance.free for balance in bot.events(Balance) if balance.currency == "USDT"] == [1000]

        await asyncio.sleep(30)
        assert [balance.free for balance in bot.events(Balance) if balance.currency == "USDT"] == [1000, 7]


@simulated
async def test_orders_of_others_are_known_and_left_alone() -> None:
    gateway = ScriptedGateway()
    foreign = gateway.ledger.accept(buy(client_order_id="by hand", quantity="3", price="90"))
    async with Bot(gateway) as bot:
        own = await bot.open()
        (external,) = bot.blotter.external.values()
        assert external.report.client_order_id == "by hand"
        assert (external.quantity, external.price) == (Decimal(3), Decimal(90))
        assert bot.updates("by hand") == []
        assert bot.trader.orders.keys() == {own}

    assert bot.ledger.orders["by hand"].status == foreign.status == "open"
    assert bot.ledger.orders[own].status == "cancelled"


@simulated
async def test_an_order_of_others_that_has_ended_is_known_no_more() -> None:
    gateway = ScriptedGateway()
    gateway.ledger.accept(buy(client_order_id="by hand"))
    async with Bot(gateway) as bot:
        gateway.ledger.end("by hand")
        await asyncio.sleep(31)

        assert bot.blotter.external == {}


@simulated
async def test_a_fill_of_others_is_nobodys() -> None:
    gateway = ScriptedGateway()
    gateway.ledger.accept(buy(client_order_id="by hand"))
    async with Bot(gateway) as bot:
        await bot.open()
        gateway.ledger.fill("by hand", "1")
        await asyncio.sleep(31)

        assert bot.events(Fill) == []
        assert bot.events(Position) == []


@simulated
async def test_an_order_that_the_venue_has_lost_is_a_mismatch_once_that_lasts() -> None:
    async with Bot() as bot:
        order = await bot.open()
        silent(bot)
        lost = bot.ledger.orders.pop(order)
        await asyncio.sleep(31)
        assert reasons(bot) == []
        await asyncio.sleep(100)

        assert reasons(bot) == [f"{order} was open, and the venue does not know it"]
        assert bot.status(order) == "open"
        assert bot.outcome(bot.place()) == (
            "ActionRefused",
            f"no new risk in BTC/USDT at venue: {order} was open, and the venue does not know it",
        )
        bot.ledger.orders[order] = lost


@simulated
async def test_an_order_that_comes_back_to_life_is_a_mismatch_once_that_lasts() -> None:
    async with Bot() as bot:
        order = await bot.open()
        bot.cancel(order)
        await until(lambda: bot.status(order) == "cancelled")
        bot.ledger.orders[order].status = "open"
        await asyncio.sleep(31)
        assert reasons(bot) == []
        await asyncio.sleep(31)

        assert reasons(bot) == [f"{order} is cancelled, and the venue shows it as open"]
        assert bot.status(order) == "cancelled"


@simulated
async def test_what_filled_without_a_fill_is_a_mismatch_and_no_fill_is_made_up() -> None:
    async with Bot() as bot:
        order = await bot.open(quantity="5")
        silent(bot)
        bot.ledger.fill(order, "5")
        fill = bot.ledger.fills.pop()
        await asyncio.sleep(31)
        assert reasons(bot) == []
        await asyncio.sleep(31)

        assert reasons(bot) == [f"{order} filled 5, its fills are 0 together"]
        assert bot.status(order) == "filled"
        assert bot.events(Fill) == []
        assert bot.events(Position) == []

        bot.ledger.fills.append(fill)
        await asyncio.sleep(31)
        assert bot.events(Position)[-1].quantity == 5


@simulated
async def test_fills_that_are_shown_later_than_their_order_are_no_mismatch() -> None:
    async with Bot() as bot:
        order = await bot.open(quantity="5")
        silent(bot)
        bot.ledger.fill(order, "5")
        fill = bot.ledger.fills.pop()
        await asyncio.sleep(31)
        bot.ledger.fills.append(fill)
        await asyncio.sleep(100)

        assert reasons(bot) == []
        assert len(bot.events(Fill)) == 1


@simulated
async def test_a_position_that_the_account_does_not_have_is_a_mismatch_and_stays_as_it_is() -> None:
    async with Bot() as bot:
        order = await bot.open(quantity="5")
        bot.ledger.fill(order, "5")
        await until(lambda: bot.events(Position))
        bot.gateway.holdings["BTC"] = Decimal("4.9")
        await asyncio.sleep(62)

        assert reasons(bot) == ["positions are 5 BTC together, and the account has 4.9"]
        assert [position.quantity for position in bot.events(Position)] == [5]
        assert bot.outcome(bot.place(symbol="ETH/USDT"))[0] != "ActionRefused"


@simulated
async def test_a_position_that_the_account_has_to_the_last_digit_is_none() -> None:
    async with Bot() as bot:
        order = await bot.open(quantity="5")
        bot.ledger.fill(order, "5")
        await until(lambda: bot.events(Position))
        bot.gateway.holdings["BTC"] = Decimal(5)
        await asyncio.sleep(100)

        assert reasons(bot) == []


@simulated
async def test_positions_of_all_strategies_count_together() -> None:
    async with Bot(names=("one", "two")) as bot:
        for name in ("one", "two"):
            order = await bot.open(by=name, quantity="5")
            bot.ledger.fill(order, "5")
        await until(lambda: len(bot.events(Position)) == 2)
        bot.gateway.holdings["BTC"] = Decimal(9)
        await asyncio.sleep(62)

        assert reasons(bot) == ["positions are 10 BTC together, and the account has 9"]


@simulated
async def test_in_a_disputed_symbol_what_reduces_is_sent() -> None:
    async with Bot() as bot:
        order = await bot.open(quantity="5")
        bot.ledger.fill(order, "5")
        await until(lambda: bot.events(Position))
        bot.gateway.holdings["BTC"] = Decimal(4)
        await until(lambda: reasons(bot), within_s=100)
        sent = await bot.open(side="sell", quantity="5", reduces=True)

        assert sent in bot.ledger.orders


@simulated
async def test_what_cannot_be_had_is_asked_for_again_and_taken_in_whole_or_not_at_all() -> None:
    async with Bot() as bot:
        order = await bot.open(quantity="5")
        silent(bot)
        bot.ledger.fill(order, "5")
        bot.gateway.then("balances", Reply(), reset(), reset())
        began = bot.gateway.count("balances")
        bot.gateway.then("fills_since", reset())
        await until(lambda: bot.gateway.count("fills_since") == 1, within_s=100)
        await asyncio.sleep(0.001)
        assert bot.events(Fill) == []
        await until(lambda: bot.events(Fill), within_s=100)

        assert bot.gateway.count("balances") > began
        assert now_s() < 60


@simulated
async def test_what_makes_no_sense_is_not_taken_in_and_does_not_have_the_rest_told_twice() -> None:
    async with Bot(reconcile_every_s=5) as bot:
        order = await bot.open(quantity="5")
        silent(bot)
        bot.ledger.fill(order, "2")
        bot.ledger.fill(order, "3")
        good, last = bot.ledger.fills
        bot.ledger.fills[1] = replace(last, quantity=Decimal("sNaN"))
        await asyncio.sleep(10)
        assert [(fill.trade_id, fill.quantity) for fill in bot.events(Fill)] == [(good.trade_id, Decimal(2))]
        bot.ledger.fills[1] = last
        await asyncio.sleep(40)

        assert [(fill.trade_id, fill.quantity) for fill in bot.events(Fill)] == [
            (good.trade_id, Decimal(2)),
            (last.trade_id, Decimal(3)),
        ]
        assert bot.events(Position)[-1].quantity == 5


class LateList(ScriptedGateway):
    """Shows an order to who asks for it before it lists it as open."""

    async def open_orders(self) -> Sequence[OpenOrder]:
        await super().open_orders()
        return []


@simulated
async def test_an_open_order_that_is_not_listed_as_open_but_shown_is_no_mismatch() -> None:
    async with Bot(LateList(), reconcile_every_s=5) as bot:
        order = await bot.open()
        await asyncio.sleep(60)

        assert bot.statuses(order) == ["open"]
        assert reasons(bot) == []


@simulated
async def test_while_the_stream_is_down_it_is_not_asked() -> None:
    async with Bot() as bot:
        bot.gateway.refuses_streams = True
        bot.gateway.disconnect()
        asked = bot.gateway.count("open_orders")
        await asyncio.sleep(100)

        assert bot.gateway.count("open_orders") == asked


@simulated
async def test_after_a_block_no_new_risk_is_taken_before_the_venue_was_asked() -> None:
    async with Bot() as bot:
        bot.gateway.then("open_orders", reset(), Reply(answers_s=1.0))
        bot.publish(LoopBlocked(handler="Trader.think", blocked_s=1.5))
        refused = bot.place()
        assert bot.outcome(refused) == (
            "ActionRefused",
            "no new risk at venue: Trader.think blocked the event loop for 1.5 s",
        )
        await asyncio.sleep(0.01)
        assert bot.outcome(bot.place())[0] == "ActionRefused"
        await asyncio.sleep(2)

        await bot.open()


@simulated
async def test_a_short_block_keeps_nobody() -> None:
    async with Bot() as bot:
        bot.publish(LoopBlocked(handler="Trader.think", blocked_s=0.9))

        await bot.open()


@simulated
async def test_a_block_before_the_stream_is_up_again_is_dealt_with_then() -> None:
    async with Bot() as bot:
        bot.gateway.refuses_streams = True
        bot.gateway.disconnect()
        await asyncio.sleep(0.01)
        bot.publish(LoopBlocked(handler="Trader.think", blocked_s=1.5))
        bot.gateway.refuses_streams = False
        await bot.until_up()

        await bot.open()


@pytest.mark.parametrize("every_s", [0, -1, float("nan"), float("inf")])
def test_it_is_asked_in_some_time(every_s: float) -> None:
    with pytest.raises(ConfigError, match="reconcile_every_s"):
        OrderExecutor(ScriptedGateway(), reconcile_every_s=every_s)


@pytest.mark.parametrize(("query_lag_s", "patience_s"), [(0.0, 5), (9.0, 9)])
@simulated
async def test_a_disagreement_lasts_before_it_is_a_mismatch(query_lag_s: float, patience_s: int) -> None:
    async with Bot(ScriptedGateway(query_lag_s=query_lag_s), reconcile_every_s=1) as bot:
        order = await bot.open()
        silent(bot)
        lost = bot.ledger.orders.pop(order)
        asked = bot.gateway.count("open_orders")
        await until(lambda: reasons(bot))
        bot.ledger.orders[order] = lost

        assert patience_s <= bot.gateway.count("open_orders") - asked - 1 <= patience_s + 1


@simulated
async def test_fills_are_asked_for_since_the_last_questions_less_their_lag_and_a_margin() -> None:
    async with Bot(ScriptedGateway(query_lag_s=2.0), reconcile_every_s=10) as bot:
        await bot.open()
        await until(lambda: bot.gateway.count("fills_since") == 1)
        first_ns = simulated_clock().now_ns()
        await until(lambda: bot.gateway.count("fills_since") == 2)

        assert bot.gateway.since_ns // 10**8 == (first_ns - 62_000_000_000) // 10**8


@simulated
async def test_what_one_strategy_has_and_another_owes_is_nothing_together() -> None:
    async with Bot(names=("one", "two")) as bot:
        bot.ledger.fill(await bot.open(by="one", quantity="5", side="buy"), "5")
        bot.ledger.fill(await bot.open(by="two", quantity="5", side="sell"), "5")
        await until(lambda: len(bot.events(Position)) == 2)
        bot.gateway.holdings["BTC"] = Decimal(0)
        await asyncio.sleep(100)

        assert reasons(bot) == []


@simulated
async def test_a_block_while_it_is_asked_is_one_more_reason_to_ask() -> None:
    async with Bot() as bot:
        bot.gateway.then("balances", Reply(answers_s=1.0))
        bot.publish(LoopBlocked(handler="Trader.think", blocked_s=1.5))
        await until(lambda: bot.gateway.count("balances") == 2)
        bot.publish(LoopBlocked(handler="Trader.plan", blocked_s=2.5))
        bot.gateway.then("balances", reset())
        await until(lambda: bot.gateway.count("balances") == 3)
        refused = bot.place()
        assert bot.outcome(refused)[1] == "no new risk at venue: Trader.plan blocked the event loop for 2.5 s"
        await asyncio.sleep(1)

        await bot.open()


@pytest.mark.parametrize(("fee_currency", "expected"), [("BTC", 1), ("USDT", 1), ("ETH", 0)])
@simulated
async def test_a_currency_in_which_other_fees_are_paid_is_not_compared(fee_currency: str, expected: int) -> None:
    async with Bot() as bot:
        eth = await bot.open(symbol="ETH/USDT", quantity="5")
        bot.ledger.fill(eth, "5")
        btc = await bot.open(quantity="5")
        bot.ledger.fill(btc, "5", fee="0.1", fee_currency=fee_currency)
        await until(lambda: len(bot.events(Position)) == 2)
        bot.gateway.holdings["ETH"] = Decimal("4.9")
        await asyncio.sleep(100)

        assert len(reasons(bot)) == expected


@simulated
async def test_a_currency_in_which_other_things_are_paid_for_is_not_compared() -> None:
    async with Bot(ScriptedGateway(symbols=("BTC/USDT", "ETH/BTC"))) as bot:
        for symbol in ("BTC/USDT", "ETH/BTC"):
            order = await bot.open(symbol=symbol, quantity="5")
            bot.ledger.fill(order, "5")
        await until(lambda: len(bot.events(Position)) == 2)
        bot.gateway.holdings["BTC"] = Decimal(1)
        await asyncio.sleep(100)

        assert reasons(bot) == []


@simulated
async def test_a_shortfall_is_the_same_one_when_the_amounts_have_changed() -> None:
    async with Bot() as bot:
        bot.gateway.holdings["BTC"] = Decimal(1)
        bot.ledger.fill(await bot.open(quantity="5"), "5")
        await asyncio.sleep(31)
        bot.gateway.holdings["BTC"] = Decimal(2)
        bot.ledger.fill(await bot.open(quantity="1"), "1")
        await asyncio.sleep(31)

        assert reasons(bot) == ["positions are 6 BTC together, and the account has 2"]


def accept(bot: Bot) -> None:
    hand = next(one for one in bot.engine.shared if isinstance(one, Hand))
    hand.carry_out(Accept(operator="me", why="I took it", venue="venue", symbol="BTC/USDT"))


@pytest.mark.parametrize(("held", "told"), [("2", 1), ("1", 2)])
@simulated
async def test_what_a_human_has_accepted_is_told_again_only_when_it_is_more(held: str, told: int) -> None:
    async with Bot() as bot:
        bot.gateway.holdings["BTC"] = Decimal(1)
        bot.ledger.fill(await bot.open(quantity="5"), "5")
        await until(lambda: reasons(bot), within_s=100)
        accept(bot)
        bot.gateway.holdings["BTC"] = Decimal(held)
        bot.ledger.fill(await bot.open(quantity="1"), "1")
        await asyncio.sleep(100)

        assert len(reasons(bot)) == told


@simulated
async def test_what_a_human_has_accepted_is_accepted_after_a_restart() -> None:
    lives = Lives()
    async with lives.life() as bot:
        bot.gateway.holdings["BTC"] = Decimal(1)
        bot.ledger.fill(await bot.open(quantity="5"), "5")
        await until(lambda: reasons(bot), within_s=100)
        accept(bot)
        lives.kill(bot)
    lives.gateway.holdings["BTC"] = Decimal(1)
    async with lives.life() as again:
        await asyncio.sleep(100)

        assert reasons(again) == []


@simulated
async def test_a_second_block_with_the_same_words_is_another_one() -> None:
    async with Bot(reconcile_every_s=1000) as bot:
        bot.gateway.then("balances", Reply(arrives_s=0.0, answers_s=3.0))
        bot.publish(LoopBlocked(handler="Trader.think", blocked_s=1.5))
        await asyncio.sleep(1)
        bot.publish(LoopBlocked(handler="Trader.think", blocked_s=1.5))
        await asyncio.sleep(5)

        assert bot.gateway.count("open_orders") == 3


class Full(MemoryJournal):
    """A journal that cannot write, and would record all the same."""

    is_full = False

    def write(self, news: Sequence[News], /) -> None:
        if self.is_full:
            raise OSError("disk full")
        super().write(news)


@simulated
async def test_no_order_is_sent_once_something_could_not_be_put_on_record() -> None:
    journal = Full()
    async with Bot(journal=journal) as bot:
        journal.is_full = True
        order = await bot.open()
        refused = bot.place()

        assert bot.outcome(refused)[1].startswith("no orders for venue: the journal failed")
        bot.cancel(order)
        await until(lambda: bot.status(order) == "cancelled")


class Busy(ScriptedGateway):
    """Fills one more of ``order`` whenever it is asked for open orders; the account has it ``behind_s`` later."""

    order = ""
    behind_s = 0.0

    async def open_orders(self) -> Sequence[OpenOrder]:
        if self.order:
            self.ledger.fill(self.order, "1")
            asyncio.get_running_loop().call_later(self.behind_s, self._catch_up)
        return await super().open_orders()

    def _catch_up(self) -> None:
        self.holdings["BTC"] = self.ledger.orders[self.order].filled


@simulated
async def test_balances_that_are_a_moment_behind_a_buyer_are_no_mismatch() -> None:
    gateway = Busy(query_lag_s=2.0)
    gateway.holdings["BTC"], gateway.behind_s = Decimal(0), 1.0
    async with Bot(gateway, reconcile_every_s=10) as bot:
        gateway.order = await bot.open(quantity="50")
        await asyncio.sleep(60)

        assert bot.events(Position)[-1].quantity >= 5
        assert reasons(bot) == []


@simulated
async def test_nor_are_fills_that_are_a_moment_behind_their_order() -> None:
    gateway = Busy(query_lag_s=2.0)
    async with Bot(gateway, reconcile_every_s=10) as bot:
        gateway.order = await bot.open(quantity="50")
        gateway.delays_s = lambda: (0.5,)
        gateway.lag_s = 1.0
        await asyncio.sleep(60)

        assert bot.events(Position)[-1].quantity >= 5
        assert reasons(bot) == []


class Refusing(ScriptedGateway):
    """Tells nothing of one order, or of the fills in one symbol."""

    of = ""

    async def query(self, order: OrderRef) -> OrderReport | None:
        self._check(order.client_order_id)
        return await super().query(order)

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        self._check(symbol)
        return await super().fills_since(symbol, time_ns)

    def _check(self, what: str) -> None:
        if what == self.of:
            raise Rejected("invalid symbol", code="-1121")


@simulated
async def test_fills_are_not_asked_for_from_ever_longer_ago_where_one_order_is_not_told_of() -> None:
    gateway = Refusing()
    async with Bot(gateway, reconcile_every_s=5, on_stop="leave") as bot:
        gateway.of = await bot.open(symbol="ETH/USDT")
        await bot.open(quantity="50")
        del bot.ledger.orders[gateway.of]
        await asyncio.sleep(3600)

        assert simulated_clock().now_ns() - gateway.since_ns < 120e9


@simulated
async def test_no_fill_is_told_again_while_another_symbols_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blotter, "FINISHED_KEPT", 3)
    gateway = Refusing()
    async with Bot(gateway, reconcile_every_s=5, on_stop="leave") as bot:
        await bot.open(symbol="ETH/USDT")
        order = await bot.open(quantity="50")
        gateway.of = "ETH/USDT"
        for _ in range(6):
            bot.ledger.fill(order, "1")
            await asyncio.sleep(20)

        assert [fill.trade_id for fill in bot.events(Fill)] == list("123456")


class Watched(MemoryJournal):
    """Notes what each write has, and which fills had been told by then."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[Sequence[News]] = []
        self.told: Callable[[], Sequence[Fill]] = tuple
        self.told_before: list[str] = []

    def write(self, news: Sequence[News], /) -> None:
        told = {fill.trade_id for fill in self.told()}
        self.told_before += [one.trade_id for one in news if isinstance(one, Fill) and one.trade_id in told]
        self.writes.append(news)
        super().write(news)


@pytest.mark.parametrize("is_streamed", [True, False])
@simulated
async def test_a_fill_is_on_record_before_it_is_told_and_with_all_that_belongs_to_it(*, is_streamed: bool) -> None:
    journal = Watched()
    async with Bot(journal=journal) as bot:
        journal.told = lambda: bot.events(Fill)
        order = await bot.open(quantity="5")
        if not is_streamed:
            silent(bot)
        bot.ledger.fill(order, "5")
        await until(lambda: bot.events(Fill))

        (write,) = (news for news in journal.writes if any(isinstance(one, Fill) for one in news))
        expected = [Fill, Position, OrderUpdate] if is_streamed else [Fill, Position, OrderUpdate, Cursor]
        assert [type(one) for one in write] == expected
        assert journal.told_before == []


@simulated
async def test_in_what_fees_were_paid_is_known_after_a_restart() -> None:
    lives = Lives()
    async with lives.life() as bot:
        for symbol, fee_currency in (("ETH/USDT", "USDT"), ("BTC/USDT", "ETH")):
            bot.ledger.fill(await bot.open(symbol=symbol, quantity="5"), "5", fee="0.1", fee_currency=fee_currency)
        await until(lambda: len(bot.events(Position)) == 2)
    async with lives.life() as again:
        lives.gateway.holdings["ETH"] = Decimal("4.9")
        await asyncio.sleep(100)

        assert reasons(again) == []


@pytest.mark.parametrize("every_s", [1000, 20])
@simulated
async def test_a_shortfall_is_told_while_others_trade(every_s: float) -> None:
    gateway = ScriptedGateway()
    gateway.ledger.accept(buy(client_order_id="by hand", quantity="100"))
    async with Bot(gateway) as bot:
        bought = await bot.open(quantity="5")
        bot.ledger.fill(bought, "5")
        await bot.open(price="90")
        gateway.holdings["BTC"] = Decimal(1)
        async with asyncio.timeout(1200):
            for _ in range(int(1000 / every_s)):
                bot.ledger.fill("by hand", "0.001")
                await asyncio.sleep(every_s)
        told = reasons(bot)
    assert told


@simulated
async def test_a_shortfall_is_told_while_the_bot_trades() -> None:
    async with Bot() as bot:
        bought = await bot.open(quantity="5")
        bot.ledger.fill(bought, "5")
        more = await bot.open(price="90")
        bot.gateway.holdings["BTC"] = Decimal(1)
        async with asyncio.timeout(1200):
            for _ in range(25):
                bot.ledger.fill(more, "0.001")
                await asyncio.sleep(40)
        told = reasons(bot)
    assert told
