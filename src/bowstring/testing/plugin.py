"""The pytest plugin, which is there wherever bowstring is installed: the fixture `exchange`.

It imports nothing of the exchange until a test asks for it.
"""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bowstring.core.errors import MissingExtra

if TYPE_CHECKING:
    from bowstring.testing.exchange import LocalExchange

_MARKER = "exchange(**settings): what the fixture `exchange` is like, as in bowstring.local_exchange.server.Settings"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def exchange(request: pytest.FixtureRequest, tmp_path: Path) -> "Generator[LocalExchange]":
    """A local exchange of the test's own, on a free port, with two funded accounts, alice and bob, and a ledger.

    ``@pytest.mark.exchange(symbols=["BTCUSDT"], speed=0)`` changes its settings. Nothing is limited unless the test
    asks for ``limits``. A failure inside the exchange, or a ledger that contradicts itself, fails the test.
    """
    try:
        from bowstring.local_exchange.accounts import funded_accounts
        from bowstring.local_exchange.api.limits import UNLIMITED
        from bowstring.local_exchange.command import FUNDS, NAMES
        from bowstring.local_exchange.server import Settings
        from bowstring.testing.exchange import LocalExchange
    except ModuleNotFoundError as missing:
        raise MissingExtra(missing, user="the fixture exchange", extra="exchange") from None

    marker: pytest.Mark | None = request.node.get_closest_marker("exchange")
    usual: dict[str, Any] = {
        "accounts": funded_accounts(NAMES, balances=FUNDS, folder=tmp_path),
        "ledger": tmp_path / "ledger.jsonl",
        "limits": UNLIMITED,
    }
    changes: dict[str, Any] = {**marker.kwargs} if marker else {}
    with LocalExchange(Settings(**(usual | changes))) as running:
        yield running
    if running.ledger is not None and (findings := running.audit().findings):
        pytest.fail("the ledger of the exchange contradicts itself:\n" + "\n".join(findings), pytrace=False)
