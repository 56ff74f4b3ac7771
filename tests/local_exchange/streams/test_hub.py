"""A message is built when somebody wants it, once for all in the same form."""

from bowstring.local_exchange.streams.hub import Hub
from tests.local_exchange.streams.stage import Client


class Built:
    """A payload that counts how often it is built."""

    def __init__(self) -> None:
        self.units: list[int] = []

    def __call__(self, unit: int) -> bytes:
        self.units.append(unit)
        return b"%d" % unit


def joined(hub: Hub, *streams: str, combined: bool = False, unit: int = 1000) -> Client:
    client = Client(*streams, combined=combined, unit=unit)
    hub.changed(client)
    return client


def test_nothing_is_built_for_nobody() -> None:
    hub, built = Hub(), Built()
    joined(hub, "a@trade")
    hub.publish("b@trade", built)

    assert built.units == []
    assert (hub.wants("a@trade"), hub.wants("b@trade")) == (True, False)


def test_all_in_the_same_form_get_the_same_frame() -> None:
    hub, built = Hub(), Built()
    clients = [joined(hub, "a@trade") for _ in range(3)]
    hub.publish("a@trade", built)

    assert built.units == [1000]
    assert len({id(client.frames[0]) for client in clients}) == 1


def test_each_gets_it_in_the_form_and_the_unit_it_has_asked_for() -> None:
    hub, built = Hub(), Built()
    raw, combined = joined(hub, "a@trade"), joined(hub, "a@trade", combined=True, unit=1)
    hub.publish("a@trade", built)

    assert raw.texts == [b"1000"]
    assert combined.texts == [b'{"stream":"a@trade","data":1}']


def test_a_client_that_turns_combined_gets_combined() -> None:
    hub, client = Hub(), Client("a@trade", combined=False)
    hub.changed(client)
    client.subscriptions.answer('{"method":"SET_PROPERTY","params":["combined",true],"id":1}')
    hub.changed(client)
    hub.publish("a@trade", Built())

    assert client.texts == [b'{"stream":"a@trade","data":1000}']


def test_who_unsubscribes_or_leaves_gets_no_more() -> None:
    hub = Hub()
    one, other = joined(hub, "a@trade", "b@trade"), joined(hub, "a@trade")
    one.subscriptions.answer('{"method":"UNSUBSCRIBE","params":["a@trade"],"id":1}')
    hub.changed(one)
    hub.left(other)
    for stream in ("a@trade", "b@trade"):
        hub.publish(stream, Built())

    assert (len(one.frames), len(other.frames)) == (1, 0)
    assert not hub.wants("a@trade")


def test_who_leaves_without_having_joined_disturbs_nobody() -> None:
    Hub().left(Client())
