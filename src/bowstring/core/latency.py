"""Latency histograms that cost one list increment a sample.

A histogram is a list of counters; a duration of ``d`` ns belongs in the counter ``d.bit_length()``, so counter
``i`` holds durations from ``2**(i-1)`` to ``2**i - 1`` ns. The hot path bumps the list in place; everything here
only reads it. A percentile is interpolated inside its counter, so it is right to within a factor of two.
"""

from collections.abc import Sequence

BUCKETS = 64  # 2**63 ns is 292 years


def percentile_ns(buckets: Sequence[int], fraction: float) -> float:
    """The duration in ns that ``fraction`` of the samples do not exceed; 0.0 without samples."""
    rank = fraction * sum(buckets)
    seen = 0
    for index, count in enumerate(buckets):
        if count and seen + count >= rank:
            low = 1 << index >> 1
            return low + low * (rank - seen) / count
        seen += count
    return 0.0
