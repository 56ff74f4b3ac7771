"""Asynchronous tests of paper trading run on virtual time."""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping

from tests.trading.paper.record import VirtualLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], AbstractEventLoop]]:
    return {"virtual": VirtualLoop}
