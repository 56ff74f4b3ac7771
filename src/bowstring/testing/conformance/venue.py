"""What the suite needs of a venue besides its gateway: `VenueUnderTest`."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal, get_args

from bowstring.core.components import Collector
from bowstring.core.errors import ConfigError
from bowstring.trading.gateway import Gateway
from bowstring.trading.messages import Side

Lack = Literal["ioc", "fok", "post_only", "fees", "collectors", "accounts", "clients", "slow_answers"]
"""``ioc``, ``fok``, ``post_only``: the venue has no such orders, and the gateway refuses them. ``fees``: it takes none.
``collectors``: it has no market data. ``accounts``: it has one account only. ``clients``: an account has one client
only. ``slow_answers``: it cannot be slowed."""


class VenueUnderTest:
    """A venue with an account to trade on, and a counterparty: subclass it, and write the four methods.

    ``gateway`` is not open yet: the suite opens and closes it. From ``low`` to ``high``, a dozen ticks or more, nobody
    trades ``symbol`` but the suite and the counterparty, and the account has no order. ``quantity`` is large enough for
    an order at ``low``; let it use every decimal that the lot allows, so that rounding shows. The account can pay for a
    hundred of it on either side. ``collectors`` tell quotes and trades of the symbol. ``other_account`` is a gateway of
    another account, and ``another_client`` one more of the same: neither is open yet. ``secrets`` are what the gateway
    was given in confidence, as keys are. ``lacks`` says, with the reason, what the venue does not have: the suite then
    checks that it is refused, or leaves out what needs it.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        symbol: str,
        low: Decimal,
        high: Decimal,
        quantity: Decimal,
        collectors: Sequence[Collector] = (),
        other_account: Gateway | None = None,
        another_client: Gateway | None = None,
        secrets: Sequence[str] = (),
        lacks: Mapping[Lack, str] | None = None,
    ) -> None:
        self.gateway = gateway
        self.symbol = symbol
        self.low, self.high, self.quantity = low, high, quantity
        self.collectors = collectors
        self.other_account, self.another_client = other_account, another_client
        self.secrets = secrets
        self.lacks = lacks or {}
        for lack, reason in self.lacks.items():
            if lack not in get_args(Lack) or not reason:
                raise ConfigError(f"lacks {lack!r}: {reason!r}: give a reason for one of {', '.join(get_args(Lack))}")
        self._check_given("collectors", collectors)
        self._check_given("accounts", other_account)
        self._check_given("clients", another_client)

    async def trade(self, side: Side, *, price: Decimal, quantity: Decimal) -> None:
        """Have the counterparty take: a limit order of that side, the rest of which does not stay."""
        raise NotImplementedError

    async def offer(self, side: Side, *, price: Decimal, quantity: Decimal) -> None:
        """Have the counterparty's limit order of that side rest, and return once it does."""
        raise NotImplementedError

    async def disconnect(self) -> None:
        """Break the gateway's connections, that of the private stream among them, as the network would."""
        raise NotImplementedError

    async def slow_down(self, seconds: float) -> None:
        """From now on, have the venue's answers to orders come so late. Not called where ``slow_answers`` lacks."""
        raise NotImplementedError

    def _check_given(self, lack: Lack, given: object) -> None:
        if bool(given) is (lack in self.lacks):
            raise ConfigError(f"{lack}: give what the suite needs, or say in lacks why there is none")
