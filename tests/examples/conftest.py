"""The feed that the examples run against."""

from collections.abc import Iterator, Mapping

import pytest

from tests.examples.prices import serving
from tests.whole_bot import generated_feed, local_exchange


@pytest.fixture(scope="module")
def feed() -> Iterator[Mapping[str, str]]:
    """Give the environment that points a bot at a running feed, or at an exchange with an account there."""
    with generated_feed() as environment, local_exchange() as account, serving(["65000.10"]) as prices:
        yield {**environment, **account, "PRICE_URL": f"http://{prices.address}/price"}
