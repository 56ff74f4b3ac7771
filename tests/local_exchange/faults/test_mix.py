"""The random mix: by its seed, at its rate, and an exchange that survives it."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import ClientError

from bowstring.core.errors import ConfigError
from bowstring.local_exchange.faults import kinds
from bowstring.local_exchange.faults.kinds import Mix
from bowstring.local_exchange.faults.mix import members
from tests.local_exchange.faults.client import Client, back, trading

SYMBOLS = ("BTCUSDT", "ETHUSDT")
HARMLESS = ("FailCall", "SkewClock", "StaleSnapshot")  # answers come over the same connection, at once


async def answers(mix: Mix, *, calls: int = 150) -> list[int]:
    """The statuses of so many pings."""
    async with trading(mix) as client:
        return [(await client.ask("GET", "ping", None)).status for _ in range(calls)]


async def test_the_same_seed_meets_the_same_calls() -> None:
    one, same, other = [await answers(Mix(seed=seed, rate=0.3, only=HARMLESS)) for seed in (7, 7, 8)]

    assert one == same != other
    assert 15 < sum(status != 200 for status in one) < 75


def test_a_mix_has_a_bit_of_everything() -> None:
    faults = members(Mix(seed=1, rate=0.1), SYMBOLS)

    inside = {type(one.switches if isinstance(one, kinds.SwitchOn) else one) for one in faults}
    of_its_own = {kinds.SwitchOn, kinds.ExpireKey, kinds.Mix}
    assert inside == set(kinds.AnyFault.__args__) - of_its_own


def test_the_rate_is_a_share_of_calls_of_events_and_of_changes_of_books() -> None:
    shares = Counter[type[kinds.Fault]]()
    for fault in members(Mix(seed=1, rate=0.1), SYMBOLS):
        assert isinstance(fault, kinds.Repeated)
        shares[
            next(kind for kind in (kinds.CallFault, kinds.ReportFault, kinds.StreamFault) if isinstance(fault, kind))
        ] += fault.chance  # type: ignore[assignment]

    assert [round(share, 9) for share in shares.values()] == [0.1, 0.1, 0.1]


@pytest.mark.parametrize("seed", range(5))
def test_members_are_drawn_by_the_seed(seed: int) -> None:
    drawn = members(Mix(seed=seed, rate=0.1), SYMBOLS)

    assert drawn == members(Mix(seed=seed, rate=0.1), SYMBOLS)
    assert drawn != members(Mix(seed=seed + 1, rate=0.1), SYMBOLS)


def test_a_mix_may_be_of_some_faults_only() -> None:
    drawn = members(Mix(seed=1, rate=0.1, only=("LoseReply", "Restart")), SYMBOLS)

    assert [type(fault).__name__ for fault in drawn] == ["LoseReply", "LoseReply", "SwitchOn"]


async def test_what_a_mix_is_only_of_has_to_be_there() -> None:
    async with trading() as client:
        with pytest.raises(ConfigError, match="only of Mix has 'Nothing': there are CrossBook, DelayReply"):
            client.faults.add(Mix(seed=1, rate=0.1, only=("Nothing",)))
        assert client.faults.listed() == []


async def test_a_mix_is_cleared_with_all_its_members() -> None:
    async with trading(kinds.LoseReply()) as client:
        state = client.faults.add(Mix(seed=1, rate=0.1))
        assert {one.mix for one in client.faults.listed()} == {None, state.id}
        client.faults.clear(state.id)

        assert [type(one.fault) for one in client.faults.listed()] == [kinds.LoseReply]


async def attempt(client: Client, name: str) -> None:
    """An order, by a client that gives up soon, and a query."""
    try:
        await client.buy(price="50000", newClientOrderId=name, timeout_s=0.15)
        await client.ask("GET", "openOrders", timeout_s=0.2)
    except (TimeoutError, ClientError, OSError):
        await asyncio.sleep(0.01)


async def test_an_exchange_survives_a_mix_and_its_ledger_knows_every_order(tmp_path: Path) -> None:
    async with trading(Mix(seed=3, rate=0.5), ledger=tmp_path / "ledger") as client, client.stream("btcusdt@depth"):
        for number in range(30):
            await attempt(client, f"{number}")
        assert {type(one.fault) for one in client.faults.listed() if one.hits}
        client.faults.clear()
        await back(client)

        accepted = [str(line["client_order_id"]) for line in client.ledger("accept")]
        assert sorted(accepted) == sorted(client.open_orders)
        assert len(set(accepted)) == len(accepted)
        assert client.ledger("fault")
