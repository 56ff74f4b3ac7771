"""The public names, and what importing them costs."""

import subprocess
import sys

import bowstring

NAMES = [
    "Action",
    "ActionFailed",
    "ActionRefused",
    "Actions",
    "Balance",
    "CancelOrder",
    "Collector",
    "CollectorDown",
    "CollectorMap",
    "CollectorUp",
    "ComponentFailed",
    "Elapsed",
    "Emit",
    "Engine",
    "Event",
    "Events",
    "Every",
    "Executor",
    "ExecutorMap",
    "Fill",
    "Guard",
    "Instrument",
    "Lagged",
    "MaxNotional",
    "MaxPosition",
    "OrderExecutor",
    "OrderRate",
    "OrderUpdate",
    "PlaceOrder",
    "Position",
    "Quote",
    "ReconcileMismatch",
    "Recovered",
    "ReplaceOrder",
    "RiskStateChanged",
    "Strategy",
    "StreamStale",
    "Together",
    "Trade",
    "WakeMe",
    "Woke",
    "in_process",
    "on",
    "run",
    "run_engine",
]
EXTRAS = {"aiohttp", "apprise", "apsw", "click", "picows", "uvloop"}


def test_the_root_has_these_names_and_no_others() -> None:
    assert bowstring.__all__ == NAMES
    assert len(NAMES) <= 45
    assert all(hasattr(bowstring, name) for name in NAMES)


def test_importing_the_root_imports_no_optional_part() -> None:
    script = f"import bowstring, sys; print(*sorted({EXTRAS!r} & sys.modules.keys()))"

    imported = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert imported == []
