"""What holds for every test: the hypothesis profiles, and the tests that need recorded exchange traffic."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["bowstring.testing.plugin"]

# A shared machine is slow at random: no deadlines. "ci" draws the same examples in each run, "brief" fewer of them,
# "thorough" many.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("brief", settings.get_profile("ci"), max_examples=20)
settings.register_profile("thorough", settings.get_profile("ci"), derandomize=False, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def nobody_has_been_told_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a host grants is remembered by address: a server must not inherit it from an earlier test's on its port."""
    monkeypatch.setattr("bowstring.venues.binance.budgets._budgets", {})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests marked `recorded` where no recordings are at hand, or not the one that the mark names."""
    folder = os.environ.get("BOWSTRING_RECORDINGS")
    missing = [item for item in items if (mark := item.get_closest_marker("recorded")) and not _is_there(mark, folder)]
    config.hook.pytest_deselected(items=missing)
    items[:] = [item for item in items if item not in missing]


def _is_there(mark: pytest.Mark, folder: str | None) -> bool:
    return bool(folder) and all(Path(str(folder), f"{stem}.ws.1.0").exists() for stem in mark.args)
