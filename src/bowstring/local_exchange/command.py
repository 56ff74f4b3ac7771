"""``bowstring exchange``: a server with funded accounts, and where to find both."""

import sys
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from bowstring.local_exchange.accounts import funded_accounts, read_accounts
from bowstring.local_exchange.api.limits import UNLIMITED, Limits
from bowstring.local_exchange.credentials import Credentials, as_json, as_text
from bowstring.local_exchange.server import ExchangeServer, Settings, serve

NAMES = ("alice", "bob")
FUNDS = {
    "BTC": Decimal(10),
    "ETH": Decimal(200),
    "BNB": Decimal(1000),
    "SOL": Decimal(5000),
    "XRP": Decimal(1_000_000),
    "DOGE": Decimal(5_000_000),
    "USDT": Decimal(1_000_000),
}
"""What each of the accounts has; what of it cannot be traded stays what it is."""


async def run(
    show: Callable[[str], None],
    *,
    symbols: Sequence[str],
    host: str,
    port: int,
    seed: int,
    speed: float,
    ledger: Path | None,
    accounts: Path | None,
    legacy: bool,
    unlimited: bool,
    cancel_after: bool,
    admin_port: int | None,
    stop_at_eof: bool,
    as_json: bool,
) -> None:
    """Serve until a signal comes; ``show`` is given each line that is to be printed. Raises `ConfigError`."""
    more = read_accounts(accounts) if accounts is not None else []
    with TemporaryDirectory(prefix="bowstring-exchange-") as folder:
        settings = Settings(
            symbols=symbols,
            accounts=[*funded_accounts(NAMES, balances=FUNDS, folder=Path(folder)), *more],
            host=host,
            port=port,
            seed=seed,
            speed=speed,
            ledger=ledger,
            legacy=legacy,
            limits=UNLIMITED if unlimited else Limits(),
            cancel_after=cancel_after,
            admin_port=admin_port,
        )
        await serve(
            ExchangeServer(settings),
            ready=lambda server: _show(server, show, in_json=as_json),
            stop_at_eof=sys.stdin if stop_at_eof else None,
        )


def _show(server: ExchangeServer, show: Callable[[str], None], *, in_json: bool) -> None:
    accounts = [Credentials.of(account) for account in server.settings.accounts]
    if in_json:
        show(as_json(server.addresses, accounts))
    else:
        for line in as_text(server.addresses, accounts):
            show(line)
