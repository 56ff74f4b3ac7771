import asyncio
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from bowstring.collectors.rest import RestPoll
from bowstring.core.engine import Engine
from bowstring.core.errors import BadMessage, ConfigError, Disconnected, NotSent, Rejected
from bowstring.core.messages import CollectorDown, CollectorUp, Event
from bowstring.market.events import BadData
from tests.collectors.told import Told, running
from tests.net.http_server import HANG_UP, SILENCE, HttpServer, answer, free_url, http_server
from tests.net.stepped_loop import SteppedLoop
from tests.venues.binance.fuzz import other_bytes, other_values
from tests.whole_bot import Witness


class Headline(Struct):
    id: int
    text: str
    price: Decimal = Decimal(0)


class News(Event, frozen=True):
    id: int
    text: str


def news(headline: Headline) -> News | None:
    if not headline.price.is_finite():
        raise BadMessage(f"a price of {headline.price}")
    return News(headline.id, headline.text) if headline.text else None


def items(*ids: int) -> list[dict[str, object]]:
    return [{"id": number, "text": f"n{number}", "more": None} for number in ids]


def by_id(headline: Headline) -> int:
    return headline.id


def poll(url: str, *, every_s: float = 0.001, **settings: Any) -> RestPoll[Headline]:
    return RestPoll(url, item=Headline, event=news, every_s=every_s, **settings)


def ids(told: Told) -> list[int]:
    return [one.id for one in told.of(News)]


async def test_each_item_of_an_answer_becomes_an_event(server: HttpServer) -> None:
    server.always = answer(200, items(1, 2))
    told = Told()

    async with running(poll(f"{server.url}/news?symbol=BTC", headers={"X-Key": "k"}, every_s=60), told):
        await told.until(lambda: len(told.events) == 2)

    assert [(one.id, one.text) for one in told.of(News)] == [(1, "n1"), (2, "n2")]
    [request] = server.requests
    assert (request.target, request.headers["x-key"]) == ("/news?symbol=BTC", "k")


@pytest.mark.parametrize(
    ("document", "within"),
    [
        (items(1)[0], ()),
        (items(1), ()),
        ({"data": items(1)}, ("data",)),
        ({"data": {"list": items(1)}, "time": 5}, ("data", "list")),
        ({"data": items(1)[0]}, ["data"]),
    ],
)
async def test_items_are_found_where_they_are(server: HttpServer, document: object, within: tuple[str, ...]) -> None:
    server.always = answer(200, document)
    told = Told()

    async with running(poll(server.url, within=within), told):
        await told.until(lambda: told.events)

    assert ids(told)[0] == 1
    assert told.of(BadData) == []


async def test_an_item_of_no_interest_is_no_event(server: HttpServer) -> None:
    server.always = answer(200, [{"id": 1, "text": ""}, *items(2)])
    told = Told()

    async with running(poll(server.url, every_s=60), told):
        await told.until(lambda: told.events)

    assert ids(told) == [2]


async def test_it_asks_again_on_a_grid_and_never_twice_at_once(server: HttpServer, stepped: SteppedLoop) -> None:
    told = Told()
    async with running(poll(server.url, every_s=10), told):
        for _ in range(3):
            await server.until(lambda: server.requests)
            for _ in range(50):
                await stepped.step(0.19)
            assert len(server.requests) == 1
            server.requests.clear()
            await stepped.step(0.5)


async def test_an_item_is_told_once_by_its_key(server: HttpServer) -> None:
    server.answers.extend([answer(200, items(1, 2, 1)), answer(200, items(3, 2)), answer(200, items(1, 4, 3))])
    server.always = answer(200, items(4, 1))
    told = Told()

    async with running(poll(server.url, key=by_id), told):
        await server.until(lambda: len(server.requests) > 5)

    assert ids(told) == [1, 2, 3, 4]


async def test_without_a_key_each_answer_is_told_in_full(server: HttpServer) -> None:
    server.always = answer(200, items(1))
    told = Told()

    async with running(poll(server.url), told):
        await told.until(lambda: len(told.events) == 3)

    assert ids(told) == [1, 1, 1]


async def test_what_is_remembered_is_bounded_and_holds_the_last_answer_in_any_case(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bowstring.collectors.rest.REMEMBERED", 3)
    answers = [items(1, 2, 3, 4, 5), items(5, 4, 3, 2, 1), items(6), items(2, 3), items(9)]
    server.answers.extend(answer(200, one) for one in answers)
    server.always = answer(304)
    told = Told()
    source = poll(server.url, key=by_id)

    async with running(source, told):
        await server.until(lambda: len(server.requests) > 5)

    assert ids(told) == [1, 2, 3, 4, 5, 6, 3, 9]  # of 5 4 3 2 1 and then 6 there were left 2, 1 and 6
    assert len(vars(source)["_seen"]) == 3


async def test_changes_only_are_asked_for_where_the_server_can_tell(server: HttpServer) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    server.answers.extend(
        [
            answer(200, items(1), headers={"ETag": '"a"', "Last-Modified": date}),
            answer(304),
            answer(200, items(2), headers={"etag": 'W/"b"'}),
            answer(304),
            answer(200, items(3)),
        ]
    )
    server.always = answer(304)
    told = Told()

    async with running(poll(server.url), told) as task:
        await server.until(lambda: len(server.requests) > 6)
        assert not task.done()

    asked = [(one.headers.get("if-none-match"), one.headers.get("if-modified-since")) for one in server.requests[:7]]
    first, second, nothing = ('"a"', date), ('W/"b"', None), (None, None)
    assert asked == [nothing, first, first, second, second, nothing, nothing]
    assert ids(told) == [1, 2, 3]


async def test_no_content_is_no_news(server: HttpServer) -> None:
    server.always = b"HTTP/1.1 204 Empty\r\n\r\n"
    told = Told()

    async with running(poll(server.url), told) as task:
        await server.until(lambda: len(server.requests) == 3)
        assert not task.done()

    assert told.events == []


async def test_an_answer_that_was_not_told_in_full_is_asked_for_again(server: HttpServer) -> None:
    server.always = answer(200, items(1, 2), headers={"ETag": '"a"'})
    told = Told()
    flaws = ["once"]

    def flawed(headline: Headline) -> News | None:
        if headline.id == 2 and flaws:
            raise ArithmeticError(flaws.pop())
        return news(headline)

    source = RestPoll(server.url, item=Headline, event=flawed, every_s=60, key=by_id)
    async with running(source, told) as task:
        with pytest.raises(ArithmeticError, match="once"):
            await task
    async with running(source, told):
        await told.until(lambda: len(told.events) == 2)

    assert ids(told) == [1, 2]
    assert "if-none-match" not in server.requests[1].headers


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"id": "x", "text": "a"}, "malformed: Expected `int`"),
        ({"id": 1}, "malformed: Object missing required field `text`"),
        ({"id": 1, "text": "a", "price": "NaN"}, "a price of NaN"),
        ([], "malformed: Expected `object`"),
    ],
)
async def test_a_malformed_item_is_told_and_the_others_are_published(
    server: HttpServer, item: object, reason: str
) -> None:
    server.always = answer(200, [*items(1), item, *items(2)])
    told = Told()
    source = poll(server.url, every_s=60, name="news")

    async with running(source, told):
        await told.until(lambda: len(told.events) == 3)

    assert ids(told) == [1, 2]
    [bad] = told.of(BadData)
    assert (bad.venue, bad.stream) == ("news", "news")
    assert bad.reason.startswith(reason)
    assert source.malformed == 1


@pytest.mark.parametrize(
    "body", [b"<html>" + b"x" * 300, b"", b"\xff\xfe", b"[1,", b"[" * 100_000, b'{"other": []}', b'{"data": 1', b"null"]
)
async def test_an_answer_that_makes_no_sense_is_told_and_the_poll_lives_on(server: HttpServer, body: bytes) -> None:
    server.answers.append(answer(200, body, headers={"ETag": '"a"'}))
    server.always = answer(200, {"data": items(7)})
    told = Told()
    source = poll(server.url, within=["data"])

    async with running(source, told):
        await told.until(lambda: 7 in ids(told))

    assert source.malformed == len(told.of(BadData)) == 1
    assert len(told.of(BadData)[0].excerpt) <= 200
    assert "if-none-match" not in server.requests[1].headers


VALID = [
    b'{"data": [{"id": 1, "text": "n1", "price": "1.5"}, {"id": 2, "text": ""}]}',
    b'{"data": {"id": 3, "text": "n3"}}',
]


@given(
    body=st.sampled_from(VALID).flatmap(lambda valid: other_bytes(valid) | other_values(valid)) | st.binary(max_size=20)
)
@settings(max_examples=200)
async def test_whatever_the_answer_is_the_poll_lives_on_and_tells_nothing_that_it_did_not_say(body: bytes) -> None:
    told = Told()
    async with http_server(answer(200, body)) as server:
        server.always = answer(200, {"data": items(7)})
        source = poll(server.url, within=["data"], key=by_id)
        async with running(source, told) as task:
            recovered = asyncio.ensure_future(told.until(lambda: any(one.text == "n7" for one in told.of(News))))
            await asyncio.wait([task, recovered], return_when=asyncio.FIRST_COMPLETED)
            assert not task.done()
            await recovered

    assert source.malformed == len(told.of(BadData))
    assert all(one.text for one in told.of(News))


@pytest.mark.parametrize(
    ("reply", "error", "reason"),
    [
        (answer(500, b"oops"), Disconnected, "HTTP 500: oops"),
        (answer(404, b""), Rejected, "HTTP 404: no reason given"),
        (answer(301, b"", headers={"Location": "/"}), Rejected, "redirects are not followed"),
        (HANG_UP, Disconnected, "the connection was closed before an answer"),
        (SILENCE, Disconnected, "no answer within 0.05 s"),
    ],
)
async def test_no_good_answer_fails_it_at_once(
    server: HttpServer, reply: bytes, error: type[Exception], reason: str
) -> None:
    server.always = reply

    async with running(poll(server.url, deadline_s=0.05 if reply == SILENCE else 10), Told()) as task:
        with pytest.raises(error, match=reason):
            await task

    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "error"), [(429, Rejected), (418, Rejected), (503, Disconnected)])
async def test_after_a_retry_after_nothing_is_asked_before_it_has_passed(
    server: HttpServer, stepped: SteppedLoop, status: int, error: type[Exception]
) -> None:
    server.answers.append(answer(status, b"", headers={"Retry-After": "500"}))
    source, told = poll(server.url, every_s=60), Told()

    async with running(source, told) as task:
        with pytest.raises(error, match="retry after 500 s"):
            await task
    async with running(source, told):
        for _ in range(5):
            await stepped.step(99.9)
        assert len(server.requests) == 1
        await stepped.step(0.6)
        await server.until(lambda: len(server.requests) == 2)


async def test_a_server_that_fails_and_recovers_is_told_by_supervision(server: HttpServer) -> None:
    server.answers.append(answer(500))
    server.always = answer(200, items(1))
    witness = Witness(lambda seen: bool(seen.of(News)))
    engine = Engine(collectors=[poll(server.url, every_s=60, name="news")], guards=[witness])

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(engine.run())
        await witness.satisfied.wait()
        engine.stop()

    told = [message for message in witness.seen if isinstance(message, CollectorDown | CollectorUp | News)]
    assert [type(message) for message in told] == [CollectorDown, CollectorUp, News]
    assert isinstance(told[0], CollectorDown)
    assert told[0].reason == "GET news: HTTP 500: {}"


async def test_nobody_at_the_address_fails_it() -> None:
    async with running(poll(free_url()), Told()) as task:
        with pytest.raises(Disconnected, match="Cannot connect"):
            await task
    assert not isinstance(task.exception(), NotSent)


@pytest.mark.parametrize("every_s", [0, -1, float("inf"), float("nan")])
def test_an_interval_that_is_none_is_refused(every_s: float) -> None:
    with pytest.raises(ConfigError, match="give seconds above 0"):
        poll("http://127.0.0.1/a", every_s=every_s)


def test_a_wrong_url_is_refused_and_a_name_shows_no_secret() -> None:
    with pytest.raises(ConfigError, match="url must be"):
        poll("127.0.0.1/a")
    assert poll(f"http://host/api/{'k' * 32}?key=s3cr3t").name == "http://host/api/..."
