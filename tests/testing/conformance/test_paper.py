"""The paper gateway does what a gateway must do."""

from contextlib import AbstractAsyncContextManager

from bowstring.testing import GatewayConformance, VenueUnderTest
from tests.testing.conformance.paper import paper_venue


class TestPaper(GatewayConformance):
    slow_s = 0.1

    def venue(self) -> AbstractAsyncContextManager[VenueUnderTest]:
        return paper_venue()


class TestPaperThatReplacesNatively(GatewayConformance):
    slow_s = 0.1

    def venue(self) -> AbstractAsyncContextManager[VenueUnderTest]:
        return paper_venue(replaces_natively=True)


class TestPaperWithClientsAndADeadManSwitch(GatewayConformance):
    """What the broken gateways are made of is right."""

    slow_s = 0.1
    cancel_after_s = 0.2

    def venue(self) -> AbstractAsyncContextManager[VenueUnderTest]:
        return paper_venue(has_clients=True)
