import asyncio
import re
import socket
import ssl
import traceback
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bowstring.core.errors import ConfigError, Disconnected
from bowstring.net.handshake import Handshake
from bowstring.net.websocket import connect
from tests.net.certificate import server_context, trusting_context
from tests.net.peer import TEXT, Peer, close_frame, frame, serving, switching_protocols
from tests.venues.binance.fuzz import other_bytes

SECRET = "s3cret"
LISTEN_KEY = "pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1"


def ignore(message: str | bytes) -> None:
    pass


async def idle(peer: Peer) -> None:
    await peer.upgrade()
    await peer.read_end()


async def failure(url: str, *, ssl_context: ssl.SSLContext | None = None, timeout_s: float = 10) -> Disconnected:
    with pytest.raises(Disconnected) as caught:
        await connect(url, on_message=ignore, ssl_context=ssl_context, connect_timeout_s=timeout_s)
    return caught.value


REFUSALS = {
    "forbidden": (b"HTTP/1.1 403 Forbidden\r\n\r\n", "HTTP 403 Forbidden"),
    "rate limit": (b"HTTP/1.1 429 Slow down\r\nRetry-After: 9\r\n\r\n", "HTTP 429 Too Many Requests"),
    "restricted location": (b"HTTP/1.1 451 .\r\nContent-Length: 2\r\n\r\n{}", "HTTP 451 Unavailable For Legal Reasons"),
    "a page": (b"HTTP/1.1 502 Bad Gateway\r\n\r\n" + b"<html>" * 999, "HTTP 502 Bad Gateway"),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n", "HTTP 302 Found"),
    "no upgrade": (b"HTTP/1.1 200 OK\r\n\r\n", "HTTP 200 OK"),
    "another key": (
        b"HTTP/1.1 101 .\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
        "accept",
    ),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "unknown protocol"),
    "a long line": (b"y" * 9_999 + b"\r\n\r\n", "unknown protocol"),
    "an endless head": (b"HTTP/1.1 101 .\r\nX: " + b"y" * 40_000, "exceed max_size"),
    "nothing": (b"", "hung up before the upgrade"),
    "half an answer": (b"HTTP/1.1 101 Switch", "hung up before the upgrade"),
}


@pytest.mark.parametrize(("response", "cause"), REFUSALS.values(), ids=REFUSALS)
async def test_a_refused_upgrade_tells_where_and_why(response: bytes, cause: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        peer.write(response)
        await peer.flushed()
        peer.write_end()
        await peer.read_end()

    async with serving(script) as url:
        error = await failure(url)

    assert re.match(f"{re.escape(url)}: no connection: .*{cause}", str(error))
    assert len(str(error)) < 300
    assert error.code == 0


ACCEPT = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
ANSWERS = [ACCEPT, *(response for response, _ in REFUSALS.values() if len(response) < 200)]


@given(answer=st.sampled_from(ANSWERS).flatmap(other_bytes) | st.binary(max_size=100))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_answers_the_request_no_connection_is_told_as_such(answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        peer.write(answer)
        with suppress(ConnectionError):
            peer.write_end()
        await peer.read_end()

    async with serving(script) as url:
        error = await failure(url)

    assert str(error).startswith(f"{url}: no connection: ")


@given(st.text() | st.binary().map(lambda data: f"ws://{data.decode(errors='replace')}"))
def test_a_text_that_is_no_url_is_a_setting_to_mend(text: str) -> None:
    with suppress(ConfigError):
        Handshake(text, timeout_s=1, unacknowledged_s=1)


async def test_a_refused_connection_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert re.match(f"ws://127.0.0.1:{port}: no connection: .*111", str(await failure(f"ws://127.0.0.1:{port}")))


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Have ``feed.example`` resolve to these, if to any. (uvloop looks up what it connects to, addresses too.)"""

    async def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        found = addresses if host == "feed.example" else [(host, port)]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


async def test_a_name_that_does_not_resolve_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch)

    assert "ws://feed.example: no connection: [Errno -2] Name" in str(await failure("ws://feed.example"))


async def test_a_name_that_cannot_be_one_is_told() -> None:
    assert "no connection" in str(await failure(f"ws://{'a' * 64}.example"))


async def test_a_dead_address_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with dead_address() as dead:
        async with serving(idle) as url:
            resolve(monkeypatch, dead, ("127.0.0.1", port_of(url)))
            websocket = await connect("ws://feed.example", on_message=ignore, connect_timeout_s=0.5)
            websocket.abort("done")


async def test_an_attempt_can_be_cancelled_while_nobody_answers() -> None:
    with dead_address() as (host, port):
        attempt = asyncio.create_task(connect(f"ws://{host}:{port}", on_message=ignore, connect_timeout_s=60))
        await asyncio.wait([attempt], timeout=0.05)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt


@contextmanager
def dead_address() -> Generator[tuple[str, int]]:
    """Where nobody answers: the kernel drops what exceeds the backlog."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as clients:
        for _ in range(3):
            client = clients.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(server.getsockname())
        yield server.getsockname()


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port
    return port


async def test_tls_is_verified_against_the_given_certificates() -> None:
    async with serving(idle, tls=server_context()) as url:
        websocket = await connect(url, on_message=ignore, ssl_context=trusting_context())
        websocket.abort("done")
        error = await failure(url)

    assert "CERTIFICATE_VERIFY_FAILED" in str(error)


async def test_tls_is_verified_against_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(idle, tls=server_context()) as url:
        resolve(monkeypatch, ("127.0.0.1", port_of(url)))
        error = await failure("wss://feed.example", ssl_context=trusting_context())

    assert "hostname mismatch" in str(error).lower()


async def test_tls_with_a_peer_that_speaks_none_is_told() -> None:
    async def script(peer: Peer) -> None:
        peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.read_end()

    async with serving(script) as url:
        error = await failure(url.replace("ws:", "wss:"))

    assert "no connection: [SSL" in str(error)


@pytest.mark.parametrize("scheme", ["ws:", "wss:"], ids=["upgrade", "TLS"])
@pytest.mark.parametrize("cancelled", [False, True], ids=["deadline", "cancelled"])
async def test_an_attempt_that_is_given_up_closes_its_socket(scheme: str, cancelled: bool) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_some()
        began.set()
        await peer.read_end()
        ended.set()

    async with serving(script) as url:
        timeout_s = 60 if cancelled else 0.1
        attempt = asyncio.create_task(
            connect(url.replace("ws:", scheme), on_message=ignore, connect_timeout_s=timeout_s)
        )
        await began.wait()
        if cancelled:
            attempt.cancel()
        await asyncio.wait([attempt])
        async with asyncio.timeout(5):
            await ended.wait()

    if cancelled:
        assert attempt.cancelled()
    else:
        assert str(attempt.exception()) == f"{url.replace('ws:', scheme)}: no connection within 0.1 s"


@pytest.mark.asyncio(
    loop_factories=["asyncio"]
)  # uvloop polls first: there the attempt succeeds before it is cancelled
async def test_an_attempt_that_is_cancelled_as_it_succeeds_hears_nothing() -> None:
    messages: list[str | bytes] = []
    ended = asyncio.Event()

    async def script(peer: Peer) -> None:
        request = await peer.read_request()
        peer.write(switching_protocols(request) + frame(TEXT, b"too late"))
        attempt.cancel()
        await peer.read_end()
        ended.set()

    async with serving(script) as url:
        attempt = asyncio.create_task(connect(url, on_message=messages.append))
        await ended.wait()

    assert attempt.cancelled()
    assert messages == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "feed.example",
        "http://feed.example/s3cret",
        "ws://",
        "ws:///s3cret",
        "ws://user:s3cret@feed.example",
        "ws://feed.example/#s3cret",
        "ws://feed.example:s3cret",
        "ws://feed.example:65536",
        "ws://[::1/s3cret",
    ],
)
async def test_a_wrong_url_is_a_setting_to_mend(url: str) -> None:
    with pytest.raises(ConfigError, match="url must be ws://") as caught:
        await connect(url, on_message=ignore)

    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("accepted", [False, True])
async def test_no_secret_is_told(accepted: bool, caplog: pytest.LogCaptureFixture) -> None:
    requests: list[bytes] = []

    async def script(peer: Peer) -> None:
        requests.append(await peer.read_request())
        peer.write(switching_protocols(requests[0]) + close_frame(1008) if accepted else b"HTTP/1.1 401 .\r\n\r\n")
        peer.write_end()
        await peer.read_end()

    async def live(url: str) -> None:
        await (await connect(url, on_message=ignore, headers={"X-MBX-APIKEY": SECRET})).closed()

    caplog.set_level(1)
    async with serving(script) as url:
        with pytest.raises(Disconnected, match=f"{re.escape(url)}/ws/...: ") as caught:
            await live(f"{url}/ws/{LISTEN_KEY}?token={SECRET}")

    told = caplog.text + "".join(traceback.format_exception(caught.value))
    assert requests[0].count(SECRET.encode()) == 2
    assert LISTEN_KEY.encode() in requests[0]
    assert SECRET not in told
    assert LISTEN_KEY not in told
