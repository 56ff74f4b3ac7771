"""What all benchmarks share: runs that alternate, medians over them, and a table with each target beside its figure.

Standard library only: the scripts in `benchmarks.peers` run in environments of their own.
"""

import gc
import os
import platform
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

Sample = dict[str, float]
"""The figures of one run, by column."""

_usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
# By the environment, as the processes that a pinned one starts are pinned with it.
CORES = [int(core) for core in os.environ.setdefault("BENCHMARK_CORES", " ".join(map(str, _usable))).split()]
TESTED, OTHER = CORES[0], CORES[-1]
"""The core of what is measured, and the core of what sends to it."""

PACKAGES = ("uvloop", "msgspec", "picows", "ccxt")


def pin(core: int) -> None:
    """Keep this process on one core, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def cpu_s(process: int) -> float:
    """What a process has used of a core, as Linux counts it: 0 elsewhere."""
    try:
        ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    except FileNotFoundError:
        return 0.0
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def percentile(samples: Sequence[float], fraction: float) -> float:
    """The value that ``fraction`` of the samples do not exceed."""
    return sorted(samples)[min(int(fraction * len(samples)), len(samples) - 1)]


def latency(samples_ns: Sequence[int], *, percents: Sequence[float] = (50, 99)) -> Sample:
    """Percentiles in microseconds. The first tenth is warming up, and left out."""
    warm = samples_ns[len(samples_ns) // 10 :]
    return {f"p{percent:g} us": percentile(warm, percent / 100) / 1000 for percent in percents}


def alternate(variants: Mapping[str, Callable[[], Sample]], *, runs: int) -> dict[str, list[Sample]]:
    """Measure A B C A B C ...: what disturbs the machine for a while disturbs all of them."""
    samples: dict[str, list[Sample]] = {name: [] for name in variants}
    for _ in range(runs):
        for name, measure in variants.items():
            gc.collect()
            gc.freeze()  # as `bowstring.run` does: what lives already is no work for the collector
            samples[name].append(measure())
    return samples


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One variant's figure over another's, and what it should be: ``at_most`` or ``at_least`` a number."""

    column: str
    variant: str
    beside: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"at most {self.at_most:.2f}"
        return "" if self.at_least is None else f"at least {self.at_least:.2f}"

    def met(self, ratio: float) -> bool:
        return (self.at_most is None or ratio <= self.at_most) and (self.at_least is None or ratio >= self.at_least)


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What one variant's figure should be at least."""

    column: str
    variant: str
    at_least: float

    def verdict(self, median: float) -> str:
        """Whether it is."""
        outcome = "met" if median >= self.at_least else "MISSED"
        return f"{self.column}: {self.variant} = {median:,.0f}, target at least {self.at_least:,.0f}: {outcome}"


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """What one variant's figure should be at most."""

    column: str
    variant: str
    at_most: float

    def verdict(self, median: float) -> str:
        """Whether it is."""
        outcome = "met" if median <= self.at_most else "MISSED"
        return f"{self.column}: {self.variant} = {_cell(median)}, target at most {_cell(self.at_most)}: {outcome}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Variants side by side: the median of each figure over the runs, their ratios, and what they fall short of."""

    title: str
    samples: Mapping[str, Sequence[Sample]]
    ratios: Sequence[Ratio] = ()
    floors: Sequence[Floor] = ()
    ceilings: Sequence[Ceiling] = ()

    def median(self, variant: str, column: str) -> float:
        return statistics.median(sample[column] for sample in self.samples[variant])

    def lines(self) -> Iterator[str]:
        columns = list(dict.fromkeys(column for runs in self.samples.values() for column in runs[0]))
        width = max(map(len, self.samples))
        yield self.title
        yield " " * width + "".join(f"{column:>16}" for column in columns)
        for variant, runs in self.samples.items():
            cells = (_cell(self.median(variant, column)) if column in runs[0] else "" for column in columns)
            yield variant.ljust(width) + "".join(f"{cell:>16}" for cell in cells)
        bounds: list[Floor | Ceiling] = [*self.floors, *self.ceilings]
        for bound in bounds:
            yield "  " + bound.verdict(self.median(bound.variant, bound.column))
        for ratio in self.ratios:
            yield "  " + self._verdict(ratio)

    def as_json(self) -> dict[str, object]:
        medians = {
            variant: {column: self.median(variant, column) for column in runs[0]}
            for variant, runs in self.samples.items()
        }
        ratios = [
            {"column": ratio.column, "variant": ratio.variant, "beside": ratio.beside, "target": ratio.target}
            | dict(zip(("ratio", "lowest", "highest"), self._spread(ratio), strict=True))
            for ratio in self.ratios
        ]
        floors = [asdict(floor) for floor in self.floors]
        ceilings = [asdict(ceiling) for ceiling in self.ceilings]
        told = {"title": self.title, "medians": medians, "ratios": ratios, "floors": floors, "ceilings": ceilings}
        return {**told, "runs": dict(self.samples)}

    def _verdict(self, ratio: Ratio) -> str:
        value, lowest, highest = self._spread(ratio)
        text = f"{ratio.column}: {ratio.variant} / {ratio.beside} = {value:.2f} ({lowest:.2f} to {highest:.2f})"
        return f"{text}, target {ratio.target}: {'met' if ratio.met(value) else 'MISSED'}" if ratio.target else text

    def _spread(self, ratio: Ratio) -> tuple[float, float, float]:
        """The ratio of the medians, and the lowest and the highest ratio within one run."""
        pairs = zip(self.samples[ratio.variant], self.samples[ratio.beside], strict=True)
        single = [one[ratio.column] / other[ratio.column] for one, other in pairs]
        value = self.median(ratio.variant, ratio.column) / self.median(ratio.beside, ratio.column)
        return value, min(single), max(single)


def _cell(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def environment() -> dict[str, str]:
    """What the figures depend on."""
    load = os.getloadavg()[0]
    return {
        "cpu": _cpu(),
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "cores": f"measured on core {TESTED}, fed from core {OTHER}, of {len(CORES)}",
        "load": f"{load:.2f} when it began" + (": others were at work, so the figures are noisy" if load > 0.5 else ""),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(": ")[2] if names else platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
