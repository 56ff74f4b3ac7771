"""The feed that the documentation's bots run against."""

from collections.abc import Iterator, Mapping

import pytest

from tests.whole_bot import generated_feed


@pytest.fixture(scope="module")
def feed() -> Iterator[Mapping[str, str]]:
    """Give the environment that points a bot at a running feed."""
    with generated_feed() as environment:
        yield environment
