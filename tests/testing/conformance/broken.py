"""Gateways and feeds that break one promise each, in ways in which real ones do. `BROKEN` has them all."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import TypeVar

from msgspec.structs import replace

from bowstring.core.components import Emit
from bowstring.core.errors import NotSent, Rejected
from bowstring.core.messages import Event
from bowstring.market.events import Quote, Trade
from bowstring.market.instrument import Instrument
from bowstring.testing import GatewayConformance as Suite
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderRef, OrderReport, Report
from bowstring.trading.messages import PlaceOrder
from tests.testing.conformance.paper import Feed, SlowPaper

Broken = type[SlowPaper] | type[Feed]
Check = Callable[[Suite], Coroutine[object, object, None]]
Answer = asyncio.Future[OrderReport]
B = TypeVar("B", bound=Broken)

IMPATIENT_S = 0.05
BROKEN: list[tuple[Broken, Check]] = []
"""With the check that names the promise."""


def fails(check: Check) -> Callable[[B], B]:
    """The check has to fail it."""

    def register(broken: B) -> B:
        BROKEN.append((broken, check))
        return broken

    return register


class Telling(SlowPaper):
    """Streams what `told` makes of each report."""

    def told(self, report: Report) -> Iterable[Report]:
        return [report]

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        def tell(said: Report) -> None:
            for one in self.told(said):
                report(one)

        await super().stream(tell, ready)


class Answering(SlowPaper):
    """Answers what `answer` makes of each request."""

    async def answered(self, answer: Awaitable[OrderReport], order: PlaceOrder | OrderRef) -> OrderReport:
        return await answer

    def place(self, order: PlaceOrder) -> Answer:
        return asyncio.ensure_future(self.answered(super().place(order), order))

    def cancel(self, order: OrderRef) -> Answer:
        return asyncio.ensure_future(self.answered(super().cancel(order), order))


# The connection


@fails(Suite.test_open_returns_instruments_with_usable_steps)
class ListsForAnotherVenue(SlowPaper):
    async def open(self) -> Sequence[Instrument]:
        return [replace(one, venue="other") for one in await super().open()]


@fails(Suite.test_its_venue_names_the_account)
class HasNoAccountInItsName(SlowPaper):
    venue = "paper:other"

    def __init__(self, _venue: str, **settings: object) -> None:
        super().__init__("paper:other", **settings)  # type: ignore[arg-type]  # handed on


@fails(Suite.test_its_bounds_on_time_are_finite)
class NeverSure(SlowPaper):
    query_lag_s = float("inf")


@fails(Suite.test_what_happens_from_ready_on_is_reported)
class ReadyTooSoon(SlowPaper):
    """Says so when it has asked for the reports, not when the venue has agreed."""

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        ready()
        await asyncio.sleep(1)
        await super().stream(report, lambda: None)


@fails(Suite.test_the_stream_ends_with_its_connection)
class SilentlyDead(SlowPaper):
    """Does not notice that its connection ended."""

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        await super().stream(report, ready)
        await asyncio.get_running_loop().create_future()


@fails(Suite.test_the_stream_can_be_had_again)
@fails(Suite.test_a_stream_that_was_cancelled_can_be_had_again)
class ListensOnce(Telling):
    """Connects again and forgets to subscribe."""

    streams = 0

    def told(self, report: Report) -> Iterable[Report]:
        return [report] if self.streams == 1 else []

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        self.streams += 1
        await super().stream(report, ready)


@fails(Suite.test_fills_that_were_missed_are_found)
class RemembersWhatItStreamed(Telling):
    """Answers ``fills_since`` out of its own memory."""

    def told(self, report: Report) -> Iterable[Report]:
        if isinstance(report, FillReport):
            self.known = [*getattr(self, "known", []), report]
        return [report]

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        return [fill for fill in getattr(self, "known", []) if fill.time_ns >= time_ns]


@fails(Suite.test_nothing_is_sent_once_it_is_closed)
class ResetWhenClosed(SlowPaper):
    """Writes to the closed socket, and tells what that raises."""

    def place(self, order: PlaceOrder) -> Answer:
        try:
            return super().place(order)
        except NotSent:
            raise ConnectionResetError("closed") from None


@fails(Suite.test_not_sent_means_not_sent)
class SaysNotSentOfALostAnswer(SlowPaper):
    """Takes every disconnect for one before the send."""

    closed = False

    def place(self, order: PlaceOrder) -> Answer:
        answer = super().place(order)
        self._advance(self.clock.now_ns())
        return asyncio.ensure_future(self._unless_closed(answer))

    async def _unless_closed(self, answer: Answer) -> OrderReport:
        await asyncio.sleep(IMPATIENT_S)
        if self.closed:
            raise NotSent("disconnected")
        return await answer

    async def close(self) -> None:
        self.closed = True
        await super().close()


@fails(Suite.test_its_clock_is_the_venues_in_nanoseconds)
class TellsMilliseconds(SlowPaper):
    async def time_ns(self) -> int:
        return self.clock.now_ns() // 1_000_000


# The account


@fails(Suite.test_its_account_is_the_same_for_all_its_clients)
class NamesItself(SlowPaper):
    """Not the account."""

    async def open(self) -> Sequence[Instrument]:
        instruments = await super().open()
        self.account = f"client {id(self)}"
        return instruments


@fails(Suite.test_its_account_is_the_same_for_all_its_clients)
class NamesNothing(SlowPaper):
    async def open(self) -> Sequence[Instrument]:
        instruments = await super().open()
        self.account = ""
        return instruments


@fails(Suite.test_two_accounts_are_two)
class NamesTheVenueOnly(SlowPaper):
    async def open(self) -> Sequence[Instrument]:
        instruments = await super().open()
        self.account = "paper"
        return instruments


@fails(Suite.test_its_account_stays_what_it_is)
class NamesTheSession(SlowPaper):
    sessions = 0

    async def stream(self, report: Callable[[Report], None], ready: Callable[[], None]) -> None:
        self.sessions += 1
        self.account = f"{self.holder} {self.sessions}"
        await super().stream(report, ready)


@fails(Suite.test_its_account_holds_no_secret)
class NamesItsKey(SlowPaper):
    async def open(self) -> Sequence[Instrument]:
        instruments = await super().open()
        self.account = f"{self.holder}, by the key"
        return instruments


@fails(Suite.test_open_orders_tell_what_was_ordered)
class ShowsWhatIsLeft(SlowPaper):
    async def open_orders(self) -> Sequence[OpenOrder]:
        return [replace(one, quantity=one.quantity - one.report.filled) for one in await super().open_orders()]


@fails(Suite.test_orders_that_another_client_placed_are_shown)
class ShowsItsOwnOrders(SlowPaper):
    """Those that it remembers."""

    known = ""

    def place(self, order: PlaceOrder) -> Answer:
        self.known += f" {order.client_order_id} "
        return super().place(order)

    async def open_orders(self) -> Sequence[OpenOrder]:
        shown = await super().open_orders()
        return [one for one in shown if f" {one.report.client_order_id} " in self.known]


# The dead-man switch


@fails(Suite.test_what_is_not_offered_is_not_taken)
class AgreesToAnything(SlowPaper):
    async def open(self) -> Sequence[Instrument]:
        instruments = await super().open()
        self.offers_cancel_after = False
        return instruments

    async def cancel_after(self, seconds: float) -> None:
        pass


@fails(Suite.test_orders_are_cancelled_when_nothing_is_heard)
class AgreesAndForgets(SlowPaper):
    async def cancel_after(self, seconds: float) -> None:
        pass


@fails(Suite.test_orders_are_cancelled_when_nothing_is_heard)
class CountsMilliseconds(SlowPaper):
    """It was told seconds."""

    async def cancel_after(self, seconds: float) -> None:
        await super().cancel_after(seconds / 1000)


@fails(Suite.test_orders_live_while_something_is_heard)
class CountsFromTheFirst(SlowPaper):
    async def cancel_after(self, seconds: float) -> None:
        if self.countdown is None:
            await super().cancel_after(seconds)


@fails(Suite.test_orders_live_once_it_was_called_off)
class IgnoresZero(SlowPaper):
    """As if there were nothing to set."""

    async def cancel_after(self, seconds: float) -> None:
        if seconds:
            await super().cancel_after(seconds)


@fails(Suite.test_it_is_the_venue_that_counts)
class CountsItself(SlowPaper):
    """And cancels what there is, if it is still there to do it."""

    tasks: set[asyncio.Task[None]]

    async def cancel_after(self, seconds: float) -> None:
        self.tasks = {asyncio.get_running_loop().create_task(self._cancel_later(seconds))}

    async def _cancel_later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        with suppress(NotSent):
            for order in await self.open_orders():
                await self.cancel(OrderRef(symbol=order.symbol, client_order_id=order.report.client_order_id))


@fails(Suite.test_the_orders_of_other_clients_are_cancelled_too)
class CancelsItsOwn(SlowPaper):
    """Those that it placed."""

    known = ""

    def place(self, order: PlaceOrder) -> Answer:
        self.known += f" {order.client_order_id} "
        return super().place(order)

    def cancel_all(self) -> None:
        for order in self._account.open_orders():
            client_order_id = order.report.client_order_id
            if f" {client_order_id} " in self.known:
                self._account.cancel(OrderRef(symbol=order.symbol, client_order_id=client_order_id), time_ns=0)
        self._advance(self.clock.now_ns())


# Orders


@fails(Suite.test_an_order_that_rests_is_answered_open)
class HidesTheVenuesId(Answering):
    async def answered(self, answer: Awaitable[OrderReport], order: PlaceOrder | OrderRef) -> OrderReport:
        return replace(await answer, venue_order_id="")


@fails(Suite.test_an_order_that_rests_is_reported_too)
class ReportsNoNewOrders(Telling):
    def told(self, report: Report) -> Iterable[Report]:
        is_new = isinstance(report, OrderReport) and report.status == "open" and not report.filled
        return [] if is_new else [report]


@fails(Suite.test_an_order_that_rests_is_shown)
class QueriesByVenueIdOnly(SlowPaper):
    async def query(self, order: OrderRef) -> OrderReport | None:
        return await super().query(order) if order.venue_order_id else None


@fails(Suite.test_what_it_never_had_is_not_shown)
class RaisesForTheUnknown(SlowPaper):
    async def query(self, order: OrderRef) -> OrderReport | None:
        found = await super().query(order)
        if found is None:
            raise Rejected("unknown order", code="-2013")
        return found


@fails(Suite.test_every_order_has_its_own_ids)
class ShoutsIds(Telling):
    def told(self, report: Report) -> Iterable[Report]:
        if isinstance(report, OrderReport):
            report = replace(report, client_order_id=report.client_order_id.upper())
        return [report]


@fails(Suite.test_a_cancelled_order_is_cancelled_everywhere)
class ExpiresWhatWasCancelled(Answering):
    async def answered(self, answer: Awaitable[OrderReport], order: PlaceOrder | OrderRef) -> OrderReport:
        said = await answer
        return replace(said, status="expired") if said.status == "cancelled" else said


@fails(Suite.test_a_cancel_is_reported_under_the_orders_own_id)
class ReportsTheCancelsOwnId(Telling):
    """Takes the wrong one of two fields."""

    def told(self, report: Report) -> Iterable[Report]:
        if isinstance(report, OrderReport) and report.status == "cancelled":
            report = replace(report, client_order_id=f"cancel-{report.client_order_id}")
        return [report]


@fails(Suite.test_a_cancel_of_what_is_unknown_is_rejected)
class TakesUnknownForCancelled(Answering):
    """ "Unknown order": so it must be over."""

    async def answered(self, answer: Awaitable[OrderReport], order: PlaceOrder | OrderRef) -> OrderReport:
        try:
            return await answer
        except Rejected:
            if isinstance(order, PlaceOrder):
                raise
            return OrderReport(client_order_id=order.client_order_id, status="cancelled")


@fails(Suite.test_a_cancel_of_what_is_over_changes_nothing)
class ReportsACancelOfTheFilled(Telling):
    """Its cancel is rejected, and reported as carried out."""

    def cancel(self, order: OrderRef) -> Answer:
        answer = super().cancel(order)
        answer.add_done_callback(lambda done: self._report_ended(order) if done.exception() else None)
        return answer

    def _report_ended(self, order: OrderRef) -> None:
        self._report(OrderReport(client_order_id=order.client_order_id, status="cancelled"))


# Refusals


@fails(Suite.test_an_order_against_the_rules_is_refused)
class MendsOrders(SlowPaper):
    def place(self, order: PlaceOrder) -> Answer:
        price, quantity = order.price.quantize(Decimal("0.01")), order.quantity.quantize(Decimal("0.00001"))
        return super().place(replace(order, price=price, quantity=max(quantity, Decimal("0.001"))))


@fails(Suite.test_an_order_that_cannot_be_paid_is_refused)
class CutsOrders(SlowPaper):
    """To what can be paid."""

    def place(self, order: PlaceOrder) -> Answer:
        return super().place(replace(order, quantity=min(order.quantity, Decimal(1))))


@fails(Suite.test_an_order_for_an_unknown_symbol_is_refused)
class IgnoresSymbols(SlowPaper):
    def place(self, order: PlaceOrder) -> Answer:
        return super().place(replace(order, symbol="BTC/USDT"))


@fails(Suite.test_requests_raise_nothing_but_not_sent_where_they_are_made)
class RaisesInTheCallersStack(SlowPaper):
    def place(self, order: PlaceOrder) -> Answer:
        if order.quantity <= 0:
            raise ValueError("no quantity")
        return super().place(order)


@fails(Suite.test_post_only_never_takes)
class IgnoresPostOnly(SlowPaper):
    def place(self, order: PlaceOrder) -> Answer:
        return super().place(replace(order, post_only=False))


# Requests


@fails(Suite.test_a_cancel_right_behind_its_order_ends_it)
class PlacesLater(SlowPaper):
    """Says that it keeps the order, and has two connections."""

    def place(self, order: PlaceOrder) -> Answer:
        return asyncio.ensure_future(self._place_later(order))

    async def _place_later(self, order: PlaceOrder) -> OrderReport:
        await asyncio.sleep(IMPATIENT_S)
        return await super().place(order)


class OvertakesOpenly(PlacesLater):
    """Not broken: it says so."""

    keeps_order = False


@fails(Suite.test_many_at_once_are_each_answered_by_their_own_answer)
class ConfusesAnswers(SlowPaper):
    """Gives an answer to whoever waits first."""

    def place(self, order: PlaceOrder) -> Answer:
        answer = super().place(order)
        self.last = getattr(self, "last", answer)
        first, self.last = self.last, answer
        return first


@fails(Suite.test_a_slow_answer_makes_it_send_nothing_twice)
class SendsAgain(SlowPaper):
    """When the answer is slow: the client order id, it thinks, makes that safe."""

    def place(self, order: PlaceOrder) -> Answer:
        return asyncio.ensure_future(self._insist(order))

    async def _insist(self, order: PlaceOrder) -> OrderReport:
        first = super().place(order)
        await asyncio.wait({first}, timeout=IMPATIENT_S)
        return await (first if first.done() else super().place(order))


@fails(Suite.test_a_lost_answer_is_not_taken_for_a_refusal)
class TakesALostAnswerForANo(SlowPaper):
    """As it would a disconnect before the send."""

    is_lost = False

    def place(self, order: PlaceOrder) -> Answer:
        return asyncio.ensure_future(self._unless_lost(super().place(order)))

    async def _unless_lost(self, answer: Answer) -> OrderReport:
        report = await answer
        if self.is_lost:
            raise Rejected("no answer")
        return report

    async def close(self) -> None:
        self.is_lost = True
        await super().close()


@fails(Suite.test_a_slow_answer_is_not_taken_for_a_refusal)
class GivesUpAsNotSent(SlowPaper):
    """When the answer is slow."""

    def place(self, order: PlaceOrder) -> Answer:
        return asyncio.ensure_future(self._give_up(super().place(order)))

    async def _give_up(self, answer: Answer) -> OrderReport:
        try:
            return await asyncio.wait_for(answer, IMPATIENT_S)
        except TimeoutError:
            raise NotSent("no answer") from None


# Fills


@fails(Suite.test_a_resting_order_is_filled_as_a_maker)
class TakesAllForTakers(Telling):
    def told(self, report: Report) -> Iterable[Report]:
        return [replace(report, liquidity="taker") if isinstance(report, FillReport) else report]


@fails(Suite.test_partial_fills_add_up)
class ReportsTheLastFillAsFilled(Telling):
    """Not the sum."""

    before = Decimal(0)

    def told(self, report: Report) -> Iterable[Report]:
        if isinstance(report, OrderReport):
            last, self.before = report.filled - self.before, report.filled
            report = replace(report, filled=last)
        return [report]


@fails(Suite.test_a_partly_filled_order_is_shown_with_what_is_filled)
class ForgetsWhatIsFilled(SlowPaper):
    async def query(self, order: OrderRef) -> OrderReport | None:
        found = await super().query(order)
        return replace(found, filled=Decimal(0)) if found else None


@fails(Suite.test_trade_ids_are_unique)
class NumbersTradesByOrder(Telling):
    def told(self, report: Report) -> Iterable[Report]:
        return [replace(report, trade_id=report.client_order_id) if isinstance(report, FillReport) else report]


@fails(Suite.test_fills_since_returns_what_was_streamed)
class ReturnsFillsTwice(SlowPaper):
    """Where one page begins and the other ends."""

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        fills = await super().fills_since(symbol, time_ns)
        return [*fills[:1], *fills]


@fails(Suite.test_fills_since_returns_what_was_streamed)
class LosesAFill(SlowPaper):
    """The first of a page."""

    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        return (await super().fills_since(symbol, time_ns))[1:]


@fails(Suite.test_fills_since_returns_nothing_older)
class ReturnsAllFills(SlowPaper):
    async def fills_since(self, symbol: str, time_ns: int) -> Sequence[FillReport]:
        return await super().fills_since(symbol, 0)


@fails(Suite.test_numbers_are_exact)
class Floats(Telling):
    def told(self, report: Report) -> Iterable[Report]:
        if isinstance(report, FillReport):
            report = replace(report, price=float(report.price))
        return [report]


# Takers


@fails(Suite.test_an_order_that_crosses_is_filled_as_a_taker)
class FillsAtTheLimit(Telling):
    """Tells the price of the order, not that of the execution."""

    def place(self, order: PlaceOrder) -> Answer:
        self.limit = order.price
        return super().place(order)

    def told(self, report: Report) -> Iterable[Report]:
        return [replace(report, price=self.limit) if isinstance(report, FillReport) else report]


@fails(Suite.test_the_rest_of_a_gtc_order_rests)
class SendsAllAsIoc(SlowPaper):
    def place(self, order: PlaceOrder) -> Answer:
        crosses = order.price != Decimal("64999.37")
        return super().place(replace(order, time_in_force="ioc") if crosses else order)


@fails(Suite.test_the_rest_of_an_ioc_order_expires)
class CancelsWhatExpired(Telling):
    def told(self, report: Report) -> Iterable[Report]:
        if isinstance(report, OrderReport) and report.status == "expired":
            report = replace(report, status="cancelled")
        return [report]


@fails(Suite.test_a_fok_order_is_filled_as_a_whole_or_not_at_all)
class SendsFokAsIoc(SlowPaper):
    def place(self, order: PlaceOrder) -> Answer:
        return super().place(replace(order, time_in_force="ioc") if order.time_in_force == "fok" else order)


# Money


@fails(Suite.test_balances_name_a_currency_once)
class ListsBalancesTwice(SlowPaper):
    async def balances(self) -> Sequence[BalanceReport]:
        return 2 * list(await super().balances())


@fails(Suite.test_an_open_order_locks_what_it_costs)
class LocksNothing(SlowPaper):
    async def balances(self) -> Sequence[BalanceReport]:
        return [replace(one, free=one.free + one.locked, locked=Decimal(0)) for one in await super().balances()]


@fails(Suite.test_balances_move_by_fills_and_fees)
class RoundsFees(Telling):
    def told(self, report: Report) -> Iterable[Report]:
        if isinstance(report, FillReport):
            report = replace(report, fee=round(report.fee, 6))
        return [report]


@fails(Suite.test_balances_move_by_fills_and_fees)
class SwapsTheFeesCurrency(Telling):
    def told(self, report: Report) -> Iterable[Report]:
        return [replace(report, fee_currency="USDT") if isinstance(report, FillReport) else report]


@fails(Suite.test_balances_that_are_streamed_are_those_that_are_shown)
class ReportsChangesOfBalances(Telling):
    def told(self, report: Report) -> Iterable[Report]:
        if isinstance(report, BalanceReport):
            report = replace(report, free=Decimal(1))
        return [report]


@fails(Suite.test_a_random_day_ends_as_a_naive_model_says)
class DropsAPrivateFill(Telling):
    """Its third."""

    fills = 0

    def told(self, report: Report) -> Iterable[Report]:
        self.fills += isinstance(report, FillReport)
        return [] if isinstance(report, FillReport) and self.fills == 3 else [report]


# Replacements


@fails(Suite.test_a_replacement_ends_the_old_order_and_opens_the_new)
class AnswersTheOldOrder(SlowPaper):
    def replace(self, old: OrderRef, order: PlaceOrder) -> Answer:
        return asyncio.ensure_future(self._cancelled(old, super().replace(old, order)))

    async def _cancelled(self, old: OrderRef, answer: Answer) -> OrderReport:
        await answer
        return OrderReport(client_order_id=old.client_order_id, status="cancelled")


@fails(Suite.test_a_replacement_that_is_rejected_leaves_the_old_order)
class CancelsAndPlaces(SlowPaper):
    """Two requests, the second of which may fail."""

    def replace(self, old: OrderRef, order: PlaceOrder) -> Answer:
        return asyncio.ensure_future(self._both(old, order))

    async def _both(self, old: OrderRef, order: PlaceOrder) -> OrderReport:
        await self.cancel(old)
        return await self.place(order)


@fails(Suite.test_what_is_over_cannot_be_replaced)
class PlacesInAnyCase(SlowPaper):
    """Whatever became of the old order."""

    def replace(self, old: OrderRef, order: PlaceOrder) -> Answer:
        self.cancel(old).add_done_callback(lambda done: done.exception())
        return self.place(order)


# Feeds


class ChangedFeed(Feed):
    """Publishes what `changed` makes of each event."""

    def changed(self, event: Quote | Trade) -> Event:
        return event

    async def run(self, emit: Emit) -> None:
        changed = self.changed

        class Changing:
            def __call__(self, event: Event, /) -> None:
                emit(changed(event) if isinstance(event, Quote | Trade) else event)

            def drained(self) -> Awaitable[None]:
                return emit.drained()

        await super().run(Changing())


@fails(Suite.test_market_events_name_the_venue_and_the_symbol)
class FeedOfAnotherVenue(ChangedFeed):
    def changed(self, event: Quote | Trade) -> Event:
        return replace(event, venue="other")


@fails(Suite.test_collectors_tell_trades_with_the_takers_side)
class FeedOfMakers(ChangedFeed):
    def changed(self, event: Quote | Trade) -> Event:
        is_sold = isinstance(event, Trade) and event.side == "sell"
        return replace(event, side="buy") if is_sold else event


@fails(Suite.test_collectors_tell_quotes_on_the_instruments_steps)
class FeedOffTheTick(ChangedFeed):
    def changed(self, event: Quote | Trade) -> Event:
        return replace(event, bid=event.bid - Decimal("0.001")) if isinstance(event, Quote) else event


@fails(Suite.test_collectors_can_be_cancelled_and_run_again)
class FeedOfOneRun(Feed):
    """Has one queue for all runs, and closes it."""

    runs = 0

    async def run(self, emit: Emit) -> None:
        self.runs += 1
        if self.runs == 1:
            await super().run(emit)
