"""Tests of what the queue keeps about a component, and of the account that it gives."""

import asyncio

import pytest

from bowstring.core.components import Executor
from bowstring.core.subscriber import Subscriber, Targets, Worker
from tests.core.bots import Bot, Do, Doer, FakeClock, Tick, queue_of, silent
from tests.core.conftest import OnLoop


def test_a_subscriber_is_blocked_while_it_is_halted_or_busy_or_events_wait() -> None:
    async def settled(*, halted: bool = False, busy: bool = False, waiting: bool = False) -> bool:
        subscriber = Subscriber(Bot(), role="strategy")
        subscriber.halted = halted
        if busy:
            subscriber.task = asyncio.get_running_loop().create_future()
        if waiting:
            subscriber.inbox.put(Tick(), ())
        subscriber.settle()
        return subscriber.blocked

    assert not asyncio.run(settled())
    assert asyncio.run(settled(halted=True))
    assert asyncio.run(settled(busy=True))
    assert asyncio.run(settled(waiting=True))


def test_an_account_sums_over_every_kind_of_event() -> None:
    subscriber = Subscriber(Bot(), role="strategy")
    subscriber.sources = [Targets(()), Targets(())]
    subscriber.sources[0].published = 3
    subscriber.sources[1].published = 4
    subscriber.ages[10] = 5
    subscriber.ages[12] = 1
    subscriber.undelivered = 1

    account = subscriber.account()

    assert (account.name, account.role, account.halted) == ("bot", "strategy", False)
    assert (account.published, account.delivered, account.undelivered) == (7, 6, 1)
    assert (account.conflated, account.dropped, account.waiting) == (0, 0, 0)


@pytest.mark.parametrize("role", ["strategy", "executor"])
def test_an_account_tells_three_percentiles_of_the_ages(role: str) -> None:
    part = Subscriber(Bot(), role="strategy") if role == "strategy" else Worker(Doer())
    part.ages[11] = 90  # 1,024 ns and more
    part.ages[15] = 9  # 16,384
    part.ages[21] = 1  # 1,048,576

    account = part.account()

    assert account.role == role
    assert 1024 <= account.age_p50_ns <= 2048
    assert 16384 <= account.age_p99_ns <= 32768
    assert 2**20 <= account.age_p999_ns <= 2**21


AGES_NS = [0, 3_000, 900_000, 10**12, 7 * 10**17]


def is_age(measured_ns: float, age_ns: int) -> bool:
    """Whether it was counted as this age, which is right to within a factor of two."""
    return 1 << age_ns.bit_length() >> 1 <= measured_ns <= 1 << age_ns.bit_length()


@pytest.mark.parametrize("age_ns", AGES_NS)
def test_an_age_counts_from_the_receipt_of_the_event_at_the_head_of_the_chain(age_ns: int) -> None:
    clock = FakeClock()
    queue = queue_of(Bot(lambda _: Do()), Doer(), clock=clock)

    queue.publish(Tick(received_ns=clock.now_ns() - age_ns))

    ages = [account.age_p50_ns for account in queue.accounts() if account.delivered]
    assert len(ages) == 2
    assert all(is_age(age, age_ns) for age in ages)


@pytest.mark.parametrize("age_ns", AGES_NS)
def test_the_time_that_an_event_waited_is_part_of_its_age(age_ns: int, on_loop: OnLoop) -> None:
    async def wait(tick: Tick) -> None:
        await gate.wait()

    async def main() -> None:
        queue.publish(Tick())
        queue.publish(Tick())
        await asyncio.sleep(0)
        clock.at_ns += age_ns
        gate.set()
        await queue.idle()

    gate = asyncio.Event()
    clock = FakeClock()
    queue = queue_of(Bot(wait), clock=clock)
    on_loop(main())

    (account,) = queue.accounts()
    assert account.delivered == 2
    assert account.age_p50_ns == 0
    assert is_age(account.age_p999_ns, age_ns)


def test_only_a_strategy_publishes_actions() -> None:
    bot = Bot()

    assert Subscriber(bot, role="strategy").publishing == bot.publishing
    assert Subscriber(Doer(), role="observer").publishing is None


def test_only_an_executor_that_overrides_admit_admits() -> None:
    class Admitting(Doer):
        def admit(self, actions: object) -> None:
            pass

    assert Worker(Admitting()).admits
    assert not Worker(Doer()).admits


def test_a_worker_is_full_while_actions_wait_or_enough_of_them_run() -> None:
    class Two(Executor):
        max_in_flight = 2

    async def settled(running: int, waiting: int) -> bool:
        worker = Worker(Two())
        worker.tasks = {asyncio.get_running_loop().create_future(): None for _ in range(running)}
        worker.waiting.extend([(Do(), silent)] * waiting)
        worker.settle()
        return worker.full

    assert [asyncio.run(settled(running, 0)) for running in range(4)] == [False, False, True, True]
    assert asyncio.run(settled(1, 1))


def test_every_component_has_an_account_and_an_executor_two() -> None:
    accounts = queue_of(Doer(name="x"), Bot(name="s")).accounts()

    assert [(account.name, account.role) for account in accounts] == [
        ("x", "observer"),
        ("s", "strategy"),
        ("x", "executor"),
    ]
