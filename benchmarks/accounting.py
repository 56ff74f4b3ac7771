"""What the latency histograms cost: the same queue with and without the lines that keep them, batch by batch.

An event with one strategy that acts on it makes two hops: to the strategy, and to the executor.
"""

import inspect
import statistics
import textwrap
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType, MethodType

from benchmarks.bots import CLOCK, Buyer, Limit, Record, Recorder, Tick
from benchmarks.figures import TESTED, Sample, Table, alternate, pin
from bowstring.core.actions import ActionQueue
from bowstring.core.queue import EventQueue
from bowstring.core.routing import Wiring, give_names

HOPS = 2
BATCH = 1000
KEEPS = ".ages["


def run(*, runs: int, seconds: float) -> Iterator[Table]:
    """Yield one table."""
    pin(TESTED)
    samples = alternate({"1 strategy, 1 guard": partial(_measure, seconds)}, runs=runs)
    yield Table(title="cost of the latency histograms, in ns of CPU", samples=samples)


def _measure(seconds: float) -> Sample:
    queues = {"with": _queue(), "without": _queue()}
    _strip(queues["without"], EventQueue._deliver)  # pyright: ignore[reportPrivateUsage]  # measured in its place
    _strip(queues["without"].actions, ActionQueue._carry_out)  # pyright: ignore[reportPrivateUsage]  # as above
    batches: dict[str, list[float]] = {name: [] for name in queues}
    end = time.monotonic() + seconds
    while time.monotonic() < end or not batches["with"]:
        for name, queue in queues.items():
            batches[name].append(_time_batch(queue.publish) / BATCH)
    cost = {name: statistics.median(times) for name, times in batches.items()}
    return {"with": cost["with"], "without": cost["without"], "a hop": (cost["with"] - cost["without"]) / HOPS}


def _queue() -> EventQueue:
    buyer, limit, recorder = Buyer("buyer", ""), Limit(), Recorder(Record())
    for component in (buyer, limit, recorder):
        component.clock = CLOCK
    give_names([buyer, limit, recorder])
    return EventQueue(Wiring([limit], [recorder], [buyer]), clock=CLOCK)


def _time_batch(publish: Callable[[Tick], None]) -> int:
    ticks = [Tick(symbol="BTC/USDT", price=65_000, received_ns=CLOCK.now_ns()) for _ in range(BATCH)]
    began = time.process_time_ns()
    for tick in ticks:
        publish(tick)
    return time.process_time_ns() - began


def _strip(owner: object, method: Callable[..., object]) -> None:
    """Give ``owner`` its method again, without the one line that keeps the histogram."""
    assert isinstance(method, FunctionType)
    lines = textwrap.dedent(inspect.getsource(method)).splitlines()
    kept = [line for line in lines if KEEPS not in line]
    assert len(kept) == len(lines) - 1, f"{method.__qualname__} keeps no histogram"
    namespace: dict[str, FunctionType] = {}
    exec("\n".join(kept), method.__globals__, namespace)
    setattr(owner, method.__name__, MethodType(namespace[method.__name__], owner))
