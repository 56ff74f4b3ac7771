"""What the tests of collectors share: both event loops, or one whose time the test sets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from tests.net.http_server import HttpServer, http_server
from tests.net.stepped_loop import SteppedLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if "stepped" in getattr(item, "fixturenames", ()):
        return {"stepped": SteppedLoop}
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def stepped() -> SteppedLoop:
    """The running loop, whose time the test sets."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppedLoop)
    return loop


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with http_server() as running:
        yield running
