"""The suite runs on virtual time, and on the two real loops."""

import asyncio
from collections.abc import Callable, Mapping

import uvloop

from tests.trading.paper.record import VirtualLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"virtual": VirtualLoop, "asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
