"""Reconciliation: the venue is asked how things stand, and what it tells is merged with what is known.

It is the same at a start, after a break of the private stream, and every so often in between: what the stream never
told is found, and told as a report would have been. Nothing is ever invented to make the two sides agree. What they
disagree about, twice and for longer than the venue's questions lag, is a `ReconcileMismatch`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

from msgspec import Struct

from bowstring.core.errors import Rejected
from bowstring.core.messages import Event
from bowstring.trading.desk import SHORT, Desk, Problem
from bowstring.trading.gateway import BalanceReport, FillReport, OpenOrder, OrderReport
from bowstring.trading.journal.port import Cursor
from bowstring.trading.messages import ReconcileMismatch
from bowstring.trading.orders import EXACT, NEVER_LIVED, Order
from bowstring.trading.resolution import MARGIN_NS, REFUSALS, named, ref, unasked_key
from bowstring.trading.symbols import base_of, quote_of

FILLS = "fills"
DOUBTED_S = 5.0  # a disagreement that is gone by then was none


class Reconciliation:
    """Asks one venue."""

    def __init__(self, desk: Desk, *, cursor_ns: int) -> None:
        self._desk = desk
        self._cursor_ns = cursor_ns
        self._told_ns: tuple[int, int] | None = None
        self._lock = asyncio.Lock()
        self._doubted_ns: dict[tuple[str, str], int] = {}
        self._refused = Counter[str]()

    async def run(self) -> None:
        """Ask for everything once, and take in the answers. Raises what the gateway raises, and takes in none then."""
        async with self._lock:
            self._desk.is_asking = True
            self._take(await self._ask())
            self._desk.is_asking = False
            self._desk.reconciled_ns = self._desk.clock.monotonic_ns()
        self._desk.notice()

    async def until_done(self) -> None:
        """Run until that has succeeded once."""
        await self._desk.insist(self.run, "reconciled")

    async def keep_on(self, *, every_s: float) -> None:
        """Run every so many seconds, and at once where the desk is paused, until cancelled."""
        desk = self._desk
        while True:
            await desk.until(lambda: desk.paused and not desk.down, timeout_s=every_s)
            if not desk.down:  # else the stream asks when it is up again
                count = desk.pauses
                await self.until_done()
                desk.go_on(pauses=count)

    async def _ask(self) -> "_Answers":
        """What is known of orders is noted before the questions: what becomes known meanwhile is no disagreement."""
        desk, gateway = self._desk, self._desk.gateway
        symbols = desk.blotter.symbols_with_fills_to_come()
        was_live = dict(desk.blotter.live)
        live = [order for order in was_live.values() if order.status != "pending"]
        self._forget_refusals(live, symbols)
        now_ns = await desk.ask(gateway.time_ns())
        known_ns = self._plausible_ns(now_ns) - int(gateway.query_lag_s * 1e9)
        open_orders = await desk.ask(gateway.open_orders())
        shown = {order.report.client_order_id for order in open_orders}
        asked, fills = list[tuple[Order, OrderReport | None]](), list[FillReport]()
        unasked = list[Problem]()
        for order in live:
            if order.client_order_id not in shown:
                async with self._asking(named(order), order.symbol, unasked):
                    asked.append((order, await desk.ask(gateway.query(ref(order)))))
        since_ns = min(self._cursor_ns or now_ns, now_ns) - MARGIN_NS
        for symbol in symbols:
            async with self._asking(FILLS, symbol, unasked):
                fills += await desk.fills_since(symbol, since_ns)
        has_all = all(one.key != unasked_key(FILLS, one.symbol) for one in unasked)
        told = desk.balances_told
        balances = await desk.ask(gateway.balances())
        return _Answers(
            cursor_ns=known_ns if has_all else self._cursor_ns,  # else it will be asked for again
            unasked=unasked,
            was_live={*was_live},
            open_orders=open_orders,
            asked=asked,
            fills=sorted(fills, key=lambda fill: fill.time_ns),
            balances=balances if told == desk.balances_told else (),
        )

    @asynccontextmanager
    async def _asking(self, what: str, symbol: str, unasked: "list[Problem]") -> AsyncGenerator[None]:
        """Ask what the venue may refuse to tell, as of a symbol that it has no more: then it is for a human to say.

        Until `REFUSALS` of them came in a row the asking begins anew.
        """
        key = unasked_key(what, symbol)
        try:
            yield
        except Rejected as error:
            self._refused[key] += 1
            if self._refused[key] < REFUSALS:
                raise
            unasked.append(Problem(key=key, symbol=symbol, reason=f"the venue does not tell of its {what}: {error}"))
        else:
            self._refused.pop(key, None)

    def _forget_refusals(self, live: Iterable[Order], symbols: Iterable[str]) -> None:
        """Only what is asked again may be refused again."""
        questions = {unasked_key(named(order), order.symbol) for order in live}
        questions.update(unasked_key(FILLS, symbol) for symbol in symbols)
        self._refused = Counter({key: count for key, count in self._refused.items() if key in questions})

    def _plausible_ns(self, venue_ns: int) -> int:
        """The venue's time, but no later than its last answer and our clock make it: any one answer may be wrong.

        So the first one does not move on a cursor that is on record, nor is it later than our time where there is none.
        """
        own_ns = self._desk.clock.monotonic_ns()
        before, self._told_ns = self._told_ns, (venue_ns, own_ns)
        if before is None:
            return min(self._cursor_ns or self._desk.clock.now_ns(), venue_ns)
        return min(venue_ns, before[0] + own_ns - before[1])

    def _take(self, answers: "_Answers") -> None:
        """Fills first: an order's report says how much it has filled, its fills say at what price."""
        desk = self._desk
        news: list[Event] = []
        try:
            self._take_in(answers, news)
        except Exception:
            desk.tell(news)  # what was taken in is known, and would not be told again
            raise
        self._cursor_ns = answers.cursor_ns
        desk.tell(news, cursor=Cursor(venue=desk.gateway.venue, time_ns=self._cursor_ns))

    def _take_in(self, answers: "_Answers", news: list[Event]) -> None:
        desk = self._desk
        for fill in answers.fills:
            news += desk.news(fill, recovered=True)
        for report in answers.reports():
            news += desk.news(report)
        symbols = {order.symbol for order in desk.blotter.live.values()}
        traded = {*map(base_of, symbols), *map(quote_of, symbols)}
        for balance in answers.balances:  # also one that is as it was: it shows what is open by now
            if desk.balances.get(balance.currency) != balance or balance.currency in traded:
                news += desk.news(balance)
        self._adopt(answers)
        news += self._mismatches(answers)

    def _adopt(self, answers: "_Answers") -> None:
        """Orders that are not on record are somebody else's: they are known, and left alone."""
        blotter = self._desk.blotter
        others = (shown for shown in answers.open_orders if blotter.find(shown.report.client_order_id) is None)
        blotter.external = {shown.report.venue_order_id: shown for shown in others}

    def _mismatches(self, answers: "_Answers") -> Iterator[ReconcileMismatch]:
        """What the two sides disagree about now, and did when it was found, long enough ago."""
        now_ns = self._desk.clock.monotonic_ns()
        found = [
            *answers.unasked,
            *self._lost(answers),
            *self._ended(answers),
            *self._untold(),
            *self._shortfalls(answers.balances),
        ]
        standing = {key: one for key, one in self._desk.problems.items() if self._is_not_compared(key, answers)}
        self._desk.problems = standing | {problem.key: problem for problem in found}
        problems = {problem.key: problem for problem in found if not self._desk.is_settled(problem.key, problem.amount)}
        doubted = (*standing.values(), *problems.values())
        self._doubted_ns = {one.doubt: self._doubted_ns.get(one.doubt, now_ns) for one in doubted}
        patience_ns = max(DOUBTED_S, self._desk.gateway.query_lag_s) * 1e9
        for problem in problems.values():
            is_lasting = now_ns - self._doubted_ns[problem.doubt] >= patience_ns
            if is_lasting and problem.symbol not in self._desk.disputed:
                venue = self._desk.gateway.venue
                yield ReconcileMismatch(venue=venue, symbol=problem.symbol, reason=problem.reason)

    def _lost(self, answers: "_Answers") -> Iterator[Problem]:
        for order, report in answers.asked:
            now = self._desk.blotter.live.get(order.client_order_id)
            if order.status == "open" and now is not None and (report is None or report.status in NEVER_LIVED):
                word = "does not know it" if report is None else f"tells that it is {report.status}"
                reason = f"{order.client_order_id} was open, and the venue {word}"
                yield Problem(key=lost(order.client_order_id), symbol=order.symbol, reason=reason)

    def _ended(self, answers: "_Answers") -> Iterator[Problem]:
        """What it shows as open in spite of its own word. One that ended while it was asked was open when it was shown.

        It may be somebody else's, of the same name: venues keep names apart only while orders are open.
        """
        for shown in answers.open_orders:
            order = self._desk.blotter.find(shown.report.client_order_id)
            if order is not None and order.is_final and order.client_order_id not in answers.was_live:
                reason = f"{order.client_order_id} is {order.status}, and the venue shows it as open"
                yield Problem(key=f"ended {order.client_order_id}", symbol=order.symbol, reason=reason)

    def _untold(self) -> Iterator[Problem]:
        blotter = self._desk.blotter
        for order in blotter.short_of_fills():
            told = blotter.filled(order.client_order_id)
            reason = f"{order.client_order_id} filled {order.filled:f}, its fills are {told:f} together"
            missing = EXACT.subtract(order.filled, told)
            key = f"untold {order.client_order_id}"  # while it fills, some are always a moment behind
            yield Problem(key=key, symbol=order.symbol, reason=reason, amount=missing, sign=f"{told:f}")

    def _shortfalls(self, balances: Sequence[BalanceReport]) -> Iterator[Problem]:
        """Where strategies have more than the account. What it has beyond is not the bot's business."""
        desk = self._desk
        held = {balance.currency: EXACT.add(balance.free, balance.locked) for balance in balances}
        behind = self._behind()
        for symbol, currency, needed in desk.blotter.owned() if balances else ():
            there = held.get(currency, Decimal(0))
            if needed > there and currency not in behind:
                reason = f"positions are {needed:f} {currency} together, and the account has {there:f}"
                missing = EXACT.subtract(needed, there)
                yield Problem(key=f"{SHORT} {symbol}", symbol=symbol, reason=reason, amount=missing)

    def _is_not_compared(self, key: str, answers: "_Answers") -> bool:
        """Whether a disagreement about a balance was not looked at this time: then it is as it was."""
        if not key.startswith(SHORT):
            return False
        return not answers.balances or base_of(self._desk.problems[key].symbol) in self._behind()

    def _behind(self) -> Collection[str]:
        """Currencies of which a balance may be behind what was filled a moment ago."""
        since_ns = self._desk.clock.monotonic_ns() - int(self._desk.gateway.query_lag_s * 1e9)
        return {base_of(symbol) for symbol, told_ns in self._desk.filled_ns.items() if told_ns > since_ns}


def lost(client_order_id: str) -> str:
    """The key of the disagreement that an open order is none at the venue."""
    return f"lost {client_order_id}"


class _Answers(Struct, frozen=True, kw_only=True):
    """What the venue answered. ``asked`` are orders that it did not show as open, with its word on each.

    ``unasked`` is what it refused to tell, ``was_live`` what was no final order before it was asked.
    """

    cursor_ns: int
    unasked: Sequence[Problem]
    was_live: Collection[str]
    open_orders: Sequence[OpenOrder]
    asked: Sequence[tuple[Order, OrderReport | None]]
    fills: Sequence[FillReport]
    balances: Sequence[BalanceReport]

    def reports(self) -> Iterator[OrderReport]:
        """The venue's word on every order that it has one on."""
        yield from (order.report for order in self.open_orders)
        yield from (report for _order, report in self.asked if report is not None)
