"""The feed that the examples run against."""

from collections.abc import Iterator, Mapping

import pytest

from tests.examples.prices import serving
from tests.whole_bot import generated_feed


@pytest.fixture(scope="session")
def feed() -> Iterator[Mapping[str, str]]:
    """Give the environment that points a bot at a running feed."""
    with generated_feed() as environment, serving(["65000.10"]) as prices:
        yield {**environment, "PRICE_URL": f"http://{prices.address}/price"}
