"""Tests of the one place that time, ids, randomness and threads come from."""

import time
from random import Random

import pytest

from bowstring.core.clock import Clock
from tests.core.bots import FakeClock


def test_the_time_is_the_epoch_at_the_start_plus_what_passed_since() -> None:
    clock = FakeClock()
    before = clock.now_ns()

    clock.at_ns += 7

    assert clock.now_ns() == before + 7 == clock.epoch_ns + clock.monotonic_ns()


def test_the_real_clock_tells_the_time_of_day_and_never_goes_back() -> None:
    clock = Clock()
    readings = [clock.now_ns() for _ in range(100)]

    assert readings == sorted(readings)
    assert abs(clock.epoch_ns + clock.monotonic_ns() - clock.now_ns()) < 60 * 10**9
    assert 1_700_000_000 * 10**9 < readings[0] < 4_000_000_000 * 10**9


def test_all_clocks_of_a_process_agree_whatever_the_systems_clock_does(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Clock()
    true_ns = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: true_ns() + 3600 * 10**9)

    assert Clock().epoch_ns == first.epoch_ns


def test_a_prefix_is_the_time_in_milliseconds_and_31_random_bits_in_base_36_and_a_hyphen() -> None:
    clock = FakeClock()
    clock.random = Random(7)
    prefix = clock.new_prefix()

    assert len(prefix) == 15
    assert int(prefix[:8], 36) == clock.now_ns() // 1_000_000
    assert int(prefix[8:14], 36) == Random(7).getrandbits(31)
    assert prefix[14] == "-"
    assert prefix == prefix.lower()


def test_later_prefixes_sort_after_earlier_ones() -> None:
    clock = FakeClock()
    earlier = clock.new_prefix()

    clock.at_ns += 1_000_000

    assert earlier < clock.new_prefix()


def test_two_clocks_started_at_once_have_prefixes_of_their_own() -> None:
    assert len({Clock().new_prefix() for _ in range(100)}) == 100


def test_a_thread_is_a_daemon_with_a_name_that_shows_whose_it_is() -> None:
    ran: list[bool] = []
    thread = Clock().start_thread(lambda: ran.append(True), name="journal")
    thread.join(10)

    assert ran == [True]
    assert thread.daemon
    assert thread.name == "bowstring-journal"
