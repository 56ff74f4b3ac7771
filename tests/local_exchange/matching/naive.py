"""The rules of matching written down a second time, as plainly as possible: one list, sorted by price and time.

It knows nothing of levels, locks or reports. Prices and quantities are whole numbers; an order that is refused, stops
included, is not put to it.
"""

from dataclasses import dataclass, field


@dataclass(eq=False)
class NaiveOrder:
    id: int
    owner: str
    side: str
    left: int
    price: int
    executed: int = 0
    prevented: int = 0
    status: str = "open"


@dataclass
class NaiveBook:
    """``trades``: (price, quantity, maker's id, taker's id)."""

    orders: list[NaiveOrder] = field(default_factory=list[NaiveOrder])
    trades: list[tuple[int, int, int, int]] = field(default_factory=list[tuple[int, int, int, int]])

    def against(self, taker: NaiveOrder) -> list[NaiveOrder]:
        """The orders that a taker meets, in that order."""
        others = [order for order in self.orders if order.side != taker.side]
        if taker.side == "BUY":
            fitting = [order for order in others if not taker.price or order.price <= taker.price]
            return sorted(fitting, key=lambda order: (order.price, order.id))
        fitting = [order for order in others if order.price >= taker.price]
        return sorted(fitting, key=lambda order: (-order.price, order.id))

    def place(self, taker: NaiveOrder, *, tif: str, mode: str) -> None:
        offered = sum(one.left for one in self.against(taker) if mode == "NONE" or one.owner != taker.owner)
        blocked = mode not in ("NONE", "EXPIRE_MAKER") and self._meets_its_own(taker)
        if tif != "FOK" or (offered >= taker.left and not blocked):
            self._match(taker, mode)
        if taker.status != "open":
            return
        if tif == "GTC" and taker.price:
            self.orders.append(taker)
        else:
            taker.status = "EXPIRED"

    def cancel(self, order: NaiveOrder) -> None:
        self.orders.remove(order)
        order.status = "CANCELED"

    def _meets_its_own(self, taker: NaiveOrder) -> bool:
        """Whether it would meet an order of its own account before it is filled."""
        left = taker.left
        for maker in self.against(taker):
            if left <= 0:
                return False
            if maker.owner == taker.owner:
                return True
            left -= maker.left
        return False

    def _match(self, taker: NaiveOrder, mode: str) -> None:
        while taker.status == "open" and (makers := self.against(taker)):
            maker = makers[0]
            quantity = min(maker.left, taker.left)
            if mode != "NONE" and maker.owner == taker.owner:
                self._prevent(maker, taker, quantity, mode)
                continue
            self.trades.append((maker.price, quantity, maker.id, taker.id))
            for order in (maker, taker):
                order.executed += quantity
                self._take(order, quantity, "FILLED")

    def _prevent(self, maker: NaiveOrder, taker: NaiveOrder, quantity: int, mode: str) -> None:
        lost = {
            "EXPIRE_MAKER": (maker.left, 0),
            "EXPIRE_TAKER": (0, taker.left),
            "EXPIRE_BOTH": (maker.left, taker.left),
        }.get(mode, (quantity, quantity))
        for order, amount in zip((maker, taker), lost, strict=True):
            order.prevented += amount
            self._take(order, amount, "EXPIRED_IN_MATCH")

    def _take(self, order: NaiveOrder, quantity: int, ending: str) -> None:
        order.left -= quantity
        if order.left == 0:
            order.status = ending
            if order in self.orders:
                self.orders.remove(order)
