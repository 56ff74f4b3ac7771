import asyncio
import json
import logging
import math

import pytest

from bowstring.core.errors import ConfigError
from bowstring.executors.webhook import CallWebhook, Webhook
from tests.executors.bot import bot_with
from tests.net.http_server import HANG_UP, RESET, SILENCE, HttpServer, answer, free_url

TOKEN = "s3cr3t-t0ken"


async def test_a_call_posts_its_payload_as_json(server: HttpServer) -> None:
    server.always = answer(204, b"")
    hook = Webhook(f"{server.url}/hooks/1?wait=true", headers={"Authorization": "Bearer k"})

    async with bot_with(hook) as (asker, mouth):
        mouth.ask(CallWebhook({"text": "hello", "list": [1, {"deep": None}]}))
        await asker.until(lambda: asker.closed)

    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/hooks/1?wait=true")
    assert json.loads(request.body) == {"text": "hello", "list": [1, {"deep": None}]}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer k"
    assert asker.endings() == ["ActionDone"]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (answer(400, b"invalid payload"), "HTTP 400: invalid payload"),
        (answer(302, b""), "redirects are not followed"),
        (answer(500, b""), "HTTP 500: no reason given; the outcome is unknown"),
        (HANG_UP, "the connection was closed before an answer; the outcome is unknown"),
        (RESET, "the outcome is unknown"),
    ],
)
async def test_a_call_that_fails_is_closed_with_the_reason_and_never_repeated(
    server: HttpServer, reply: bytes, reason: str
) -> None:
    server.answers.append(reply)

    async with bot_with(Webhook(f"{server.url}/{TOKEN}")) as (asker, mouth):
        mouth.ask(CallWebhook({"n": 1}))
        await asker.until(lambda: asker.closed)
        mouth.ask(CallWebhook({"n": 2}))
        await asker.until(lambda: len(asker.closed) == 2)

    assert asker.endings() == ["ActionFailed", "ActionDone"]
    assert asker.closed[0].reason.startswith(f"POST {server.url}/...: ")
    assert reason in asker.closed[0].reason
    assert [json.loads(request.body)["n"] for request in server.requests] == [1, 2]


async def test_nobody_at_the_address_is_proven_unsent() -> None:
    async with bot_with(Webhook(free_url())) as (asker, mouth):
        mouth.ask(CallWebhook({}))
        await asker.until(lambda: asker.closed)

    assert asker.endings() == ["ActionFailed"]
    assert "Cannot connect" in asker.closed[0].reason
    assert "unknown" not in asker.closed[0].reason


async def test_a_silent_server_costs_a_call_its_deadline_and_no_other_action_anything(server: HttpServer) -> None:
    server.answers.append(SILENCE)

    async with bot_with(Webhook(server.url, deadline_s=0.2)) as (asker, mouth):
        mouth.ask(CallWebhook({"n": 1}), CallWebhook({"n": 2}))
        await asker.until(lambda: len(asker.closed) == 2)

    assert asker.endings() == ["ActionDone", "ActionFailed"]
    assert "no answer within 0.2 s; the outcome is unknown" in asker.closed[1].reason


async def test_a_retry_after_is_obeyed(server: HttpServer) -> None:
    server.answers.append(answer(429, b"", headers={"Retry-After": "60"}))

    async with bot_with(Webhook(server.url)) as (asker, mouth):
        mouth.ask(CallWebhook({}))
        await asker.until(lambda: asker.closed)
        mouth.ask(CallWebhook({}))
        await asker.until(lambda: len(asker.closed) == 2)

    assert len(server.requests) == 1
    assert "the server asked to wait" in asker.closed[1].reason


async def test_what_is_no_json_fails_its_action_alone(server: HttpServer) -> None:
    async with bot_with(Webhook(server.url)) as (asker, mouth):
        mouth.ask(CallWebhook({"x": object()}), CallWebhook({"x": 1}))
        await asker.until(lambda: len(asker.closed) == 2)

    assert sorted(asker.endings()) == ["ActionDone", "ActionFailed"]
    assert len(server.requests) == 1


async def test_the_last_call_of_a_bot_is_made(server: HttpServer) -> None:
    async with bot_with(Webhook(server.url)) as (asker, _mouth):
        asker.last = [CallWebhook({"n": number}) for number in range(40)]

    assert sorted(json.loads(request.body)["n"] for request in server.requests) == list(range(40))
    assert asker.endings() == ["ActionDone"] * 40


async def test_a_call_under_way_does_not_hold_up_a_stop(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.executors.webhook.FLUSH_S", 0.1)
    server.always = SILENCE

    async with asyncio.timeout(30), bot_with(Webhook(server.url, deadline_s=math.inf)) as (asker, mouth):
        mouth.ask(CallWebhook({}))
        await server.until(lambda: server.requests)

    assert asker.endings() == ["ActionFailed"]
    assert "the outcome is unknown" in asker.closed[0].reason


async def test_no_secret_is_in_any_log_repr_or_reason(server: HttpServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server.answers.extend([answer(500), HANG_UP, answer(404, b"")])
    hook = Webhook(f"{server.url}/{TOKEN}?key={TOKEN}", headers={"X-Key": TOKEN})

    async with bot_with(hook) as (asker, mouth):
        mouth.ask(*(CallWebhook({}) for _ in range(3)))
        await asker.until(lambda: len(asker.closed) == 3)

    assert asker.endings() == ["ActionFailed"] * 3
    assert TOKEN not in caplog.text + repr(hook) + hook.name + repr(asker.closed)
    assert hook.name == "webhook 127.0.0.1"


@pytest.mark.parametrize("url", ["host/path", "http://user:pass@host/", "ftp://host"])
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="url must be"):
        Webhook(url)
