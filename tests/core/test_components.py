"""Tests of how components declare their handlers, and of what they do unless they say otherwise."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bowstring.core.components import Component, Executor, Guard, Handler, Strategy, on
from bowstring.core.errors import WiringError
from bowstring.core.messages import Event
from tests.core.bots import Do, Note, Print, Tick


class Base(Component):
    @on(Tick)
    def first(self, tick: Tick) -> None:
        pass

    @on(Note, all=True)
    def second(self, note: Note) -> None:
        pass


def declared(component: Component) -> list[tuple[str, type, bool]]:
    return [(handler.name, handler.type, handler.all) for handler in component.handlers()]


def test_handlers_come_in_the_order_of_their_definition() -> None:
    assert declared(Base()) == [("first", Tick, False), ("second", Note, True)]


def test_handlers_of_base_classes_come_first() -> None:
    class Derived(Base):
        @on(Print)
        def third(self, event: Print) -> None:
            pass

    assert [name for name, _type, _all in declared(Derived())] == ["first", "second", "third"]


def test_an_overriding_method_need_not_be_declared_again() -> None:
    class Derived(Base):
        def first(self, tick: Tick) -> None:
            pass

    derived = Derived()

    assert declared(derived) == declared(Base())
    assert next(derived.handlers()).call == derived.first


def test_an_overriding_method_may_be_declared_for_another_type() -> None:
    class Derived(Base):
        @on(Event)
        def second(self, note: Event) -> None:
            pass

    assert declared(Derived()) == [("first", Tick, False), ("second", Event, False)]


@pytest.mark.parametrize("wrong", [str, "Tick", Tick | Print, None])
def test_a_handler_for_what_is_no_message_type_is_named(wrong: Any) -> None:
    class Wrong(Component):
        @on(wrong)
        def handle(self, event: Any) -> None:
            pass

    with pytest.raises(WiringError, match=r"Wrong\.handle: @on\(.*\) needs an Event or Action class"):
        list(Wrong().handlers())


def test_a_method_handles_one_type_only() -> None:
    with pytest.raises(WiringError, match=r"both.* has two @on: write one method for each type"):

        class Twice(Component):  # pyright: ignore[reportUnusedClass]  # its definition raises
            @on(Tick)
            @on(Event)
            def both(self, event: Event) -> None:
                pass


def test_an_on_without_a_type_is_told_what_to_write() -> None:
    def handle(component: Component, tick: Tick) -> None:
        pass

    with pytest.raises(WiringError, match=r"^@on before .*handle names no message type: write @on\(SomeMessage\)$"):
        on(handle)  # type: ignore[arg-type,type-var]  # pyright: ignore[reportArgumentType]  # that is the test


@pytest.mark.parametrize("more", [(Note,), (Note, "Print")])
def test_an_on_with_several_types_is_told_what_to_write(more: Any) -> None:
    with pytest.raises(WiringError, match=r"^@on\(Tick, Note.*\): one type a method; write one method for each, or"):
        on(Tick, *more)


def test_a_handler_knows_whether_it_is_async() -> None:
    class Mixed(Component):
        @on(Tick)
        def plain(self, tick: Tick) -> None:
            pass

        @on(Tick)
        async def coroutine(self, tick: Tick) -> None:
            pass

        @on(Tick)
        async def generator(self, tick: Tick) -> AsyncIterator[Do]:
            yield Do()

    assert [handler.is_async for handler in Mixed().handlers()] == [False, True, True]


def test_a_handler_calls_the_method_of_its_own_component() -> None:
    class Counter(Component):
        count = 0

        @on(Event)
        def bump(self, event: Event) -> None:
            self.count += 1

    one, other = Counter(), Counter()
    handler: Handler = next(one.handlers())
    handler.call(Tick())

    assert (one.count, other.count) == (1, 0)


async def test_components_start_and_stop_without_doing_anything_unless_they_say_so() -> None:
    strategy, guard, executor = Strategy(), Guard(), Executor()

    await strategy.start()
    await guard.start()
    await executor.start(lambda _: None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  # unused
    await executor.stop()

    assert strategy.stop() == ()
    assert strategy.publishing([Do()]) is None  # type: ignore[func-returns-value]  # that is the test
    assert executor.admit([Do()]) is None  # type: ignore[func-returns-value]  # that is the test
