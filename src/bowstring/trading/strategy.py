"""The `Strategy` that bot authors subclass: it knows its own open orders and the instruments."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

from msgspec.structs import force_setattr

from bowstring.core.components import Strategy as CoreStrategy
from bowstring.core.components import on
from bowstring.core.errors import PublishError, UnknownInstrument
from bowstring.core.messages import Action
from bowstring.market.instrument import Instrument, InstrumentListed
from bowstring.trading.messages import CancelOrder, OrderAction, OrderUpdate, PlaceOrder, Recovered, ReplaceOrder
from bowstring.trading.new_orders import NewOrder
from bowstring.trading.orders import Order, intended


class Strategy(CoreStrategy):
    """Turns events into actions, by methods declared with ``@on(SomeEvent)``.

    ``symbols``, when set, filters every event that has a symbol, but for the strategy's own orders. ``name``, the
    class name unless you set it, is how orders find back to their strategy: keep it over restarts.
    """

    # Two underscores: a subclass may have names of its own for such things.
    built_in: ClassVar[frozenset[str]] = frozenset(
        {"_Strategy__keep_instrument", "_Strategy__keep_order", "_Strategy__keep_recovered"}
    )
    told_of: ClassVar[tuple[type[Action], ...]] = (OrderAction,)
    __prefix: str = ""
    __placed: int = 0

    @cached_property
    def __orders(self) -> dict[str, Order]:  # made when first used: a subclass need not call super().__init__()
        return {}

    @cached_property
    def __unanswered(self) -> dict[str, NewOrder]:
        return {}

    @cached_property
    def __instruments(self) -> dict[str, Instrument]:
        return {}

    @property
    def orders(self) -> Mapping[str, Order]:
        """The strategy's own orders that are not final, by client order id: pending and unknown ones included.

        An order is in it from the moment its action is published, and up to date before each handler runs.
        """
        return MappingProxyType(self.__orders)

    def instrument(self, symbol: str) -> Instrument:
        """The symbol's tick size, lot size and limits. Raises `UnknownInstrument` until they were told."""
        try:
            return self.__instruments[symbol]
        except KeyError:
            known = ", ".join(sorted(self.__instruments)) or "none"
            raise UnknownInstrument(f"{symbol} is not listed by any executor's venue; known: {known}") from None

    def publishing(self, actions: Sequence[Action]) -> None:
        """Number new orders and note them as pending; say where the order to be cancelled or replaced is.

        Raises `PublishError`, with nothing noted, for an id that one of them shares with an open order.
        """
        new: dict[str, Order] = {}
        for action in actions:
            if isinstance(action, PlaceOrder):
                if not action.client_order_id:
                    force_setattr(action, "client_order_id", self.__new_id(new))
                self.__add(new, action)
            elif isinstance(action, ReplaceOrder | CancelOrder):
                order = self.__orders.get(action.client_order_id) or new.get(action.client_order_id)
                if order is not None:  # else it has ended meanwhile, or never was: the executor says so
                    force_setattr(action, "symbol", order.symbol)
                    force_setattr(action, "venue", order.venue)
                if isinstance(action, ReplaceOrder):
                    self.__replace(new, action, order)
        self.__orders.update(new)

    @on(InstrumentListed)
    def __keep_instrument(self, listed: InstrumentListed) -> None:
        self.__instruments[listed.symbol] = listed.instrument

    @on(OrderUpdate)
    def __keep_order(self, update: OrderUpdate) -> None:
        order = Order.told_by(update)
        self.__unanswered.pop(order.client_order_id, None)
        if order.is_final:
            self.__orders.pop(order.client_order_id, None)
        else:
            self.__orders[order.client_order_id] = order

    @on(Recovered)
    def __keep_recovered(self, recovered: Recovered) -> None:
        for name in [name for name, order in self.__orders.items() if order.venue == recovered.venue]:
            action = self.__unanswered.get(name)
            if action is None or 0 < action.seq < recovered.seq:  # else it was published after this was, and read late
                del self.__orders[name]
                self.__unanswered.pop(name, None)
        for update in recovered.orders:
            self.__orders[update.client_order_id] = Order.told_by(update)

    def __replace(self, new: dict[str, Order], action: ReplaceOrder, order: Order | None) -> None:
        if not action.new_client_order_id:
            force_setattr(action, "new_client_order_id", self.__new_id(new))
        force_setattr(action, "side", order.side if order else None)
        if order is not None:
            self.__add(new, action)

    def __new_id(self, new: Mapping[str, Order]) -> str:
        if not self.__prefix:
            self.__prefix = self.clock.new_prefix()
        self.__placed += 1
        client_order_id = f"{self.__prefix}{self.__placed}"
        is_taken = client_order_id in self.__orders or client_order_id in new  # by one of the author's own
        return self.__new_id(new) if is_taken else client_order_id

    def __add(self, new: dict[str, Order], action: NewOrder) -> None:
        order = intended(action)
        if order.client_order_id in self.__orders or order.client_order_id in new:
            taken = f"client order id {order.client_order_id} is taken by an open order"
            raise PublishError(f"{taken}: leave it to be numbered")
        new[order.client_order_id] = order
        self.__unanswered[order.client_order_id] = action
