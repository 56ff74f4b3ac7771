"""The replica that lags behind keeps only what it does not know yet."""

from bowstring.local_exchange.faults.replica import Replica
from tests.local_exchange.matching.desk import Desk


async def test_what_is_due_is_not_kept_even_if_nobody_asks() -> None:
    desk = Desk()
    replica = Replica(desk.exchange, lag_s=0)
    for _ in range(100):
        desk.place(desk.a, "BUY", 1, 99)
        replica.take(desk.exchange.take())

    assert len(replica._changes) <= 1  # pyright: ignore[reportPrivateUsage]  # nothing else shows it
    assert len(replica.account(desk.a).open) == 100
