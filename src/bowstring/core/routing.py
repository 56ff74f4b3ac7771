"""Who gets what: routes for events and plans for actions, checked when the bot is wired."""

import itertools
from collections.abc import Callable, Collection, Sequence

from bowstring.core.checks import check_name
from bowstring.core.components import Component, Executor, Guard, Handler, Strategy
from bowstring.core.errors import WiringError
from bowstring.core.inbox import Call
from bowstring.core.messages import Action, Addressed, Event, Message
from bowstring.core.subscriber import Subscriber, Targets, Worker

Target = tuple[Worker, Call]


class Route:
    """The way of one event type: by symbol or by addressee where that matters.

    ``key`` names the field to `find` in ``by_key``; without it, all go to ``rest``, as does what is not found.
    """

    __slots__ = ("by_key", "key", "rest")

    def __init__(self, *, key: str, by_key: dict[str, Targets], rest: Targets) -> None:
        self.key = key
        self.by_key = by_key
        self.rest = rest

    def find(self, event: Event) -> Targets:
        """The targets of this very event, by its ``key``."""
        return self.by_key.get(getattr(event, self.key), self.rest)


class Plan:
    """The way of one action type: the guards that judge it, then the executors that carry it out.

    Of the ``told`` ones some strategy wants to know, and ``admitted`` ones some executor wants to see beforehand. Those
    that name a venue have ``venues``: each venue's one executor, or under ``""`` the one that owns all.
    ``sole_venue`` is the venue that is meant when an action names none, ``""`` if that is not clear.
    """

    __slots__ = ("admitted", "guards", "sole_venue", "targets", "told", "venues")

    def __init__(
        self,
        guards: tuple[tuple[Subscriber, Call], ...],
        targets: tuple[Target, ...],
        venues: dict[str, tuple[Target, ...]] | None,
        *,
        told: bool,
    ) -> None:
        self.guards = guards
        self.targets = targets
        self.venues = venues
        self.told = told
        self.admitted = any(worker.admits for worker, _call in targets)
        self.sole_venue = next(iter(venues)) if venues and len(venues) == 1 else ""

    def find(self, action: Action) -> tuple[Target, ...]:
        """The executor of an action that has a venue."""
        venues = self.venues or {}
        return venues.get(getattr(action, "venue", "")) or venues.get("", ())

    def missing(self, action: Action) -> str:
        """Why `find` found nobody, and what to do."""
        if not self.targets:
            return f"no executor carries out {type(action).__name__}: add one"
        venues = ", ".join(sorted(self.venues or ()))
        return f'no executor for the venue "{getattr(action, "venue", "")}": name one of {venues}'


class Wiring:
    """All components of a bot, with their handlers, checked."""

    def __init__(self, guards: Sequence[Guard], executors: Sequence[Executor], strategies: Sequence[Strategy]) -> None:
        self._handlers = {component.name: _handlers(component) for component in (*guards, *executors, *strategies)}
        self.guards = [Subscriber(guard, role="guard") for guard in guards]
        self.observers = [Subscriber(executor, role="observer") for executor in executors]
        self.strategies = [Subscriber(strategy, role="strategy") for strategy in strategies]
        self.workers = [Worker(executor) for executor in executors]
        self._check()

    @property
    def subscribers(self) -> list[Subscriber]:
        """Everything that is given events, in the order of delivery."""
        return [*self.guards, *self.observers, *self.strategies]

    def strategies_without(self, event_type: type[Addressed]) -> frozenset[str]:
        """The strategies whose events of this type nobody handles: they need not be made."""
        silent = set[str]()
        for strategy in self.strategies:
            handlers = [
                handler
                for subscriber in self.subscribers
                for handler in self._handlers[subscriber.name]
                if issubclass(event_type, handler.type)
                and _wants(subscriber, handler, key="strategy", value=strategy.name)
            ]
            if not handlers:
                silent.add(strategy.name)
        return frozenset(silent)

    def route(self, event_type: type[Event]) -> Route:
        """Build the route of an event type."""
        if issubclass(event_type, Addressed):
            names = [subscriber.name for subscriber in self.strategies]
            return self._route_by("strategy", names, event_type)
        if "symbol" in event_type.__struct_fields__:
            symbols = {symbol for strategy in self.strategies for symbol in _symbols(strategy) or ()}
            return self._route_by("symbol", sorted(symbols), event_type)
        return Route(key="", by_key={}, rest=self._targets(event_type, lambda _subscriber, _handler: True))

    def plan(self, action_type: type[Action]) -> Plan:
        """Build the plan of an action type. Raises `WiringError` when two executors own one venue."""
        guards = tuple(
            (guard, handler.call)
            for guard in self.guards
            for handler in self._handlers[guard.name]
            if issubclass(action_type, handler.type)
        )
        targets: list[Target] = []
        for worker in self.workers:
            matching = [h for h in self._handlers[worker.name] if issubclass(action_type, h.type)]
            if matching:  # the handler of the nearest type, so that an action is carried out once
                targets.append((worker, max(matching, key=lambda handler: len(handler.type.__mro__)).call))
        has_venue = "venue" in action_type.__struct_fields__
        return Plan(
            guards,
            tuple(targets),
            _owners(targets, action_type) if has_venue else None,
            told=any(issubclass(action_type, _told_of(strategy)) for strategy in self.strategies),
        )

    def _route_by(self, key: str, values: Sequence[str], event_type: type[Event]) -> Route:
        def wanted(value: str | None) -> Callable[[Subscriber, Handler], bool]:
            return lambda subscriber, handler: _wants(subscriber, handler, key=key, value=value)

        by_key = {value: self._targets(event_type, wanted(value)) for value in values}
        return Route(key=key, by_key=by_key, rest=self._targets(event_type, wanted(None)))

    def _targets(self, event_type: type[Event], wants: Callable[[Subscriber, Handler], bool]) -> Targets:
        entries: list[tuple[Subscriber, tuple[Call, ...]]] = []
        for subscriber in self.subscribers:
            matching = (h for h in self._handlers[subscriber.name] if issubclass(event_type, h.type))
            wanted = (_filtered(subscriber, handler, event_type) for handler in matching if wants(subscriber, handler))
            calls = tuple(dict.fromkeys(wanted))
            if calls:
                entries.append((subscriber, calls))
        targets = Targets(tuple(entries))
        for subscriber, _calls in entries:
            subscriber.sources.append(targets)
        return targets

    def _check(self) -> None:
        for strategy in self.strategies:
            _check_told(strategy.component)
            if isinstance(symbols := _symbols(strategy), str):
                raise WiringError(f'{strategy.name}.symbols is one string: write {{"{symbols}"}}')
            for handler in self._handlers[strategy.name]:
                if not issubclass(handler.type, Event):
                    raise WiringError(
                        f"{strategy.name}.{handler.name} handles the action {handler.type.__name__}: a strategy "
                        "handles events; move it to a guard or an executor"
                    )
        for worker in self.workers:
            if worker.executor.max_in_flight < 1:
                raise WiringError(
                    f"{worker.name}.max_in_flight is {worker.executor.max_in_flight}: let it be 1 or more"
                )
        executed = [handler.type for worker in self.workers for handler in self._handlers[worker.name]]
        for guard in self.guards:
            _check_guard(guard, self._handlers[guard.name], executed)
        for action_type in executed:
            if issubclass(action_type, Action):
                self.plan(action_type)


def give_names(components: Sequence[Component]) -> None:
    """Name each unnamed component after its class. Raises `WiringError` when two strategies share a name."""
    taken: set[str] = set()
    for component in sorted(components, key=lambda component: not isinstance(component, Strategy)):
        check_name(component)
        name = component.name or type(component).__name__
        if name in taken and isinstance(component, Strategy):
            raise WiringError(f'two strategies are named "{name}": give each a name of its own, name = "..."')
        numbers = itertools.count(2)
        while name in taken:
            name = f"{component.name or type(component).__name__}-{next(numbers)}"
        taken.add(name)
        component.name = name


def _handlers(component: Component) -> list[Handler]:
    handlers = list(component.handlers())
    if all(handler.name in component.built_in for handler in handlers):
        raise WiringError(f"{component.name} handles nothing: declare a method with @on(SomeMessage)")
    return handlers


def _check_told(strategy: Component) -> None:
    if not isinstance(strategy, Strategy) or strategy.told_of:
        return
    cls = type(strategy)
    if cls.publishing is not Strategy.publishing:
        raise WiringError(
            f"{cls.__name__}.publishing is never called: say for which actions, as in told_of = (SomeAction,)"
        )


def _check_guard(guard: Subscriber, handlers: Sequence[Handler], executed: Sequence[type[Message]]) -> None:
    for handler in handlers:
        if handler.is_async:
            raise WiringError(f"{guard.name}.{handler.name} is async: a guard decides at once; use def")
    guarded = [handler for handler in handlers if issubclass(handler.type, Action)]
    if guarded and not any(_related(handler.type, other) for handler in guarded for other in executed):
        types = " and ".join(handler.type.__name__ for handler in guarded)
        raise WiringError(
            f"{guard.name}.{guarded[0].name} guards {types}, which no executor carries out: "
            "add its executor or remove the guard"
        )


def _related(one: type, other: type) -> bool:
    return issubclass(one, other) or issubclass(other, one)


def _told_of(subscriber: Subscriber) -> tuple[type[Action], ...]:
    component = subscriber.component
    return component.told_of if isinstance(component, Strategy) else ()


def _symbols(subscriber: Subscriber) -> Collection[str] | None:
    component = subscriber.component
    return component.symbols if isinstance(component, Strategy) else None


def _wants(subscriber: Subscriber, handler: Handler, *, key: str, value: str | None) -> bool:
    if not isinstance(subscriber.component, Strategy):
        return True
    if key == "strategy":
        return handler.all or subscriber.name == value
    symbols = _symbols(subscriber)
    return symbols is None or value in symbols


def _filtered(subscriber: Subscriber, handler: Handler, event_type: type[Event]) -> Call:
    """A handler that sees everyone's addressed events still sees only its own symbols of the others'."""
    symbols = _symbols(subscriber)
    by_addressee = issubclass(event_type, Addressed) and "symbol" in event_type.__struct_fields__
    if symbols is None or not handler.all or not by_addressee:
        return handler.call

    def call(event: Message) -> object:
        mine = getattr(event, "strategy", "") == subscriber.name
        return handler.call(event) if mine or getattr(event, "symbol", "") in symbols else None

    return call


def _owners(targets: Sequence[Target], action_type: type[Action]) -> dict[str, tuple[Target, ...]]:
    owners: dict[str, tuple[Target, ...]] = {}
    for worker, call in targets:
        venue = worker.executor.venue
        if venue in owners or "" in owners or (owners and not venue):
            other = owners.get(venue) or next(iter(owners.values()))
            raise WiringError(
                f'{action_type.__name__} for "{venue or "every venue"}" has two executors: {other[0][0].name} and '
                f"{worker.name}; remove one"
            )
        owners[venue] = ((worker, call),)
    return owners
