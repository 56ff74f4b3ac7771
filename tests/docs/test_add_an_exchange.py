"""The page "Add an exchange" shows what is in the files, and what the suite says."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bowstring.core.errors import Rejected
from bowstring.testing import GatewayConformance, PromiseBroken, VenueUnderTest
from bowstring.trading.gateway import OrderRef, OrderReport
from examples.pond.exchange import Pond
from examples.pond.gateway import PondGateway
from tests.docs.pages import ENVIRONMENT, ROOT
from tests.examples.pond.test_conformance import MONEY, PondUnderTest

PAGE = (ROOT / "docs" / "add-an-exchange.md").read_text()
EXCERPTS = re.findall(r'^```python title="(.+?)"\n(.*?)^```$', PAGE, flags=re.DOTALL | re.MULTILINE)
(SUITE,) = re.findall(r"^```python\n(from .*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
SHOWN = re.findall(r"^```text\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)[-1]


class CarelessGateway(PondGateway):
    """Takes "no live order" for the end of the order."""

    def cancel(self, order: OrderRef) -> Awaitable[OrderReport]:
        return self._cancelled(order, super().cancel(order))

    async def _cancelled(self, order: OrderRef, answer: Awaitable[OrderReport]) -> OrderReport:
        try:
            return await answer
        except Rejected:
            return OrderReport(client_order_id=order.client_order_id, status="cancelled")


class Careless(GatewayConformance):
    @asynccontextmanager
    async def venue(self) -> AsyncGenerator[VenueUnderTest]:
        async with Pond({"alice": MONEY, "bob": MONEY}) as pond:
            venue = PondUnderTest(pond)
            venue.gateway = CarelessGateway("pond:alice", host="127.0.0.1", port=pond.port, account="alice")
            yield venue


@pytest.mark.parametrize(("file", "code"), EXCERPTS)
def test_an_excerpt_is_in_its_file(file: str, code: str) -> None:
    text = (ROOT / file).read_text()

    assert [part for part in code.split("...\n") if part.strip() not in text] == []


def test_its_excerpts_are_found() -> None:
    assert len(EXCERPTS) == 3


def test_a_suite_with_a_fixture_runs_in_strict_mode(tmp_path: Path) -> None:
    (tmp_path / "test_shown.py").write_text(SUITE)
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{ENVIRONMENT['PYTHONPATH']}:{ROOT}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "an_order_that_rests"]

    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout
    assert "3 passed" in ended.stdout


def test_a_failure_looks_as_shown() -> None:
    with pytest.raises(PromiseBroken) as failed:
        asyncio.run(Careless().test_a_cancel_of_what_is_unknown_is_rejected())

    assert _without_ids(str(failed.value)) == _without_ids(SHOWN)


def _without_ids(text: str) -> Sequence[str]:
    return re.sub(r"'\w{14}-\d+'", "an id", text).split()
