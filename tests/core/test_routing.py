"""Tests of who gets what, and of what is refused when a bot is wired."""

from collections.abc import Collection, Sequence
from typing import Any

import pytest

from bowstring.core.components import Collector, Component, Executor, Guard, Strategy, on
from bowstring.core.errors import WiringError
from bowstring.core.messages import Action, ActionClosed, ActionDone, ActionRefused, Addressed, Event
from bowstring.core.routing import Wiring, give_names
from tests.core.bots import Bot, Do, Doer, Echo, Level, Note, Order, Reader, Risk, Tick, Witness, queue_of


class LoudTick(Tick, frozen=True, kw_only=True):
    """Below Tick."""


class Report(Addressed, frozen=True, kw_only=True):
    """Addressed, and about a symbol."""

    symbol: str


class Watcher(Strategy):
    """Keeps what it sees of its own and of everybody's."""

    def __init__(self, name: str, *, symbols: Collection[str] | None = None) -> None:
        self.name = name
        self.symbols = symbols
        self.own: list[Event] = []
        self.all: list[Event] = []

    @on(Addressed)
    def read_own(self, event: Addressed) -> None:
        self.own.append(event)

    @on(Report, all=True)
    def read_all(self, event: Report) -> None:
        self.all.append(event)


class LevelReader(Strategy):
    def __init__(self, name: str, symbols: Collection[str] | None) -> None:
        self.name = name
        self.symbols = symbols
        self.seen: list[Event] = []

    @on(Level)
    def read(self, level: Level) -> None:
        self.seen.append(level)


class Venue(Executor):
    """Takes the orders of one venue."""

    def __init__(self, venue: str, *, name: str = "") -> None:
        self.name = name or f"executor {venue}"
        self.venue = venue
        self.given: list[Order] = []

    @on(Order)
    def place(self, order: Order) -> None:
        self.given.append(order)


# Events


def test_a_handler_of_a_base_class_gets_everything_below_it_and_nothing_beside_it() -> None:
    bot = Bot()
    queue = queue_of(bot)
    tick, loud, echo = Tick(), LoudTick(), Echo()
    for event in (tick, loud, echo):
        queue.publish(event)

    assert bot.seen == [tick, loud]


def test_every_matching_handler_of_a_component_is_called_in_the_order_of_definition() -> None:
    class Twice(Bot):
        @on(LoudTick)
        def listen(self, tick: LoudTick) -> None:
            calls.append("listen")

        @on(Event)
        def sense(self, event: Event) -> None:
            calls.append("sense")

    calls: list[str] = []
    queue = queue_of(Twice(lambda _: calls.append("decide")))
    queue.publish(LoudTick())
    queue.publish(Echo())

    assert calls == ["decide", "listen", "sense", "sense"]


def test_a_method_under_two_names_is_called_once() -> None:
    class Aliased(Bot):
        alias = Bot.decide

    aliased = Aliased()
    queue_of(aliased).publish(Tick())

    assert len(aliased.seen) == 1


def test_an_overriding_method_is_called_instead() -> None:
    class Quiet(Bot):
        def decide(self, tick: Tick) -> None:
            calls.append(tick)

    calls: list[Tick] = []
    quiet = Quiet()
    queue_of(quiet).publish(Tick())

    assert len(calls) == 1
    assert quiet.seen == []


def test_an_addressed_event_reaches_its_strategy_only() -> None:
    one, other = Reader(name="one"), Reader(name="other")
    queue_of(one, other).publish(Note(strategy="one"))

    assert len(one.seen) == 1
    assert other.seen == []


def test_an_addressed_event_reaches_every_guard_and_executor() -> None:
    class Observer(Executor):
        @on(Note)
        def note(self, note: Note) -> None:
            seen.append(note)

    seen: list[Note] = []
    witness = Witness()
    queue_of(witness, Observer(), Reader()).publish(Note(strategy="somebody"))

    assert witness.seen == seen
    assert len(seen) == 1


def test_a_handler_of_all_sees_what_is_addressed_to_others_too() -> None:
    one, other = Watcher("one"), Watcher("other")
    queue = queue_of(one, other)
    to_one, to_nobody = Report(strategy="one", symbol="A"), Report(strategy="stranger", symbol="A")
    queue.publish(to_one)
    queue.publish(to_nobody)

    assert one.own == [to_one]
    assert other.own == []
    assert one.all == other.all == [to_one, to_nobody]


def test_of_what_is_addressed_to_others_only_the_own_symbols_are_seen() -> None:
    one, other = Watcher("one", symbols={"A"}), Watcher("other")
    queue = queue_of(one, other)
    own = Report(strategy="one", symbol="B")
    same_symbol, other_symbol = (Report(strategy="other", symbol=symbol) for symbol in "AB")
    for report in (own, same_symbol, other_symbol):
        queue.publish(report)

    assert one.own == [own]
    assert one.all == [own, same_symbol]
    assert other.all == [own, same_symbol, other_symbol]


def test_symbols_filter_every_event_that_has_one() -> None:
    a, both, none, every = (
        LevelReader(*spec) for spec in (("a", ["A"]), ("ab", {"A", "B"}), ("none", ()), ("all", None))
    )
    queue = queue_of(a, both, none, every)
    levels = [Level(symbol=symbol) for symbol in ("A", "B", "C", "")]
    for level in levels:
        queue.publish(level)

    assert a.seen == levels[:1]
    assert both.seen == levels[:2]
    assert none.seen == []
    assert every.seen == levels


def test_symbols_do_not_filter_what_has_none_nor_guards() -> None:
    bot, witness = Bot(), Witness()
    bot.symbols = {"A"}
    queue = queue_of(bot, witness)
    queue.publish(Tick())
    queue.publish(Level(symbol="B"))

    assert len(bot.seen) == 1
    assert len(witness.seen) == 2


def test_each_account_counts_what_its_component_is_meant_to_get() -> None:
    queue = queue_of(Watcher("one", symbols={"A"}), LevelReader("level", {"A"}), Witness())
    for event in (Level(symbol="A"), Level(symbol="B"), Note(strategy="one"), Note(strategy="level"), Tick()):
        queue.publish(event)

    published = {account.name: account.published for account in queue.accounts()}
    assert published == {"Witness": 5, "one": 1, "level": 1}


def test_a_strategy_to_which_nobody_listens_is_found() -> None:
    class Closer(Strategy):
        @on(ActionClosed)
        def close(self, closed: ActionClosed) -> None:
            pass

    class AllCloser(Strategy):
        @on(ActionDone, all=True)
        def close(self, closed: ActionDone) -> None:
            pass

    def silent_in(*components: Component) -> frozenset[str]:
        give_names(components)
        guards = [guard for guard in components if isinstance(guard, Guard)]
        strategies = [strategy for strategy in components if isinstance(strategy, Strategy)]
        return Wiring(guards, [], strategies).strategies_without(ActionDone)

    assert silent_in(Bot(), Closer()) == {"bot"}
    assert silent_in(Bot(), AllCloser()) == set()
    assert silent_in(Bot(), Witness()) == set()
    assert silent_in(Bot(name="a"), Bot(name="b")) == {"a", "b"}


# Actions


def test_an_action_without_a_venue_goes_to_every_executor_of_it() -> None:
    doers = [Doer(name="one"), Doer(name="other")]
    queue_of(Bot(lambda _: Do(n=1)), *doers).publish(Tick())

    assert [len(doer.given) for doer in doers] == [1, 1]


def test_an_executor_carries_an_action_out_once_by_its_handler_of_the_nearest_type() -> None:
    class Layered(Executor):
        @on(Action)
        def anything(self, action: Action) -> None:
            calls.append("anything")

        @on(Do)
        def do(self, action: Do) -> None:
            calls.append("do")

    calls: list[str] = []
    queue_of(Bot(lambda _: [Do(), Risk()]), Layered()).publish(Tick())

    assert calls == ["do", "anything"]


def test_an_order_goes_to_the_executor_of_its_venue() -> None:
    a, b = Venue("a"), Venue("b")
    queue_of(Bot(lambda _: [Order(venue="b"), Order(venue="a"), Order(venue="b")]), a, b).publish(Tick())

    assert [order.venue for order in a.given] == ["a"]
    assert [order.venue for order in b.given] == ["b", "b"]


def test_an_order_that_names_no_venue_is_given_the_only_one() -> None:
    venue = Venue("a")
    queue_of(Bot(lambda _: Order()), venue).publish(Tick())

    assert [order.venue for order in venue.given] == ["a"]


def test_guards_and_the_strategy_are_told_the_venue_that_was_meant() -> None:
    class Numbering(Bot):
        told_of = (Order,)

        def publishing(self, actions: Sequence[Action]) -> None:
            told.extend(getattr(action, "venue", None) for action in actions)

    class Collar(Guard):
        @on(Order)
        def judge(self, order: Order) -> None:
            told.append(order.venue)

    told: list[object] = []
    queue_of(Numbering(lambda _: Order()), Collar(), Venue("a")).publish(Tick())

    assert told == ["a", "a"]


def test_an_executor_of_every_venue_takes_orders_as_they_are() -> None:
    everywhere = Venue("")
    queue_of(Bot(lambda _: [Order(), Order(venue="b")]), everywhere).publish(Tick())

    assert [order.venue for order in everywhere.given] == ["", "b"]


@pytest.mark.parametrize(
    ("venues", "named", "reason"),
    [
        ("ab", "", 'no executor for the venue "": name one of a, b'),
        ("ba", "c", 'no executor for the venue "c": name one of a, b'),
        ("a", "b", 'no executor for the venue "b": name one of a'),
        ("", "b", "no executor carries out Order: add one"),
    ],
)
def test_an_order_for_a_venue_that_nobody_owns_fails(venues: str, named: str, reason: str) -> None:
    witness = Witness()
    executors = [Venue(venue) for venue in venues]
    queue_of(witness, Bot(lambda _: Order(venue=named)), *executors).publish(Tick())

    assert witness.closings == [("ActionFailed", "engine", reason)]


def test_an_action_that_nobody_carries_out_fails() -> None:
    witness = Witness()
    queue_of(witness, Bot(lambda _: Do())).publish(Tick())

    assert witness.closings == [("ActionFailed", "engine", "no executor carries out Do: add one")]


def test_a_guard_of_a_base_class_judges_everything_below_it() -> None:
    class Strict(Guard):
        @on(Action)
        def judge(self, action: Action) -> str:
            return "no"

    witness, doer = Witness(), Doer()
    queue_of(witness, Strict(), doer, Bot(lambda _: [Do(), Risk()])).publish(Tick())

    assert doer.given == []
    assert len(witness.of(ActionRefused)) == 2


# Names


def test_a_component_is_named_after_its_class_unless_it_has_a_name() -> None:
    witness, bot = Witness(), Bot(name="own")
    give_names([witness, bot])

    assert (witness.name, bot.name) == ("Witness", "own")


def test_components_of_the_same_name_are_numbered_and_strategies_keep_theirs() -> None:
    class Same(Collector):
        name = "bot"

    components = [Same(), Witness(), Witness(), Witness(), Bot()]
    give_names(components)

    assert [component.name for component in components] == ["bot-2", "Witness", "Witness-2", "Witness-3", "bot"]


def test_a_name_stays_with_its_component() -> None:
    witnesses = [Witness(), Witness()]
    give_names(witnesses)
    give_names(witnesses)

    assert [witness.name for witness in witnesses] == ["Witness", "Witness-2"]


def test_two_strategies_may_not_share_a_name() -> None:
    with pytest.raises(
        WiringError, match=r'two strategies are named "bot": give each a name of its own, name = "\.\.\."'
    ):
        give_names([Bot(), Witness(), Bot()])


# What is wired wrongly


class Idle(Strategy):
    pass


class ActsOnActions(Strategy):
    @on(Do)
    def wrong(self, action: Do) -> None:
        pass


class AsyncGuard(Guard):
    @on(Do)
    async def wait(self, action: Do) -> None:
        pass


class AsyncGuardOfEvents(Guard):
    @on(Tick)
    async def wait(self, tick: Tick) -> None:
        pass


class Idler(Doer):
    max_in_flight = 0


def symbol_as_string() -> Bot:
    bot = Bot()
    bot.symbols = "BTC/USDT"
    return bot


class Untold(Idle):
    @on(Tick)
    def see(self, tick: Tick) -> None:
        pass

    def publishing(self, actions: Sequence[Action]) -> None:
        pass


class OrderGuard(Guard):
    @on(Order)
    def judge(self, order: Order) -> None:
        pass


@pytest.mark.parametrize(
    ("components", "message"),
    [
        ([Idle()], r"Idle handles nothing: declare a method with @on\(SomeMessage\)"),
        (
            [ActsOnActions()],
            r"ActsOnActions\.wrong handles the action Do: a strategy handles events; move it to a guard",
        ),
        ([AsyncGuard(), Doer()], r"AsyncGuard\.wait is async: a guard decides at once; use def"),
        ([AsyncGuardOfEvents()], r"AsyncGuardOfEvents\.wait is async: a guard decides at once; use def"),
        (
            [OrderGuard(), Doer()],
            r"OrderGuard\.judge guards Order, which no executor carries out: add its executor or rem",
        ),
        (
            [Untold()],
            r"Untold\.publishing is never called: say for which actions, as in told_of = \(SomeAction,\)",
        ),
        ([Idler()], r"doer\.max_in_flight is 0: let it be 1 or more"),
        ([symbol_as_string()], r'bot\.symbols is one string: write \{"BTC/USDT"\}'),
        ([Venue("a", name="A"), Venue("a", name="B")], r'Order for "a" has two executors: A and B; remove one'),
        ([Venue("", name="A"), Venue("", name="B")], r'Order for "every venue" has two executors: A and B; remove one'),
        ([Venue("", name="A"), Venue("b", name="B")], r'Order for "b" has two executors: A and B; remove one'),
        (
            [Venue("b", name="B"), Venue("", name="A")],
            r'Order for "every venue" has two executors: B and A; remove one',
        ),
    ],
)
def test_a_bot_that_is_put_together_wrongly_says_what_to_mend(components: list[Any], message: str) -> None:
    with pytest.raises(WiringError, match=message):
        queue_of(*components)


@pytest.mark.parametrize("guarded", [Action, Order])
def test_a_guard_may_be_for_more_or_less_than_what_is_carried_out(guarded: type[Action]) -> None:
    class Doing(Executor):
        @on(Action if guarded is Order else Order)
        def do(self, action: Any) -> None:
            pass

    class Wide(Guard):
        @on(guarded)
        def judge(self, action: Any) -> str:
            return "no"

    witness = Witness()
    queue_of(Wide(), Doing(), witness, Bot(lambda _: Order())).publish(Tick())

    assert witness.closings == [("ActionRefused", "Wide", "no")]


def test_two_executors_may_share_a_venue_if_they_carry_out_different_actions() -> None:
    class Pager(Doer):
        venue = "a"

    pager, venue = Pager(), Venue("a")
    queue_of(pager, venue, Bot(lambda _: [Do(), Order()])).publish(Tick())

    assert (len(pager.given), len(venue.given)) == (1, 1)
