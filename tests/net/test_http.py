import asyncio
import gc
import json
import logging
import math
import os
import re
import socket
import sys
import time
import traceback
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bowstring.core.errors import ConfigError, Disconnected, NotSent, Rejected
from bowstring.net.budget import BAN_S, WeightBudget
from bowstring.net.exchange import MAX_BODY_BYTES, Response
from bowstring.net.http import MAX_REFUSAL_BYTES, HttpClient, Query, Refusal, public_url
from tests.net.certificate import certificate, server_context
from tests.net.http_server import HANG_UP, RESET, SILENCE, HttpServer, Sleeper, answer, free_url, http_server

UNKNOWN = "the outcome is unknown"
SECRET = "s3cr3t"
USED = "X-MBX-USED-WEIGHT-1M"
NO_ANSWERS = {
    "an error of the server": answer(503, {"code": -1000, "msg": "unknown"}),
    "a page of a proxy": answer(502, b"<html>"),
    "a request timeout": answer(408, {"code": -1007, "msg": "timeout"}),
    "the end of the connection": HANG_UP,
    "a reset": RESET,
    "half a head": b"HTTP/1.1 200 O" + HANG_UP,
    "half a body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{" + HANG_UP,
    "no HTTP": b"\x16\x03\x01\x00\x00\r\n\r\n",
    "a false length": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    "a body that is not compressed as it says": answer(200, b"{}", headers={"Content-Encoding": "gzip"}),
}


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    async with http_server() as running:
        yield running


def venue_error(body: bytes) -> Refusal | None:
    """Read the errors of a venue that says {"code": -1, "msg": "..."}; -1007 says that it does not know."""
    found = re.fullmatch(rb'\{"code": (-\d+), "msg": "([^"]*)"\}', body)
    if found is None or found[1] == b"-1007":
        return None
    return Refusal(found[1].decode(), found[2].decode())


def client(
    url: str, *, clock: Sleeper | None = None, budget: WeightBudget | None = None, deadline_s: float = 10.0
) -> HttpClient:
    clock = clock or Sleeper()
    return HttpClient(
        url, clock=clock, sleep=clock.sleep, budget=budget, deadline_s=deadline_s, parse_error=venue_error
    )


async def test_a_read_gives_the_answer_as_it_came(server: HttpServer) -> None:
    server.answers.append(answer(200, {"price": "1.5"}, headers={"ETag": '"7"'}))

    async with client(server.url) as http:
        response = await http.get("/price", params={"symbols": '["A","B"]'}, headers={"X-Key": "k"})

    assert (response.status, response.body, response.headers["etag"]) == (200, b'{"price": "1.5"}', '"7"')
    assert repr(response) == "Response(200, 16 bytes)"
    [request] = server.requests
    assert (request.method, request.target) == ("GET", "/price?symbols=%5B%22A%22%2C%22B%22%5D")
    assert request.headers["x-key"] == "k"


async def test_a_write_brings_its_body_and_its_query_as_they_were_signed(server: HttpServer) -> None:
    async with client(server.url) as http:
        await http.send("POST", "/order", params="side=BUY&symbol=%41BC&signature=%2b/=", body=b"a=1")

    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/order?side=BUY&symbol=%41BC&signature=%2b/=")
    assert request.body == b"a=1"


async def test_one_connection_serves_many_requests(server: HttpServer) -> None:
    async with client(server.url) as http:
        for _ in range(3):
            await http.get("/a")
            await http.send("DELETE", "/b")

    assert server.connections == 1


async def test_a_base_url_may_have_a_path(server: HttpServer) -> None:
    async with client(f"{server.url}/api/v3") as http, client(f"{server.url}/") as root:
        await http.get("/time")
        await root.get("/time")
        await root.get()

    assert [request.target for request in server.requests] == ["/api/v3/time", "/time", "/"]


async def test_what_is_not_modified_is_an_answer(server: HttpServer) -> None:
    server.answers.append(answer(304))

    async with client(server.url) as http:
        assert (await http.get(headers={"If-None-Match": '"7"'})).status == 304


@pytest.mark.parametrize("no_answer", NO_ANSWERS, ids=str)
async def test_a_read_without_an_answer_is_repeated(server: HttpServer, no_answer: str) -> None:
    server.answers.extend([NO_ANSWERS[no_answer], NO_ANSWERS[no_answer]])
    clock = Sleeper()

    async with client(server.url, clock=clock) as http:
        assert (await http.get("/price")).status == 200

    assert len(server.requests) == 3
    assert [0.25 <= clock.slept[0] <= 0.75, 0.5 <= clock.slept[1] <= 1.5] == [True, True]


@pytest.mark.parametrize("no_answer", NO_ANSWERS, ids=str)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_a_write_without_an_answer_is_sent_once_and_leaves_the_outcome_unknown(
    server: HttpServer, method: str, no_answer: str
) -> None:
    async with client(server.url) as http:
        await http.get("/a")  # so that the write goes over a kept connection: aiohttp would repeat a PUT or DELETE
        server.answers.append(NO_ANSWERS[no_answer])
        with pytest.raises(Disconnected, match=UNKNOWN):
            await http.send(method, "/order")

    assert [request.method for request in server.requests] == ["GET", method]


async def test_a_read_is_tried_three_times(server: HttpServer) -> None:
    server.always = answer(502, b"")

    async with client(server.url) as http:
        with pytest.raises(Disconnected, match=r"^GET http://127.0.0.1:\d+/price: HTTP 502: no reason given$"):
            await http.get("/price")

    assert len(server.requests) == 3


async def test_the_pauses_between_attempts_have_a_cap(server: HttpServer) -> None:
    server.always = HANG_UP
    clock = Sleeper()

    async with HttpClient(server.url, clock=clock, sleep=clock.sleep, attempts=9, backoff_s=1) as http:
        with pytest.raises(Disconnected, match="the connection was closed before an answer"):
            await http.get()

    assert len(server.requests) == 9
    assert max(clock.slept) <= 7.5


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_a_refusal_is_told_at_once_with_the_venues_code(server: HttpServer, kind: str) -> None:
    server.answers.append(answer(400, {"code": -2010, "msg": "Duplicate order sent."}))

    async with client(server.url) as http:
        with pytest.raises(Rejected, match=r"/order: HTTP 400: Duplicate order sent.$") as refused:
            await (http.get("/order") if kind == "read" else http.send("POST", "/order"))

    assert refused.value.code == "-2010"
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_a_refusal_brings_its_body_which_no_text_of_it_shows(server: HttpServer, kind: str) -> None:
    told = {"code": -2021, "msg": "Order cancel-replace partially failed.", "data": {"cancelResult": SECRET}}
    server.answers.append(answer(409, told))

    async with HttpClient(server.url, parse_error=lambda body: Refusal("-2021", json.loads(body)["msg"])) as http:
        with pytest.raises(Rejected, match=r"HTTP 409: Order cancel-replace partially failed.$") as refused:
            await (http.get("/order") if kind == "read" else http.send("POST", "/order"))

    assert (refused.value.code, json.loads(refused.value.body)) == ("-2021", told)
    assert SECRET not in "".join(traceback.format_exception(refused.value)) + repr(refused.value)


async def test_of_a_long_refusal_the_beginning_is_kept(server: HttpServer) -> None:
    server.answers.append(answer(404, b"x" * (MAX_REFUSAL_BYTES + 1)))

    async with client(server.url) as http:
        with pytest.raises(Rejected) as refused:
            await http.get("/page")

    assert refused.value.body == b"x" * MAX_REFUSAL_BYTES


@pytest.mark.parametrize("body", [b"<html>Forbidden</html>", b'{"code": -1007, "msg": "Timeout"}', b"", b"\xff"])
async def test_a_4xx_that_is_not_the_venues_own_no_proves_nothing_about_a_write(
    server: HttpServer, body: bytes
) -> None:
    server.always = answer(403, body)

    async with client(server.url) as http:
        with pytest.raises(Disconnected, match=f"HTTP 403: .*{UNKNOWN}"):
            await http.send("POST", "/order")
        with pytest.raises(Rejected, match="HTTP 403"):
            await http.get("/order")


async def test_redirects_are_not_followed(server: HttpServer) -> None:
    server.always = answer(307, b"", headers={"Location": "/elsewhere"})

    async with client(server.url) as http:
        with pytest.raises(Disconnected, match=f"HTTP 307: .*redirects are not followed.*{UNKNOWN}"):
            await http.send("POST", "/order")
        with pytest.raises(Rejected, match=r"HTTP 307: .*redirects are not followed"):
            await http.get("/order")

    assert [request.target for request in server.requests] == ["/order", "/order"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_without_a_connection_a_write_is_proven_unsent(method: str) -> None:
    async with client(free_url()) as http:
        with pytest.raises(NotSent, match=r"Cannot connect to host 127\.0\.0\.1"):
            await http.send(method, "/order")
        with pytest.raises(Disconnected, match=r"Cannot connect to host 127\.0\.0\.1"):
            await http.get("/order")


async def test_a_kept_connection_that_ended_meanwhile_is_replaced(server: HttpServer) -> None:
    async with client(server.url) as http:
        server.answers.append(answer(200, b"{}", headers={"Connection": "close"}))
        await http.get("/a")
        await http.send("POST", "/order")

    assert server.connections == 2


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_write_that_lost_its_kept_connection_is_unknown_though_no_new_one_can_be_made(method: str) -> None:
    async with http_server() as server:
        http = client(server.url)
        await http.get("/a")
        server.answers.append(SILENCE)
        order = asyncio.ensure_future(http.send(method, "/order"))
        await server.until(lambda: len(server.requests) == 2)
    with pytest.raises(Disconnected, match=UNKNOWN):
        await order
    await http.close()


async def test_a_write_has_a_deadline_after_which_it_is_unknown(server: HttpServer) -> None:
    server.always = SILENCE

    async with client(server.url, deadline_s=0.05) as http:
        with pytest.raises(Disconnected, match=rf"POST http://127.0.0.1:\d+/order: no answer within 0.05 s; {UNKNOWN}"):
            await http.send("POST", "/order")


async def test_what_is_never_answered_keeps_nothing_else_from_leaving(server: HttpServer) -> None:
    server.answers.extend([SILENCE] * 150)
    async with client(server.url) as http, asyncio.TaskGroup() as tasks:
        silent = [tasks.create_task(http.send("POST", "/order")) for _ in range(150)]
        await server.until(lambda: len(server.requests) == 150)
        async with asyncio.timeout(5):
            assert (await http.send("DELETE", "/order", is_cancel=True)).status == 200
        for task in silent:
            task.cancel()


async def test_a_deadline_that_passes_before_there_is_a_connection_proves_that_nothing_was_sent(
    server: HttpServer,
) -> None:
    async with client(server.url, deadline_s=1e-9) as http:
        with pytest.raises(NotSent, match="no answer within 1e-09 s"):
            await http.send("POST", "/order")

    assert server.requests == []


async def test_an_answer_without_an_end_is_given_up(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bowstring.net.exchange.MAX_BODY_BYTES", 1000)
    server.always = answer(200, b"x" * 2000)

    async with client(server.url) as http:
        with pytest.raises(Disconnected, match=f"the answer exceeds 1000 bytes; {UNKNOWN}"):
            await http.send("POST", "/order")
    assert MAX_BODY_BYTES > 2**24


async def test_a_closed_client_sends_nothing(server: HttpServer) -> None:
    http = client(server.url)
    await http.get("/a")
    await http.close()

    with pytest.raises(NotSent, match=r"POST http://127.0.0.1:\d+/order: the client is closed"):
        await http.send("POST", "/order")
    with pytest.raises(NotSent, match="the client is closed"):
        await http.get("/order")
    assert len(server.requests) == 1
    await http.close()
    await client(server.url).close()


async def test_a_query_is_made_anew_for_each_attempt(server: HttpServer) -> None:
    server.answers.append(HANG_UP)
    numbers = count(1)

    async with client(server.url) as http:
        await http.get("/order", params=lambda: f"timestamp={next(numbers)}")

    assert [request.target for request in server.requests] == ["/order?timestamp=1", "/order?timestamp=2"]


async def test_a_query_that_cannot_be_made_sends_nothing(server: HttpServer) -> None:
    def unsigned() -> str:
        raise NotSent("no clock")

    budget = WeightBudget(1)
    async with client(server.url, budget=budget) as http:
        with pytest.raises(NotSent, match="no clock"):
            await http.send("POST", "/order", params=unsigned)

    assert server.requests == []


async def test_whenever_it_is_cancelled_no_descriptor_is_lost_or_closed_twice(server: HttpServer) -> None:
    ends = list[type[object]]()
    opened = list[int]()
    gc.collect()
    gc.freeze()  # what was there before need not be looked through each time
    for turns in (100, *range(40)):
        async with client(server.url) as http:
            request = asyncio.ensure_future(http.get("/a"))
            for _ in range(turns):
                await asyncio.sleep(0)
            request.cancel()
            ends += [type(end) for end in await asyncio.gather(request, return_exceptions=True)]
            one, other = socket.socketpair()  # takes the number that would be closed twice
            gc.collect()
            one.send(b"x")
            assert other.recv(1) == b"x"
            one.close()
            other.close()
        for _ in range(20):  # for the server to learn that the connection ended
            await asyncio.sleep(0)
        opened.append(len(os.listdir("/proc/self/fd")))
    gc.unfreeze()

    assert set(ends) == {asyncio.CancelledError, Response}
    assert max(opened[1:]) <= opened[0] + 1
    assert opened[-1] == opened[0]


# --- the budget ------------------------------------------------------------------------------------------------------


async def test_a_read_waits_for_room_and_a_write_does_not(server: HttpServer) -> None:
    clock = Sleeper()
    budget = WeightBudget(100, reserve=10, now_ns=clock.now_ns)

    async with client(server.url, clock=clock, budget=budget) as http:
        await http.get("/a", weight=90)
        with pytest.raises(NotSent, match=r"POST http://127.0.0.1:\d+/order: weight 1 exceeds what is left of 100"):
            await http.send("POST", "/order")
        await http.send("DELETE", "/order", weight=10, is_cancel=True)
        assert clock.slept == []
        await http.get("/a", weight=90)

    assert [request.method for request in server.requests] == ["GET", "DELETE", "GET"]
    assert clock.slept == [pytest.approx(60 - 1_700_000_000 % 60 + 1)]


async def test_a_read_that_would_wait_too_long_is_not_sent(server: HttpServer) -> None:
    clock = Sleeper()
    http = HttpClient(
        server.url, clock=clock, sleep=clock.sleep, max_wait_s=5, budget=WeightBudget(1, now_ns=clock.now_ns)
    )

    async with http:
        await http.get("/a")
        with pytest.raises(NotSent, match="weight 1 exceeds what is left of 1: nothing for"):
            await http.get("/a")
        with pytest.raises(NotSent, match="weight 2 exceeds what is left of 1: nothing for inf s"):
            await http.get("/a", weight=2)

    assert clock.slept == []


async def test_each_attempt_of_a_read_is_paid_for(server: HttpServer) -> None:
    clock = Sleeper()
    budget = WeightBudget(100, now_ns=clock.now_ns)
    server.answers.extend([HANG_UP, HANG_UP])

    async with client(server.url, clock=clock, budget=budget) as http:
        await http.get("/a", weight=20)

    assert budget.wait_s(40) == 0
    assert budget.wait_s(41) > 0


async def test_what_others_use_is_learned_from_the_answers(server: HttpServer) -> None:
    clock = Sleeper()
    budget = WeightBudget(6000, header=USED, now_ns=clock.now_ns)
    server.answers.append(answer(200, b"{}", headers={USED.lower(): "5990"}))

    async with client(server.url, clock=clock, budget=budget) as http:
        await http.get("/a")

    assert budget.wait_s(10) == 0
    assert budget.wait_s(11) > 0


@pytest.mark.parametrize("used", ["", "x", "-5", "1e3", "٣", "9" * 99])
async def test_a_used_weight_that_is_no_number_is_ignored(server: HttpServer, used: str) -> None:
    clock = Sleeper()
    budget = WeightBudget(10, header=USED, now_ns=clock.now_ns)
    server.answers.append(answer(200, b"{}", headers={USED: used}))

    async with client(server.url, clock=clock, budget=budget) as http:
        await http.get("/a")

    assert budget.wait_s(9) == 0


async def test_several_clients_share_a_budget(server: HttpServer) -> None:
    clock = Sleeper()
    budget = WeightBudget(100, now_ns=clock.now_ns)

    async with (
        client(server.url, clock=clock, budget=budget) as one,
        client(server.url, clock=clock, budget=budget) as other,
    ):
        await one.get("/a", weight=100)
        with pytest.raises(NotSent, match="exceeds what is left"):
            await other.send("POST", "/order")


@pytest.mark.parametrize("status", [429, 418])
@pytest.mark.parametrize("how", ["seconds", "date"])
async def test_nothing_is_sent_before_the_time_to_retry_not_even_a_cancel(
    server: HttpServer, status: int, how: str
) -> None:
    clock = Sleeper()
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(clock.now // 10**9 + 7))
    headers = {"Retry-After": "7" if how == "seconds" else date}
    server.answers.append(answer(status, {"code": -1003, "msg": "Way too much"}, headers=headers))

    async with client(server.url, clock=clock) as http:
        with pytest.raises(Rejected, match=f"HTTP {status}: Way too much; retry after") as refused:
            await http.send("POST", "/order")
        clock.now += 6_999_999_999
        for is_cancel in (False, True):
            with pytest.raises(NotSent, match=r"the server asked to wait: nothing for 0\.000 s"):
                await http.send("DELETE", "/order", is_cancel=is_cancel)
        assert len(server.requests) == 1
        await http.get("/a")

    assert refused.value.code == "-1003"
    assert clock.slept == [1e-9]


async def test_a_storm_of_requests_against_a_ban_sends_none(server: HttpServer) -> None:
    clock = Sleeper()
    server.answers.append(answer(429, b"", headers={"Retry-After": "30"}))
    budget = WeightBudget(now_ns=clock.now_ns)

    async with client(server.url, clock=clock, budget=budget) as one:
        other = HttpClient(server.url, budget=budget, clock=clock, sleep=clock.sleep, max_wait_s=29)
        with pytest.raises(Rejected):
            await one.get("/a")
        outcomes = await asyncio.gather(
            *(one.send("POST", "/order") for _ in range(50)),
            *(one.send("DELETE", "/order", is_cancel=True) for _ in range(50)),
            *(other.get("/a") for _ in range(50)),
            return_exceptions=True,
        )
        assert {type(outcome) for outcome in outcomes} == {NotSent}
        assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "pause_s"), [(418, BAN_S), (429, 60 - 1_700_000_000 % 60 + 1)])
@pytest.mark.parametrize("retry_after", [None, "", "soon", "-5", "Wed, 21 Oct 99999 07:28:00 GMT"])
async def test_without_a_time_to_retry_a_ban_has_a_default_and_a_limit_ends_with_its_window(
    server: HttpServer, status: int, pause_s: float, retry_after: str | None
) -> None:
    clock = Sleeper()
    budget = WeightBudget(now_ns=clock.now_ns)
    server.answers.append(answer(status, b"", headers={"Retry-After": retry_after} if retry_after is not None else {}))

    async with client(server.url, clock=clock, budget=budget) as http:
        with pytest.raises(Rejected):
            await http.send("POST", "/order")

    assert budget.wait_s(1, kind="cancel") == pytest.approx(pause_s)


dates = st.datetimes().map(lambda at: f"{at:%a, %d %b} {at.year:04} {at:%H:%M:%S} GMT")
digits = st.integers().map(str) | st.sampled_from(["9" * 14, "9" * 15, "9" * 5000, "1" + " " * 20, "٣"])
headers = dates | digits | st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"]), max_size=30)


@given(retry_after=headers | st.tuples(dates, st.text(max_size=4), digits).map("".join).map(ascii))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_a_retry_after_says_it_is_a_pause_or_none(retry_after: str) -> None:
    clock = Sleeper()
    budget = WeightBudget(now_ns=clock.now_ns)

    refusal = answer(429, b"", headers={"Retry-After": retry_after})
    async with http_server(refusal) as server, client(server.url, clock=clock, budget=budget) as http:
        with pytest.raises(Rejected, match="HTTP 429"):
            await http.send("POST", "/order")

    assert 0 <= budget.wait_s(1, kind="cancel") < math.inf


async def test_an_overloaded_server_gets_no_reads_until_it_wants_them(server: HttpServer) -> None:
    clock = Sleeper()
    server.answers.append(answer(503, b"", headers={"Retry-After": "20"}))

    async with client(server.url, clock=clock) as http:
        with pytest.raises(Disconnected, match=UNKNOWN):
            await http.send("POST", "/order")
        await http.send("DELETE", "/order", is_cancel=True)
        assert clock.slept == []
        await http.get("/a")

    assert clock.slept == [20]


# --- TLS -------------------------------------------------------------------------------------------------------------


async def test_a_server_whose_certificate_nobody_vouches_for_gets_no_request() -> None:
    async with http_server(tls=server_context()) as server, client(server.url) as http:
        with pytest.raises(Disconnected, match="self-signed certificate"):
            await http.get("/a")
        with pytest.raises(NotSent, match="self-signed certificate"):
            await http.send("POST", "/order")

    assert server.requests == []


ASK = """
import asyncio, sys
from bowstring.net.http import HttpClient

async def main():
    async with HttpClient(sys.argv[1], attempts=1) as http:
        try:
            print((await http.get("/a")).status)
        except Exception as error:
            print(type(error).__name__, error)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "200"),
        (
            "127.0.0.2",
            r"Disconnected GET https://127\.0\.0\.2:\d+/a: .*IP address mismatch, certificate is not valid for",
        ),
    ],
)
async def test_a_certificate_that_the_system_trusts_is_accepted_for_its_own_name_only(
    tmp_path: Path, host: str, expected: str
) -> None:
    (tmp_path / "trusted.pem").write_bytes(certificate())
    async with http_server(host=host, tls=server_context()) as server:
        asking = await asyncio.create_subprocess_exec(  # for aiohttp reads what is trusted when it is imported
            *(sys.executable, "-c", ASK, server.url),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"SSL_CERT_FILE": str(tmp_path / "trusted.pem")},
        )
        told, _ = await asking.communicate()

    assert re.match(expected, told.decode())
    assert len(server.requests) == (host == "127.0.0.1")


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply", [answer(400, b"{"), answer(500), HANG_UP, RESET, SILENCE, b"no HTTP\r\n\r\n", b"HTTP/1.1 x\r\n\r\n"]
)
async def test_no_error_and_no_log_shows_a_secret(
    server: HttpServer, reply: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.always = reply
    http = HttpClient(f"{server.url}/{SECRET * 4}", deadline_s=0.05, backoff_s=0.001)
    secrets = {"params": f"signature={SECRET}", "headers": {"X-MBX-APIKEY": SECRET}}

    async with http:
        for request in (http.get("/a", **secrets), http.send("POST", "/a", body=SECRET.encode(), **secrets)):  # type: ignore[arg-type]
            with pytest.raises((Disconnected, Rejected), match=r"(GET|POST) http://127.0.0.1:\d+/\.\.\./a") as failed:
                await request
            shown = "".join(traceback.format_exception(failed.value)) + repr(failed.value.__context__)
            assert SECRET not in shown

    assert SECRET not in caplog.text + repr(http)


async def test_a_name_stands_for_a_url_that_is_secret_as_a_whole() -> None:
    async with HttpClient(f"{free_url()}/key", name="the pager") as http:
        with pytest.raises(NotSent, match=r"^POST the pager: Cannot connect"):
            await http.send("POST")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/a",
        "host/a",
        "http:///a",
        "http://user:pass@host/a",
        "http://host/a?key=1",
        "http://host/a#b",
        "http://host:port/",
        "http://[::1/",
    ],
)
def test_a_wrong_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigError, match=r"^url must be http://host") as refused:
        HttpClient(url)
    assert url not in str(refused.value)


def test_a_public_url_hides_long_parts_of_its_path() -> None:
    assert public_url("https://host:1/api/v3/exchangeInfo") == "https://host:1/api/v3/exchangeInfo"
    assert public_url(f"https://host/services/T0/{'x' * 24}/end") == "https://host/services/T0/.../end"


async def test_a_mapping_is_encoded_and_an_empty_query_left_out(server: HttpServer) -> None:
    queries: list[Query] = [{"a": "x y&z", "b": "é"}, {}, ""]
    async with client(server.url) as http:
        for query in queries:
            await http.get("/a", params=query)

    assert [request.target for request in server.requests] == ["/a?a=x%20y%26z&b=%C3%A9", "/a", "/a"]
