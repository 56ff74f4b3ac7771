"""The network clients are tested on both event loops; nothing may reach a loop's exception handler."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import uvloop

from tests.net.stepped_loop import SteppedLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if "clock" in getattr(item, "fixturenames", ()):
        return {"stepped": SteppedLoop}
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def clock() -> SteppedLoop:
    """The running loop, whose time the test sets."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SteppedLoop)
    return loop


@pytest.fixture(autouse=True)
async def unhandled() -> AsyncIterator[None]:
    """Fail a test that leaves something to the loop's exception handler."""
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))
    yield
    assert contexts == []
