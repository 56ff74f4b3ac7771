"""Tests of the histograms, against the exact percentiles of the same durations."""

from hypothesis import example, given
from hypothesis import strategies as st

from bowstring.core.latency import BUCKETS, percentile_ns

durations = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=50)
fractions = st.floats(0, 1)


def histogram(samples: list[int]) -> list[int]:
    buckets = [0] * BUCKETS
    for sample in samples:
        buckets[sample.bit_length()] += 1
    return buckets


@given(durations, fractions)
@example([0], 1.0)
@example([1, 2, 4], 0.5)
@example([2**63 - 1], 1.0)
def test_a_percentile_is_right_to_within_a_factor_of_two(samples: list[int], fraction: float) -> None:
    rank = fraction * len(samples)
    exact = next(sample for number, sample in enumerate(sorted(samples), start=1) if number >= rank)
    low = 1 << exact.bit_length() >> 1

    assert low <= percentile_ns(histogram(samples), fraction) <= 2 * low


@given(durations, fractions, fractions)
def test_a_higher_percentile_is_not_shorter(samples: list[int], one: float, other: float) -> None:
    buckets = histogram(samples)

    assert percentile_ns(buckets, min(one, other)) <= percentile_ns(buckets, max(one, other))


def test_a_percentile_is_interpolated_within_its_counter() -> None:
    buckets = histogram([1024] * 4)

    assert percentile_ns(buckets, 0.25) == 1024 * 1.25
    assert percentile_ns(buckets, 0.5) == 1024 * 1.5
    assert percentile_ns(buckets, 1.0) == 2048


def test_a_percentile_counts_the_samples_of_lower_counters() -> None:
    assert percentile_ns(histogram([1] * 9 + [1024]), 0.95) == 1024 * 1.5


def test_without_samples_there_is_no_latency() -> None:
    assert percentile_ns([0] * BUCKETS, 0.5) == 0.0
