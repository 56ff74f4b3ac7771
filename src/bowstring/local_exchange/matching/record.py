"""What commands have done, in the order in which it happened."""

from msgspec import Struct

from bowstring.local_exchange.matching.accounts import Account, Order
from bowstring.local_exchange.matching.orders import Change, Fill, Prevented, Status, Trade


class Report(Struct, eq=False, kw_only=True):
    """One change of one order, with the order's state right after it.

    ``client_order_id`` is the order's, of a cancel the cancel's own, and ``original`` then the order's.
    ``cancel_reason`` says why the exchange cancelled it by itself.
    """

    change: Change
    order: Order
    status: Status
    executed: int
    quote_executed: int
    time_us: int
    is_working: bool
    client_order_id: str
    original: str = ""
    expiry_reason: str = ""
    cancel_reason: str = ""
    fill: Fill | None = None
    prevented: Prevented | None = None


class Happened(Struct, frozen=True):
    """Reports and public trades, and of each account the assets that may have changed."""

    changes: list[Report | Trade]
    touched: list[tuple[Account, list[str]]]


class Record:
    """Collects until somebody takes it. ``time_us`` is the time of the command that is carried out."""

    def __init__(self) -> None:
        self.time_us = 0
        self._changes: list[Report | Trade] = []
        self._accounts: dict[int, Account] = {}

    def take(self) -> Happened:
        """What has happened since the last call."""
        touched = [(account, list(account.touched)) for account in self._accounts.values()]
        for account in self._accounts.values():
            account.touched.clear()
        changes, self._changes, self._accounts = self._changes, [], {}
        return Happened(changes, touched)

    def trade(self, trade: Trade) -> None:
        """A public trade."""
        self._changes.append(trade)

    def report(
        self,
        order: Order,
        change: Change,
        *,
        fill: Fill | None = None,
        prevented: Prevented | None = None,
        cancel_id: str = "",
        cancel_reason: str = "",
    ) -> None:
        """A change of an order, which has been made. ``cancel_id``: the client order id of the cancel that made it."""
        order.update_us = order.account.updated_us = self.time_us
        self._accounts[order.account.uid] = order.account
        client_order_id = order.new.client_order_id
        self._changes.append(
            Report(
                change=change,
                order=order,
                status=order.status,
                executed=order.executed,
                quote_executed=order.quote_executed,
                time_us=self.time_us,
                is_working=order.working_us > 0,
                client_order_id=cancel_id or client_order_id,
                original=client_order_id if cancel_id else "",
                expiry_reason=order.expiry_reason,
                cancel_reason=cancel_reason,
                fill=fill,
                prevented=prevented,
            )
        )
