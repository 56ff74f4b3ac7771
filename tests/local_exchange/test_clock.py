"""The exchange's clock is the machine's until it is set."""

from time import time_ns

from bowstring.local_exchange.clock import Clock


def test_it_runs_with_the_machine() -> None:
    before_us = time_ns() // 1000

    assert before_us <= Clock()() <= time_ns() // 1000


def test_it_stands_where_it_is_set_until_it_is_released() -> None:
    clock = Clock(lambda: 5)
    clock.set(3)
    assert (clock(), clock()) == (3, 3)
    clock.release()
    assert clock() == 5
