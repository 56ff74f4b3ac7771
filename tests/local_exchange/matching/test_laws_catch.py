"""Laws that never fail prove nothing: here the exchange is broken, each time in one place, and they have to notice."""

from collections.abc import Callable

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from bowstring.local_exchange.matching import checks, exchange, matcher
from bowstring.local_exchange.matching.accounts import Account, Order
from bowstring.local_exchange.matching.book import Book, BookSide
from bowstring.local_exchange.matching.market import Market as OneMarket
from bowstring.local_exchange.matching.matcher import Matcher, Preview, preview
from bowstring.local_exchange.matching.orders import NewOrder
from bowstring.local_exchange.matching.rules import UNIT
from tests.local_exchange.matching.test_laws import AgainstNaive, Market

Wrong = Callable[..., object]

_crosses = BookSide.crosses
_lock, _fill, _end = matcher.lock, Matcher._fill, Account.end  # pyright: ignore[reportPrivateUsage]  # it is broken


def newest_first(side: BookSide) -> Order | None:
    best = side.best
    return None if best is None else next(reversed(side.levels[best].orders.values()))


def crosses_late(side: BookSide, price: int) -> bool:
    return side.best != price and _crosses(side, price)


def forgets_to_leave(book: Book, order: Order) -> None:
    order.rests = False


def unnoticed(book: Book, order: Order) -> None:
    book.side(is_buy=order.is_buy).remove(order)


def locks_too_little(market: OneMarket, order: Order, amount: int) -> None:
    _lock(market, order, amount - amount // UNIT)


def keeps_the_fee(self: Matcher, market: OneMarket, order: Order, *args: object, **more: object) -> None:
    _fill(self, market, order, *args, **more)  # type: ignore[arg-type]
    self.fees[market.rules.quote] = self.fees.get(market.rules.quote, 0) + 1


def fills_a_part(market: OneMarket, new: NewOrder, *, account: Account) -> Preview:
    would = preview(market, new, account=account)
    return Preview(quantity=new.quantity) if new.time_in_force == "FOK" and would.quantity else would


def never_ends(account: Account, order: Order) -> None:
    _end(account, order)
    account.open[order.id] = order


def triggers_never(new: NewOrder, last_price: int) -> bool:
    return False


def pays_all(new: NewOrder, would: Preview) -> int:
    return 0


@pytest.mark.parametrize(
    ("machine", "owner", "name", "wrong"),
    [
        (AgainstNaive, BookSide, "first", newest_first),
        (AgainstNaive, matcher, "preview", fills_a_part),
        (Market, BookSide, "crosses", crosses_late),
        (Market, Book, "remove", forgets_to_leave),
        (Market, Book, "remove", unnoticed),
        (Market, matcher, "lock", locks_too_little),
        (Market, exchange, "lock", locks_too_little),
        (Market, Matcher, "_fill", keeps_the_fee),
        (Market, Account, "end", never_ends),
        (Market, exchange, "is_through", triggers_never),
        (Market, checks, "needed", pays_all),
    ],
)
def test_what_is_broken_is_noticed(
    machine: type[RuleBasedStateMachine], owner: object, name: str, wrong: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, wrong)
    quick = settings(
        max_examples=500,
        stateful_step_count=40,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
    )

    with pytest.raises((AssertionError, LookupError)):
        run_state_machine_as_test(machine, settings=quick)
