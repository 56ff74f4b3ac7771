"""What an engine is given, looked at before anything is done with it: what is wrong is told by value and next step."""

import inspect
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TypeVar

from bowstring.core.components import Collector, Component, Executor, Guard, Strategy
from bowstring.core.errors import WiringError

C = TypeVar("C", bound=Component)

PARAMETERS: dict[type[Component], str] = {
    Collector: "collectors",
    Strategy: "strategies",
    Guard: "guards",
    Executor: "executors",
}
"""Kind of component -> the parameter that takes a list of them."""

log = logging.getLogger(__name__)


def listed(given: Iterable[C], kind: type[C]) -> list[C]:
    """The components that were given for the parameter of this kind. Raises `WiringError` for what is none."""
    parameter = PARAMETERS[kind]
    _check_list(given, parameter)
    found = list(given)
    for component in found:
        check(component, kind, where=parameter)
    return found


def check_name(component: Component) -> None:
    """Raise `WiringError` for a name that is no string."""
    _check_string(component.name, f"{type(component).__name__}.name")


def check(component: object, kind: type[Component], *, where: str) -> None:
    """Raise `WiringError` for what is no component of this kind, and for one that could never work."""
    if not isinstance(component, kind):
        raise WiringError(f"{where}: {_mistaken(component, kind)}")
    for method in ("run", "start", "stop"):
        if inspect.iscoroutinefunction(getattr(kind, method, None)):
            _check_async(component, getattr(component, method), name=method)
    if isinstance(component, Collector):
        _check_stall(component.stall_after_s, type(component).__name__)


def warn_of_unheard_symbols(strategies: Sequence[Strategy], collectors: Sequence[Collector]) -> None:
    """Log each symbol of a strategy that no collector brings; only if all collectors tell what they bring."""
    brought = set[str]()
    for collector in collectors:
        if collector.symbols is None:
            return
        brought.update(collector.symbols)
    for strategy in strategies if collectors else ():
        for symbol in sorted(set(strategy.symbols or ()) - brought):
            near = get_close_matches(symbol.upper(), sorted(brought), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            log.warning("%s.symbols has %s, which no collector brings%s", strategy.name, symbol, hint)


def _check_list(given: object, parameter: str) -> None:
    if isinstance(given, Component | type) or not isinstance(given, Iterable):
        raise WiringError(f"{parameter}={_short(given)} is no list: write {parameter}=[...]")


def _check_string(given: object, where: str) -> None:
    if not isinstance(given, str):
        raise WiringError(f'{where} is {given!r}: give a string, name = "..."')


def _mistaken(given: object, kind: type[Component]) -> str:
    if inspect.isclass(given) or inspect.isroutine(given):
        what = "class" if inspect.isclass(given) else "function"
        return f"{given.__name__} is a {what}: write {given.__name__}(...)"
    for other, parameter in PARAMETERS.items():
        if isinstance(given, other):
            return f"{_short(given)} is no {kind.__name__}: put it into {parameter}=[...]"
    hint = "what a venue's methods return is one, as in venue.quotes(...) or venue.executor()"
    if kind in {Strategy, Guard}:
        hint = f"make a class below {kind.__name__}, and give an object of it"
    return f"{_short(given)} is no {kind.__name__}: {hint}"


def _check_async(component: Component, method: Callable[..., object], *, name: str) -> None:
    """A plain ``def`` is fine if it says that it returns something to await; what it wraps may be async too."""
    function = inspect.unwrap(method)
    if not inspect.isroutine(function) or inspect.iscoroutinefunction(function):
        return
    where = f"{type(component).__name__}.{name}"
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise WiringError(f"{where} yields, so it would never run: publish with `emit(event)` instead")
    if getattr(function, "__annotations__", {}).get("return") in {None, "None"}:
        raise WiringError(f"{where} is a plain def: write `async def {name}`")


def _check_stall(after_s: object, name: str) -> None:
    if after_s is not None and not (isinstance(after_s, int | float) and 0 < after_s < math.inf):
        raise WiringError(f"{name}.stall_after_s is {after_s!r}: give seconds above 0, or None for no limit")


def _short(given: object) -> str:
    """A component by its class, which is how its author knows it; anything else as it is, or its beginning."""
    if inspect.isclass(given):
        return given.__name__
    shown = repr(given)
    plain = type(given).__repr__ is object.__repr__
    return f"{type(given).__name__}(...)" if plain else shown if len(shown) <= 80 else f"{shown[:77]}..."
