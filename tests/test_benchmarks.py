"""The benchmarks run: for a moment each, so their figures mean nothing here."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Ceiling, Floor, Ratio, Table, percentile
from benchmarks.memory import slope

ROOT = Path(__file__).parents[1]


def run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, timeout=60, text=True, stdout=subprocess.PIPE).stdout


def tables(path: Path) -> list[dict[str, Any]]:
    report: dict[str, list[dict[str, Any]]] = json.loads(path.read_text())
    return report["tables"]


def test_dispatch_measures_both_pipelines_on_both_loops(tmp_path: Path) -> None:
    run("benchmarks", "dispatch", "--runs", "1", "--seconds", "0.03", "--json", f"{tmp_path}/report.json")

    measured = [(table["title"], sorted(table["runs"])) for table in tables(tmp_path / "report.json")]
    variants = ["bowstring, asyncio", "bowstring, uvloop", "textbook, asyncio", "textbook, uvloop"]
    assert measured == [
        ("event to executor, paced, 1 strategy", variants),
        ("event to executor, paced, 10 strategies", variants),
        ("event to executor, paced, 10 strategies, a symbol each", variants),
        ("event to executor, saturated, 1 strategy", variants),
        ("event to executor, saturated, 10 strategies", variants),
        ("event to executor, saturated, 10 strategies, a symbol each", variants),
    ]


def test_accounting_and_decoding_are_measured(tmp_path: Path) -> None:
    run("benchmarks", "accounting", "decode", "--runs", "1", "--seconds", "0.05", "--json", f"{tmp_path}/report.json")

    assert all(figure > 0 for table in tables(tmp_path / "report.json") for figure in figures(table))


def test_market_data_is_measured(tmp_path: Path) -> None:
    run("benchmarks", "market-streams", "--runs", "1", "--seconds", "0.5", "--json", f"{tmp_path}/report.json")

    rates, ages = tables(tmp_path / "report.json")
    assert sorted(rates["runs"]) == ["frames", "orders"]
    assert ages["runs"]["participants"][0]["p50 us"] > 0


def figures(table: dict[str, Any]) -> list[float]:
    return [sample["ns" if "ns" in sample else "with"] for runs in table["runs"].values() for sample in runs]


def test_every_quote_is_answered_with_an_order_at_its_bid(tmp_path: Path) -> None:
    clients = ["--clients", "bare", "bowstring", "spinning", "orders"]
    run("benchmarks", "tick-to-trade", "--runs", "1", "--seconds", "0.1", "--json", f"{tmp_path}/report.json", *clients)

    assert list(tables(tmp_path / "report.json")[0]["runs"]) == ["bare", "bowstring", "spinning", "orders"]


def test_the_cost_of_safety_is_measured(tmp_path: Path) -> None:
    arguments = ["--runs", "1", "--seconds", "0.2", "--orders", "300", "--json", f"{tmp_path}/report.json"]
    run("benchmarks", "durability", *arguments)

    ticks, commits, starts = tables(tmp_path / "report.json")
    assert list(ticks["runs"]) == ["bare", "memory", "process", "power"]
    assert list(commits["runs"]) == ["process", "process, inline", "process, none", "power"]
    assert commits["runs"]["power"][0]["p99.9 us"] > 0
    assert starts["runs"]["start"][0]["ready s"] > 0
    assert starts["runs"]["start"][0]["MB"] > starts["runs"]["first start"][0]["MB"] / 2 > 0


def test_signed_orders_are_timed_from_the_tick_to_the_answer(tmp_path: Path) -> None:
    traders = ["session", "ed25519", "hmac", "rest", "bare session", "bare hmac"]
    arguments = ["--runs", "1", "--seconds", "1", "--json", f"{tmp_path}/report.json", "--traders", *traders]
    run("benchmarks", "signed-orders", *arguments)

    samples = {name: runs[0] for name, runs in tables(tmp_path / "report.json")[0]["runs"].items()}
    assert list(samples) == traders
    for sample in samples.values():
        assert sample["orders"] > 0
        assert 0 < sample["encoding"] < sample["written p50"] < sample["answered p50"]
    assert [name for name, sample in samples.items() if sample["signing"]] == ["ed25519", "hmac", "rest", "bare hmac"]


def test_the_local_exchange_is_measured_beside_less_than_it(tmp_path: Path) -> None:
    arguments = ("--runs", "1", "--seconds", "0.1", "--json", f"{tmp_path}/report.json")
    run("benchmarks", "matching", "exchange-orders", *arguments)

    assert [sorted(table["runs"]) for table in tables(tmp_path / "report.json")] == [
        ["bare", "exchange", "ledger"],
        ["answers", "orders"],
        ["answers", "orders"],
    ]


def test_time_on_a_fast_clock_leaves_no_money_out_and_its_ledger_replays_to_the_same() -> None:
    out = run("benchmarks.week", "--days", "0.1", "--speed", "0.1")

    assert "money: exact each hour" in out
    assert "ledger: 0 findings; balances equal" in out


def test_the_soak_finds_its_accounts_exact() -> None:
    assert "accounts: exact" in run("benchmarks.soak", "--seconds", "1", "--rate", "2000", "--every", "0.05")


def test_slow_strategies_lose_and_reorder_nothing() -> None:
    out = run("benchmarks.isolation", "--runs", "1", "--seconds", "0.3", "--offence", "0.05")

    beside = [line.split() for line in out.splitlines() if line.startswith("beside the offender")]
    assert [line[-2:] for line in beside] == [["0", "0"]] * 3
    answered = [line.split() for line in out.splitlines() if line.startswith(("inline", "in_process"))]
    assert [(line[0], line[-1]) for line in answered] == [("inline", "0"), ("in_process", "0")]


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_the_slope_of_a_line_is_exact(rise: float, start: float) -> None:
    xs = [float(x) for x in range(20)]

    assert slope(xs, [start + rise * x for x in xs]) == pytest.approx((rise, 0), abs=1e-6)


def test_noise_that_resembles_its_past_widens_the_interval() -> None:
    xs = [float(x) for x in range(100)]

    _, of_independent = slope(xs, [float(x % 2) for x in range(100)])
    _, of_waves = slope(xs, [float(x // 10 % 2) for x in range(100)])

    assert of_waves > 2 * of_independent > 0


def test_a_percentile_is_a_sample() -> None:
    assert [percentile([3, 1, 2, 4], fraction) for fraction in (0, 0.5, 0.99)] == [1, 3, 4]


def test_a_missed_target_is_said_so() -> None:
    table = Table(
        title="speed",
        samples={"ours": [{"us": 2.0}, {"us": 4.0}, {"us": 3.0}], "theirs": [{"us": 4.0}] * 3},
        ratios=[
            Ratio(column="us", variant="ours", beside="theirs", at_most=0.8),
            Ratio(column="us", variant="ours", beside="theirs", at_most=0.7),
        ],
    )

    assert list(table.lines())[-2:] == [
        "  us: ours / theirs = 0.75 (0.50 to 1.00), target at most 0.80: met",
        "  us: ours / theirs = 0.75 (0.50 to 1.00), target at most 0.70: MISSED",
    ]


def test_every_reading_of_many_books_is_true() -> None:
    out = run("benchmarks.books", "--symbols", "40", "--connections", "2", "--resets", "2", "--seconds", "3")

    assert "wrong: 0" in out
    assert "complete at the end: True" in out


DEAF = """
from bowstring.market import book_sync
take = book_sync.BookSync.take
book_sync._follows = lambda diff, update_id: True
book_sync.BookSync.take = lambda self, diff: "ignored" if diff.last % 3 == 0 else take(self, diff)
"""
BLIND = """
from bowstring.market.book import OrderBook
OrderBook.bid = property(lambda self: self._bids.best())
"""


@pytest.mark.parametrize(("flaw", "resets"), [(DEAF, 0), (BLIND, 2)], ids=["misses changes", "reads what is lost"])
def test_a_book_that_is_wrong_fails_the_benchmark(flaw: str, resets: int) -> None:
    program = f"{flaw}\nfrom benchmarks.books import main\nmain()"
    arguments = ["--symbols", "20", "--connections", "2", "--resets", str(resets), "--seconds", "1.5"]
    command = [sys.executable, "-c", program, *arguments]
    ended = subprocess.run(command, cwd=ROOT, check=False, timeout=60, text=True, stdout=subprocess.PIPE)

    wrong = re.search(r"wrong: (\d+)", ended.stdout)
    assert wrong is not None
    assert int(wrong[1]) > 0
    assert ended.returncode == 1


def test_what_falls_short_is_told() -> None:
    table = Table(
        title="rate",
        samples={"ours": [{"hz": 900.0}, {"hz": 1100.0}, {"hz": 1000.0}]},
        floors=[Floor(column="hz", variant="ours", at_least=least) for least in (1000, 1001)],
        ceilings=[Ceiling(column="hz", variant="ours", at_most=most) for most in (1000, 999)],
    )

    assert list(table.lines())[-4:] == [
        "  hz: ours = 1,000, target at least 1,000: met",
        "  hz: ours = 1,000, target at least 1,001: MISSED",
        "  hz: ours = 1,000, target at most 1,000: met",
        "  hz: ours = 1,000, target at most 999: MISSED",
    ]
