import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from bowstring.core import process
from bowstring.core.clock import Clock
from bowstring.core.components import Collector, Emit, Executor, Strategy, on
from bowstring.core.engine import Engine
from bowstring.core.errors import WiringError
from bowstring.core.messages import Action, ComponentFailed, Event
from bowstring.core.process import ProcessFailed, ProcessStrategy, in_process
from bowstring.core.queue import EventQueue
from bowstring.core.routing import Wiring, give_names
from bowstring.core.subscriber import Account
from bowstring.testing.simulation import simulate
from bowstring.trading.messages import OrderUpdate, PlaceOrder
from tests.core.riddles import (
    Bidder,
    Broken,
    Busy,
    Doomed,
    Eavesdropper,
    Envelope,
    Everything,
    Guess,
    Guesser,
    Hint,
    Locked,
    Matcher,
    Pairer,
    Riddle,
    Rumour,
    Seen,
    Slow,
    Stubborn,
    Stuck,
    Verdict,
)
from tests.core.stranger import Stranger

ROOT = Path(__file__).parents[2]
DEADLINE_S = 30


class Sink(Executor):
    """Keeps all actions, and notes failures."""

    def __init__(self) -> None:
        self.actions: list[Action] = []
        self.failures: list[ComponentFailed] = []

    @on(Guess)
    def take(self, guess: Guess) -> None:
        self.actions.append(guess)

    @on(Seen)
    def see(self, seen: Seen) -> None:
        self.actions.append(seen)

    @on(PlaceOrder)
    def place(self, order: PlaceOrder) -> OrderUpdate:
        self.actions.append(order)
        return OrderUpdate(
            strategy=order.strategy,
            venue="somewhere",
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            status="open",
            side=order.side,
            quantity=order.quantity,
            price=order.price,
        )

    @on(ComponentFailed)
    def note(self, failed: ComponentFailed) -> None:
        self.failures.append(failed)


class Bot:
    """Strategies around a queue, with what came of it."""

    def __init__(self, strategies: Sequence[Strategy], *, clock: Clock) -> None:
        self.strategies = strategies
        self.sink = Sink()
        give_names([*strategies, self.sink])
        for strategy in strategies:
            strategy.clock = clock
        self.queue = EventQueue(Wiring((), (self.sink,), strategies), clock=clock)

    @property
    def guesses(self) -> list[Guess]:
        return [action for action in self.sink.actions if isinstance(action, Guess)]

    @property
    def seen(self) -> list[Seen]:
        return [action for action in self.sink.actions if isinstance(action, Seen)]

    @property
    def texts(self) -> list[str]:
        return [guess.text for guess in self.guesses]

    @property
    def reason(self) -> str:
        (failed,) = self.sink.failures
        assert failed.halted
        return failed.reason

    def account(self, name: str) -> Account:
        return next(account for account in self.queue.accounts() if account.name == name)

    async def publish(self, *events: Event) -> None:
        """Publish all in one go, and wait for what comes of them."""
        for event in events:
            self.queue.publish(event)
        async with asyncio.timeout(DEADLINE_S):
            await self.queue.idle()


@asynccontextmanager
async def running(*strategies: Strategy, clock: Clock | None = None) -> AsyncGenerator[Bot]:
    bot = Bot(strategies, clock=clock or Clock())
    try:
        for strategy in strategies:
            await strategy.start()
        yield bot
    finally:
        for strategy in strategies:
            if isinstance(strategy, ProcessStrategy):
                await strategy.close()


async def stop(strategy: Strategy) -> Iterable[Action]:
    last = strategy.stop()
    assert isinstance(last, Awaitable)
    return await last


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  # what is waited for happens in another process
            await asyncio.sleep(0.005)


# --- as without a process --------------------------------------------------------------------------------------------


async def reactions(strategy: Strategy, bursts: Iterable[Sequence[Event]]) -> tuple[list[Guess], Account]:
    async with running(strategy) as bot:
        for burst in bursts:
            await bot.publish(*burst)
        return bot.guesses, bot.account(strategy.name)


MAKERS = st.one_of(
    st.builds(partial, st.just(Riddle), n=st.integers(0, 12)),
    st.builds(partial, st.just(Hint), n=st.integers(0, 12), symbol=st.sampled_from("ABC")),
)


@settings(max_examples=8)
@given(bursts=st.lists(st.lists(MAKERS, max_size=20), min_size=3, max_size=10))
def test_a_strategy_in_a_process_does_and_accounts_for_the_same_as_one_without(
    bursts: list[list[Callable[[], Event]]],
) -> None:
    def events() -> Iterable[Sequence[Event]]:
        return ([make() for make in burst] for burst in bursts)

    guesses, account = asyncio.run(reactions(Guesser(), events()))
    theirs, their_account = asyncio.run(reactions(in_process(Guesser()), events()))

    assert [facts(guess) for guess in theirs] == [facts(guess) for guess in guesses]
    assert counts(their_account) == counts(account)


def facts(guess: Guess) -> tuple[object, ...]:
    return guess.seq, guess.cause, guess.strategy, guess.n, guess.text


def counts(account: Account) -> tuple[object, ...]:
    return account.name, account.published, account.delivered, account.conflated, account.dropped, account.waiting


async def test_market_data_that_is_dropped_is_told_in_the_process_too() -> None:
    bursts = [[Rumour(n=n) for n in range(1100)]]

    guesses, account = await reactions(in_process(Guesser()), bursts)

    assert [guess.text for guess in guesses] == ["lagged 2-76"]
    assert (account.published, account.delivered, account.dropped) == (1100, 1025, 75)


async def test_a_handler_sees_the_envelope_the_name_and_the_time_of_the_bot() -> None:
    clock = Clock()
    clock.epoch_ns -= 3_600_000_000_000

    async with running(in_process(Envelope(), name="Spy"), clock=clock) as bot:
        await bot.publish(Riddle(), Riddle(received_ns=17))
        one, two = bot.seen

    assert (one.event_seq, one.event_cause, one.event_received_ns) == (one.cause, 0, one.received_ns)
    assert (two.event_seq, two.event_cause, two.event_received_ns) == (two.cause, 0, 17)
    assert one.received_ns < one.now_ns <= clock.now_ns()
    assert one.name == "Spy"
    assert one.pid != os.getpid()


async def test_an_action_has_its_number_in_the_process_too() -> None:
    async with running(in_process(Matcher())) as bot:
        await bot.publish(Riddle(n=3))

    assert bot.texts == ["", "", "", "done: [0]", "done: [1]", "done: [2]"]


async def test_a_group_stays_one() -> None:
    async with running(in_process(Pairer())) as bot:
        await bot.publish(Riddle())

    groups = [guess.group for guess in bot.guesses[:5]]
    assert groups[0] == 0
    assert groups[1] == groups[2] != groups[3] == groups[4] != 0
    assert groups[1]
    assert bot.texts[5:] == [f"done: [{n}]" for n in range(5)]


async def test_a_strategy_knows_its_own_orders() -> None:
    async with running(in_process(Bidder())) as bot:
        await bot.publish(Riddle(n=7))
        await bot.publish(Riddle(n=8))

    (order,) = (action for action in bot.sink.actions if isinstance(action, PlaceOrder))
    assert order.client_order_id
    assert bot.texts == ["open, 1 open", f"{order.client_order_id} open 7"]


async def test_each_handler_that_is_meant_is_called_once() -> None:
    async with running(in_process(Eavesdropper())) as bot:
        verdicts = [("Eavesdropper", "A"), ("Eavesdropper", "B"), ("Other", "A"), ("Other", "B")]
        await bot.publish(*(Verdict(strategy=name, symbol=symbol, n=n) for n, (name, symbol) in enumerate(verdicts)))

    heard = [(guess.n, guess.text) for guess in bot.guesses]
    assert heard == [(0, "mine"), (0, "anybody's"), (1, "mine"), (1, "anybody's"), (2, "anybody's")]


async def test_an_event_from_a_module_that_the_strategy_does_not_import() -> None:
    async with running(in_process(Everything())) as bot:
        await bot.publish(Stranger(), Riddle())
        (last,) = await stop(bot.strategies[0])

    assert isinstance(last, Guess)
    assert last.text == "Stranger Riddle"


def test_on_uvloop() -> None:
    async def main() -> list[str]:
        async with running(in_process(Guesser())) as bot:
            await bot.publish(Riddle(n=2))
            return bot.texts

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(main()) == ["pondered", "pondered"]


async def test_others_go_on_while_a_process_computes(tmp_path: Path) -> None:
    done = tmp_path / "done"

    async with running(in_process(Busy(str(done))), Envelope()) as bot:
        for n in range(100):
            bot.queue.publish(Riddle(n=n))
            await asyncio.sleep(0)
        assert (len(bot.seen), len(bot.guesses)) == (100, 0)
        done.touch()
        await bot.publish()

    assert [guess.n for guess in bot.guesses] == list(range(100))


# --- failures --------------------------------------------------------------------------------------------------------


async def test_a_strategy_that_raises_is_halted_alone_and_can_be_resumed() -> None:
    async with running(in_process(Doomed()), Envelope()) as bot:
        await bot.publish(Riddle(n=1, extra="raise"), Riddle(n=2))
        assert bot.reason.startswith("LookupError: no such riddle\nTraceback")
        assert "riddles.py" in bot.reason
        bot.queue.resume("Doomed")
        await bot.publish(Riddle(n=3))

    assert [guess.n for guess in bot.guesses] == [1, 2, 3]  # what the handler before it returned was published
    assert len(bot.seen) == 3


@pytest.mark.parametrize(
    ("how", "exit_"), [("sys.exit", "exit code 3"), ("SIGKILL", "signal 9 (Killed)"), ("later", "exit code 4")]
)
async def test_the_end_of_its_process_halts_a_strategy_for_good(
    how: str, exit_: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(in_process(Doomed()), Envelope()) as bot:
        await bot.publish(Riddle(extra=how))
        await until(lambda: "its process ended" in caplog.text)
        await bot.publish(Riddle())
        assert bot.reason == f"its process ended with {exit_}"
        bot.queue.resume("Doomed")
        await bot.publish(Riddle())

    assert [failed.reason for failed in bot.sink.failures] == [f"its process ended with {exit_}"] * 2
    assert len(bot.seen) == 3


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (Riddle(extra="unreadable"), "its process answered what cannot be read: Action Guess: Invalid decimal"),
        (Riddle(extra="unwritable"), "PublishError: Guess cannot be encoded: object has no form"),
        (Riddle(extra=object()), "Riddle cannot be encoded: object has no form for another process"),
    ],
)
async def test_what_cannot_be_sent_halts_the_strategy(event: Riddle, reason: str) -> None:
    async with running(in_process(Doomed())) as bot:
        await bot.publish(event)

    assert bot.reason.startswith(reason)


async def test_an_event_type_that_no_other_process_can_import_halts_the_strategy() -> None:
    class Local(Event, frozen=True):
        pass

    async with running(in_process(Everything())) as bot:
        await bot.publish(Local())

    assert "<locals>.Local" in bot.reason


def test_a_strategy_that_cannot_be_pickled_is_refused_at_once() -> None:
    class Local(Guesser):
        pass

    with pytest.raises(
        WiringError, match=r"Locked cannot go to another process: its lock: cannot pickle '_thread.lock'"
    ):
        in_process(Locked())
    with pytest.raises(WiringError, match=r"Odd cannot go to another process: .*<locals>.Local"):
        in_process(Local(), name="Odd")


async def test_an_event_before_the_start_halts_the_strategy() -> None:
    bot = Bot([in_process(Guesser())], clock=Clock())

    await bot.publish(Riddle())

    assert bot.reason == "its process was not started"


# --- start and stop --------------------------------------------------------------------------------------------------


async def test_a_strategy_that_cannot_start_says_why() -> None:
    strategy = in_process(Broken())

    with pytest.raises(ProcessFailed, match=r"^LookupError: no riddle book\nTraceback"):
        async with running(strategy):
            raise AssertionError


async def test_a_strategy_that_does_not_start_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "START_S", 0.5)
    monkeypatch.setattr(process, "GRACE_S", 0.1)

    with pytest.raises(ProcessFailed, match=r"Start: no answer within 0\.5 s"):
        async with running(in_process(Stuck())):
            raise AssertionError


def test_a_process_is_not_for_a_simulation() -> None:
    strategy = in_process(Guesser())
    strategy.clock = Clock()

    with pytest.raises(NotImplementedError):
        simulate(strategy.start())


async def test_what_was_never_started_can_be_closed() -> None:
    strategy = in_process(Guesser())
    assert isinstance(strategy, ProcessStrategy)

    await strategy.close()


async def test_the_last_actions_come_from_the_process_and_then_it_ends() -> None:
    strategy = in_process(Slow())

    async with running(strategy) as bot:
        await bot.publish(Riddle(), Riddle())
        (last,) = await stop(strategy)

    assert isinstance(last, Guess)
    assert (last.n, last.text, last.seq) == (2, "stopped", 0)
    with pytest.raises(ProcessFailed, match="its process ended with exit code 0"):
        await stop(strategy)


async def test_what_is_published_after_its_stop_is_nothing_to_a_strategy() -> None:
    strategy = in_process(Slow())

    async with running(strategy) as bot:
        await stop(strategy)
        await bot.publish(Riddle())

    assert bot.sink.failures == []
    assert bot.guesses == []


async def test_an_answer_that_nobody_waits_for_any_more_is_left() -> None:
    strategy = in_process(Slow())

    async with running(strategy) as bot:
        bot.queue.publish(Riddle(n=5))
        await bot.queue.cancel()
        (last,) = await stop(strategy)

    assert isinstance(last, Guess)
    assert (last.n, last.text) == (1, "stopped")
    assert bot.guesses == []


@pytest.mark.parametrize(("kind", "exit_"), [(Busy, "signal 15 (Terminated)"), (Stubborn, "signal 9 (Killed)")])
async def test_a_process_that_does_not_end_is_ended(
    kind: type[Busy], exit_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "STOP_S", 0.1)
    monkeypatch.setattr(process, "GRACE_S", 0.1)
    strategy = in_process(kind(str(tmp_path / "done")))

    async with running(strategy) as bot:
        bot.queue.publish(Riddle())
        await until((tmp_path / "done.pid").exists)
        with pytest.raises(ProcessFailed, match=r"Stop: no answer within 0\.1 s"):
            await stop(strategy)
        async with asyncio.timeout(DEADLINE_S):
            await bot.queue.idle()

    assert bot.reason == f"its process ended with {exit_}"


async def test_ctrl_c_is_for_the_parent_to_decide() -> None:
    async with running(in_process(Envelope())) as bot:
        await bot.publish(Riddle())
        os.kill(bot.seen[0].pid, signal.SIGINT)
        await bot.publish(Riddle())

    assert len(bot.seen) == 2


class Told(Collector):
    """Emits what it is given."""

    finite = True

    def __init__(self, *events: Event) -> None:
        self._events = events

    async def run(self, emit: Emit) -> None:
        for event in self._events:
            emit(event)


async def test_an_engine_runs_it_like_any_other_strategy() -> None:
    sink = Sink()
    strategies = [in_process(Slow()), Envelope()]

    await Engine(collectors=[Told(Riddle(n=1), Riddle(n=2))], strategies=strategies, executors=[sink]).run()

    guesses = [action for action in sink.actions if isinstance(action, Guess)]
    assert [(guess.n, guess.text) for guess in guesses] == [(1, ""), (2, ""), (2, "stopped")]


async def test_an_engine_ends_the_process_of_a_halted_strategy_too() -> None:
    strategy = in_process(Doomed())

    await Engine(collectors=[Told(Riddle(extra="raise"))], strategies=[strategy], executors=[Sink()]).run()

    with pytest.raises(ProcessFailed, match="its process ended with exit code 0"):
        await stop(strategy)


# --- as a script -----------------------------------------------------------------------------------------------------

BOT = """
    from bowstring.core.components import Collector, Executor, Strategy, on
    from bowstring.core.messages import Action, Event
    from bowstring.core.process import in_process
    from bowstring.core.run import run

    class Hello(Event, frozen=True):
        name: str

    class Say(Action, frozen=True):
        text: str

    class Once(Collector):
        finite = True
        async def run(self, emit):
            emit(Hello("you"))

    class Greeter(Strategy):
        @on(Hello)
        def greet(self, hello):
            return Say(f"hello {hello.name}")

    class Mouth(Executor):
        @on(Say)
        def say(self, say):
            print(say.text)

    GUARD
        run(collectors=[Once()], strategies=[in_process(Greeter())], executors=[Mouth()])
"""


PARENT = """
    import asyncio
    from pathlib import Path
    from bowstring.core.components import Collector
    from bowstring.core.process import in_process
    from bowstring.core.run import run
    from tests.core.riddles import Busy, Riddle

    class Once(Collector):
        async def run(self, emit):
            if BURN:
                emit(Riddle())
                while not Path("done.pid").exists():
                    await asyncio.sleep(0.01)
            print("ready", flush=True)
            await asyncio.Event().wait()

    if __name__ == "__main__":
        run(collectors=[Once()], strategies=[in_process(Busy("done"))])
"""


@contextmanager
def script(text: str, *arguments: str, folder: Path) -> Generator["subprocess.Popen[str]"]:
    (folder / "bot.py").write_text(dedent(text))
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running_script:
        yield running_script


@pytest.mark.parametrize("arguments", [["bot.py"], ["-m", "bot"]])
def test_a_script_may_define_strategy_and_messages_itself(arguments: list[str], tmp_path: Path) -> None:
    with script(BOT.replace("GUARD", 'if __name__ == "__main__":'), *arguments, folder=tmp_path) as bot:
        assert bot.communicate(timeout=DEADLINE_S) == ("hello you\n", "")

    assert bot.returncode == 0


def test_a_script_that_would_run_a_second_bot_is_told_how_to_mend_it(tmp_path: Path) -> None:
    with script(BOT.replace("GUARD", "if True:"), "bot.py", folder=tmp_path) as bot:
        said, error = bot.communicate(timeout=DEADLINE_S)

    assert (bot.returncode, said) == (1, "")
    assert 'run the bot under `if __name__ == "__main__":`' in error
    assert "ProcessFailed: its process ended with exit code 1" in error


@pytest.mark.parametrize("burns", [False, True])
def test_a_process_does_not_outlive_its_parent(burns: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)  # who is killed leaves half a file
    with script(PARENT.replace("BURN", str(burns)), "bot.py", folder=tmp_path) as bot:
        assert bot.stdout is not None
        assert bot.stdout.readline() == "ready\n"
        bot.kill()
        try:
            bot.communicate(timeout=DEADLINE_S)  # both write to the same pipes: their end is the end of both
        finally:
            (tmp_path / "done").touch()
