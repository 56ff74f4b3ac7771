"""An exchange and a bot whose orders rest there beside those of somebody else, all real processes."""

import asyncio
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from pathlib import Path

from msgspec.json import encode

from bowstring.trading.messages import PlaceOrder
from bowstring.venues.binance import Binance
from bowstring.venues.binance.signing import HmacSigner, Keys
from tests.integration.processes import Bot, Exchange, exchanging, running
from tests.integration.trading.resting_bot import Options

FOREIGN = ["foreign-1", "foreign-2"]


@contextmanager
def resting(folder: Path, options: Options, *arguments: str) -> Generator[tuple[Exchange, Bot, Sequence[str]]]:
    """The exchange, the bot, and the ids of the orders that it has open there."""
    with exchanging(folder, *arguments) as exchange, bot_at(exchange, options) as bot:
        bot.hear("ready")
        own = [line.split()[1] for line in bot.said if line.startswith("open ")]
        yield exchange, bot, own


def bot_at(exchange: Exchange, options: Options) -> AbstractContextManager[Bot]:
    """The bot, as it starts."""
    arguments = [exchange.ready.rest, exchange.ready.ws, encode(options).decode()]
    account, log = exchange.ready.accounts[0], exchange.folder / "bot.log"
    return running("tests.integration.trading.resting_bot", arguments, account=account, log=log)


def place_foreign(exchange: Exchange) -> None:
    """Place orders on the bot's account, that are not the bot's."""
    asyncio.run(_place(exchange))


async def _place(exchange: Exchange) -> None:
    ready, account = exchange.ready, exchange.ready.accounts[0]
    assert account.key
    assert account.secret
    keys = Keys(account.key, signer=HmacSigner(account.secret))
    gateway = Binance("local", rest_url=ready.rest, ws_url=ready.ws).gateway(keys=keys, orders_over="rest")
    await gateway.open()
    for client_order_id in FOREIGN:
        order = PlaceOrder(
            symbol="BTC/USDT",
            client_order_id=client_order_id,
            side="sell",
            quantity=Decimal("0.002"),
            price=Decimal(70_000),
        )
        await gateway.place(order)
    await gateway.close()
