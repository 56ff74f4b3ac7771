"""How much may be lost in a day."""

from decimal import Decimal
from typing import get_args

from msgspec import Struct, json

from bowstring.core.components import on
from bowstring.core.errors import ConfigError
from bowstring.core.messages import Event
from bowstring.market.decimals import checked_limit
from bowstring.market.events import BookChanged, MarketEvent, Quote, Trade
from bowstring.trading.guards.day_book import DayBook, Page
from bowstring.trading.guards.listing import ListingGuard
from bowstring.trading.guards.order_guard import OrderGuard
from bowstring.trading.guards.prices import PriceGuard, market
from bowstring.trading.messages import Fill, GuardState, Position, RiskAlarm, RiskState, Side
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import EXACT
from bowstring.trading.symbols import quote_of

DAY_NS = 86_400 * 1_000_000_000


class DailyLoss(OrderGuard, PriceGuard, ListingGuard):
    """Refuses new risk once more than ``limit`` was lost since midnight UTC, in ``currency``, and raises an alarm.

    The loss is that of all strategies, in all symbols quoted in the currency: what was paid for fills and fees, what
    they earned, and what is held by now at the latest price, less what was held at midnight at its latest price then.
    An order that ``reduces`` a position passes. The alarm, once a day, brings trading to ``state``; but the guard
    refuses new risk as long as the loss is beyond the limit, whatever a human makes of the state.

    It goes on after a restart where it was. A position that no fill explains, as one taken before the guard was first
    used, counts from its first price on. While the price of something that is held, or of a fee's currency, is not
    known, neither is the loss: then new risk is refused too.
    """

    def __init__(self, currency: str, limit: Decimal, *, state: RiskState = "reducing") -> None:
        super().__init__()
        if state not in get_args(RiskState)[1:]:
            raise ConfigError(f'DailyLoss state is {state!r}: give "reducing" or "halted"')
        self.name = f"DailyLoss {currency}"  # what is kept goes by it
        self._currency = currency
        self._limit = checked_limit(limit, f'DailyLoss("{currency}") limit')
        self._state: RiskState = state
        self._book = DayBook()
        self._alarmed_day = 0
        self._is_kept = True  # else a new day is to be kept with the next event

    def objection(self, order: NewOrder, side: Side) -> str | None:
        """Refuse new risk after too great a loss."""
        if unlisted := self.unlisted(self._currency, among=self.listed_currencies, order=order):
            return unlisted
        self._turn_page()
        if not order.adds_risk:
            return None
        return self._unknown() or self._too_much()

    @on(GuardState)
    def go_on(self, kept: GuardState) -> None:
        """Go on, after a restart, with the day's book; one of another day tells nothing of this one."""
        if kept.guard != self.name or self._book.day:
            return
        state = json.decode(kept.state, type=_State)
        if state.page.day == self._today():
            self._book.recall(state.page)
            self._alarmed_day = state.alarmed_day

    @on(Position)
    def take_position(self, position: Position) -> list[Event]:
        """Note a position that no fill explains."""
        if quote_of(position.symbol) != self._currency:
            return []
        self._turn_page()
        holding = position.strategy, position.venue, position.symbol
        if self._book.correct(holding, position.quantity):
            self._is_kept = False
        return self._news()

    @on(Fill)
    def take_fill(self, fill: Fill) -> list[Event]:
        """Book what was bought or sold, and the fee."""
        if quote_of(fill.symbol) != self._currency:
            return []
        self._turn_page()
        self._book.trade(
            fill,
            pays_in=self._currency,
            price=self.latest_price(fill.venue, fill.symbol).value,
            fee_price=self.latest_price(fill.venue, f"{fill.fee_currency}/{self._currency}").value,
        )
        self._is_kept = False
        return self._news()

    @on(Quote)
    def value_by_quote(self, quote: Quote) -> list[Event] | None:
        """Value what is held."""
        return self._value(quote)

    @on(BookChanged)
    def value_by_book(self, changed: BookChanged) -> list[Event] | None:
        """Value what is held."""
        return self._value(changed)

    @on(Trade)
    def value_by_trade(self, trade: Trade) -> list[Event] | None:
        """Value what is held."""
        return self._value(trade)

    def _value(self, told: MarketEvent) -> list[Event] | None:
        where = market(told.venue, told.symbol)
        if not self._book.wants(where):
            return None
        self._turn_page()
        price = self.latest_price(told.venue, told.symbol).value
        if price is not None:
            self._book.price(where, price)
        return self._news()

    def _today(self) -> int:
        return self.clock.now_ns() // DAY_NS

    def _turn_page(self) -> None:
        """Begin a new day with the prices of the old one."""
        today = self._today()
        if today != self._book.day:
            self._book.begin(today)
            self._is_kept = False

    def _unknown(self) -> str | None:
        missing = self._book.missing()
        return missing and f"today's loss in {self._currency} is not known: {missing}"

    def _too_much(self) -> str | None:
        loss = self._book.gain.copy_negate()
        if loss <= self._limit:
            return None
        return f"{EXACT.normalize(loss):f} {self._currency} were lost since midnight UTC, more than {self._limit:f}"

    def _news(self) -> list[Event]:
        """What is to be kept, and the alarm."""
        news: list[Event] = []
        reason = None if self._book.missing() else self._too_much()
        if reason is not None and self._alarmed_day != self._book.day:
            self._alarmed_day, self._is_kept = self._book.day, False
            news.append(RiskAlarm(state=self._state, reason=reason, by=self.name))
        if not self._is_kept:
            self._is_kept = True
            state = _State(page=self._book.page(), alarmed_day=self._alarmed_day)
            news.append(GuardState(guard=self.name, state=json.encode(state).decode()))
        return news


class _State(Struct, frozen=True, kw_only=True):
    """What is kept over restarts."""

    page: Page
    alarmed_day: int
