"""The suite is kept honest: each of its checks fails a gateway that breaks the promise it is about."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from decimal import Decimal

import pytest

from bowstring.core.clock import Clock
from bowstring.core.errors import ConfigError
from bowstring.testing import GatewayConformance, PromiseBroken, VenueUnderTest
from bowstring.testing.conformance.venue import Lack
from bowstring.trading.paper.gateway import PaperGateway
from tests.testing.conformance.broken import BROKEN, Broken, Check, DropsAPrivateFill, OvertakesOpenly, SendsAgain
from tests.testing.conformance.paper import SYMBOL, Feed, paper_venue
from tests.trading.paper.record import VirtualLoop

CHECKS = {name for name in dir(GatewayConformance) if name.startswith("test_")}


class BrokenPaper(GatewayConformance):
    def __init__(self, broken: Broken) -> None:
        self._broken = broken

    def venue(self) -> AbstractAsyncContextManager[VenueUnderTest]:
        if issubclass(self._broken, Feed):
            return paper_venue(feed_kind=self._broken, replaces_natively=True, has_clients=True)
        return paper_venue(self._broken, replaces_natively=True, has_clients=True)


def run(check: Check, broken: Broken) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(check(BrokenPaper(broken)))


@pytest.mark.parametrize(("broken", "check"), [pytest.param(*each, id=each[0].__name__) for each in BROKEN])
def test_a_broken_gateway_fails_in_the_check_that_names_the_promise(broken: Broken, check: Check) -> None:
    with pytest.raises(PromiseBroken):
        run(check, broken)


def test_every_check_fails_some_gateway() -> None:
    assert {check.__name__ for _, check in BROKEN} == CHECKS


def test_a_failure_says_what_was_promised_and_what_was_seen() -> None:
    with pytest.raises(PromiseBroken) as failed:
        run(GatewayConformance.test_a_slow_answer_makes_it_send_nothing_twice, SendsAgain)

    assert str(failed.value) == "place sends an order once\n  seen: 0.02474 of 0.01237 were filled"


def test_a_random_day_that_fails_names_its_seed() -> None:
    with pytest.raises(PromiseBroken) as failed:
        run(GatewayConformance.test_a_random_day_ends_as_a_naive_model_says, DropsAPrivateFill)

    assert failed.value.__notes__ == ["on the random day with seed 0"]


def test_a_cancel_may_come_first_where_the_order_is_not_kept() -> None:
    run(GatewayConformance.test_a_cancel_right_behind_its_order_ends_it, OvertakesOpenly)


def test_a_suite_without_a_venue_says_what_to_write() -> None:
    with pytest.raises(ConfigError, match=r"GatewayConformance tests nothing: give it an `async def venue"):
        GatewayConformance().venue()


class Bare(VenueUnderTest):
    def __init__(self, lacks: Mapping[Lack, str]) -> None:
        gateway = PaperGateway("paper", clock=Clock(), instruments=[], balances={})
        one = Decimal(1)
        super().__init__(gateway, symbol=SYMBOL, low=one, high=2 * one, quantity=one, lacks=lacks)


@pytest.mark.parametrize(
    ("lacks", "message"),
    [
        (
            {"accounts": "one", "clients": "one"},
            r"^collectors: give what the suite needs, or say in lacks why there is none$",
        ),
        ({"collectors": "none", "clients": "one"}, r"^accounts: give what"),
        ({"collectors": "none", "accounts": "one"}, r"^clients: give what"),
        ({"collectors": "", "accounts": "one"}, r"^lacks 'collectors': '': give a reason"),
        ({"stop": "none", "collectors": "none"}, r"^lacks 'stop': 'none': .* one of ioc, fok, "),
    ],
)
def test_what_a_venue_lacks_is_said_with_a_reason(lacks: Mapping[Lack, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Bare(lacks)
