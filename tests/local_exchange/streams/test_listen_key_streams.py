"""A valid listen key is the name of the stream of its account."""

from collections.abc import Callable

from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.streams.listen_key_streams import ListenKeyStreams
from bowstring.local_exchange.streams.user_data import PrivateEvent
from tests.local_exchange.streams.stage import Client, Stage

KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1"


class Owners:
    """The keys, and who listens to which account."""

    def __init__(self, stage: Stage) -> None:
        self.keys = {KEY: stage.maker}
        self.listeners: list[tuple[Account, Callable[[PrivateEvent], None]]] = []

    def account(self, name: str) -> Account | None:
        return self.keys.get(name)

    def subscribe(self, account: Account, listener: Callable[[PrivateEvent], None]) -> None:
        self.listeners.append((account, listener))

    def unsubscribe(self, account: Account, listener: Callable[[PrivateEvent], None]) -> None:
        self.listeners.remove((account, listener))

    def happen(self) -> None:
        for _, listener in self.listeners:
            listener(PrivateEvent("event", lambda unit: {"E": 5000 // unit}))


def joined(stage: Stage, owners: Owners, *, unit: int = 1000) -> Client:
    streams = ListenKeyStreams(stage.hub, keys=owners, events=owners)
    client = Client(combined=False, unit=unit)
    for name in (KEY, "another", KEY):
        if streams.admit(name):
            client.subscriptions.streams[name] = None
    stage.hub.changed(client)
    return client


def test_events_of_the_account_come_once_in_the_units_asked_for() -> None:
    stage = Stage()
    owners = Owners(stage)
    in_ms = joined(stage, owners)
    owners.happen()

    assert [account for account, _ in owners.listeners] == [stage.maker]
    assert in_ms.texts == [b'{"e":"event","E":5}']
    in_us = joined(stage, Owners(stage), unit=1)
    owners.happen()
    assert in_us.texts == [b'{"e":"event","E":5000}']


def test_what_is_no_valid_key_is_no_stream() -> None:
    stage = Stage()
    owners = Owners(stage)
    owners.keys.clear()

    assert joined(stage, owners).subscriptions.streams == {}
    assert owners.listeners == []


def test_a_key_that_is_over_tells_nothing_more() -> None:
    stage = Stage()
    owners = Owners(stage)
    client = joined(stage, owners)
    owners.keys.clear()
    owners.happen()

    assert client.texts == []


def test_a_key_that_is_over_is_forgotten_when_there_is_another() -> None:
    stage = Stage()
    owners = Owners(stage)
    streams = ListenKeyStreams(stage.hub, keys=owners, events=owners)
    for number in range(1000):
        owners.keys = {f"key{number}": stage.maker}
        assert streams.admit(f"key{number}")

    assert len(owners.listeners) == 1
