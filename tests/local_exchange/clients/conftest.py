import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest

from bowstring.testing.exchange import LocalExchange
from tests.local_exchange.clients.ccxt_binance import Ccxt, opened


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """One loop: the exchange has its own, and how a client does on another is the client's business."""
    return {"stock": asyncio.new_event_loop}


@pytest.fixture
async def alice(exchange: LocalExchange) -> AsyncGenerator[Ccxt]:
    """ccxt with alice's key."""
    async with opened(exchange, exchange.account("alice")) as client:
        yield client


@pytest.fixture
async def alice_pro(exchange: LocalExchange) -> AsyncGenerator[Ccxt]:
    """ccxt.pro with alice's key."""
    async with opened(exchange, exchange.account("alice"), library="ccxt.pro") as client:
        yield client
