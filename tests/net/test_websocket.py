import asyncio
import gc
import os
import re
import socket
import struct
import sys
import time
from contextlib import suppress

import pytest

from bowstring.core.errors import Disconnected, NotSent
from bowstring.net.frames import FrameListener
from bowstring.net.websocket import WebSocket, connect
from tests.net.certificate import server_context, trusting_context
from tests.net.peer import CLOSE, PING, PONG, TEXT, Peer, bare_peer, close_frame, frame, serving
from tests.net.stepped_loop import SteppedLoop

ORDER = "o" * 200
ORDER_FRAME = 2 + 2 + 4 + 200  # header, length, mask, payload
NORMAL = (1000).to_bytes(2, "big")
PLAIN_AND_TLS = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])


def ignore(message: str | bytes) -> None:
    pass


async def idle(peer: Peer) -> None:
    """Accept, then read until the client hangs up."""
    await peer.upgrade()
    await peer.read_end()


class Stalled:
    """A peer that reads nothing until ``read`` is set, and then everything, into ``received``."""

    def __init__(self) -> None:
        self.read = asyncio.Event()
        self.received = asyncio.get_running_loop().create_future()

    async def __call__(self, peer: Peer) -> None:
        await peer.upgrade()
        peer.stop_reading()
        await self.read.wait()
        peer.resume_reading()
        self.received.set_result(await peer.read_end())


def send_until_refused(websocket: WebSocket) -> tuple[int, int]:
    """How many orders were taken, and how many bytes of them then waited in this process."""
    for sent in range(10**6):
        try:
            websocket.send(ORDER)
        except NotSent as error:
            waiting = re.search(r"(\d+) bytes wait", str(error))
            return sent, int(waiting[1]) if waiting else 0
    raise AssertionError("never refused")


async def test_send_writes_in_the_callers_stack() -> None:
    async with bare_peer() as (url, accepting):
        websocket = await connect(url, on_message=ignore)
        peer = await accepting

        websocket.send("buy")

        assert len(peer.recv(100)) == 2 + 4 + len("buy")
        websocket.abort("done")


@PLAIN_AND_TLS
async def test_what_is_sent_arrives_as_text_frames(tls: bool) -> None:
    frames: list[tuple[int, bytes]] = []

    async def script(peer: Peer) -> None:
        await peer.upgrade()
        frames.extend([await peer.read_frame(), await peer.read_frame()])
        peer.write(close_frame(1000))

    async with serving(script, tls=server_context() if tls else None) as url:
        websocket = await connect(url, on_message=ignore, ssl_context=trusting_context())
        websocket.send('{"method":"SUBSCRIBE"}')
        websocket.send("21 °C".encode())
        with pytest.raises(Disconnected):
            await websocket.closed()

    assert frames == [(TEXT, b'{"method":"SUBSCRIBE"}'), (TEXT, "21 °C".encode())]


@PLAIN_AND_TLS
async def test_a_peer_that_does_not_read_gets_no_late_orders(tls: bool) -> None:
    peer = Stalled()
    async with serving(peer, tls=server_context() if tls else None) as url:
        websocket = await connect(url, on_message=ignore, ssl_context=trusting_context(), probe_timeout_s=0.2)
        sent = waiting = most_waiting = 0
        closed = asyncio.create_task(websocket.closed())
        while not closed.done():
            taken, waiting = send_until_refused(websocket)
            assert taken * ORDER_FRAME < 300_000, "the buffers of two kernels, and none in this process"
            sent, most_waiting = sent + taken, max(waiting, most_waiting)
            await asyncio.wait([closed], timeout=0.01)
        peer.read.set()
        received = await peer.received

    with pytest.raises(Disconnected, match="lost"):
        await closed
    assert most_waiting < 2 * ORDER_FRAME, "no more than one order waits in this process"
    assert len(received) < sent * ORDER_FRAME - waiting, "what waited in the kernel is gone too"


@PLAIN_AND_TLS
async def test_sending_goes_on_when_the_peer_reads_again(tls: bool) -> None:
    stalled, read = asyncio.Event(), list[tuple[int, bytes]]()

    async def script(peer: Peer) -> None:
        await peer.upgrade()
        peer.stop_reading()
        await stalled.wait()
        peer.resume_reading()
        while (got := await peer.read_frame()) != (TEXT, b"again"):
            read.append(got)
        peer.write(close_frame(1000))

    async with serving(script, tls=server_context() if tls else None) as url:
        websocket = await connect(url, on_message=ignore, ssl_context=trusting_context())
        sent, _ = send_until_refused(websocket)
        stalled.set()
        await until_sent(websocket, "again")
        with pytest.raises(Disconnected, match="1000"):
            await websocket.closed()

    assert read == [(TEXT, ORDER.encode())] * sent


async def until_sent(websocket: WebSocket, text: str) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                return websocket.send(text)
            except NotSent:
                await asyncio.sleep(0)


async def test_abort_discards_what_the_kernel_has_not_sent() -> None:
    peer = Stalled()
    async with serving(peer) as url:
        websocket = await connect(url, on_message=ignore)
        sent, waiting = send_until_refused(websocket)
        websocket.abort("a gap in the book")
        with pytest.raises(Disconnected, match="a gap in the book") as end:
            await websocket.closed()
        peer.read.set()
        received = await peer.received

    assert end.value.code == 1006
    assert len(received) < sent * ORDER_FRAME - waiting


async def test_a_failed_write_leaves_the_outcome_unknown() -> None:
    async with bare_peer() as (url, accepting):
        websocket = await connect(url, on_message=ignore)
        peer = await accepting
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

        with pytest.raises(Disconnected, match="outcome is unknown"):
            websocket.send(ORDER)
        with pytest.raises(NotSent):
            websocket.send(ORDER)
        with pytest.raises(Disconnected, match="lost"):
            await websocket.closed()


async def test_a_peer_that_pings_and_does_not_read_piles_up_no_pongs() -> None:
    pings, messages = 20_000, list[str | bytes]()

    async def script(peer: Peer) -> None:
        await peer.upgrade()
        peer.stop_reading()
        peer.write(frame(PING, bytes(125)) * pings + frame(TEXT, b"done"))
        await asyncio.Event().wait()

    def refused(message: str | bytes) -> None:
        messages.append(message)
        with pytest.raises(NotSent, match=r" \d{1,3} bytes wait"):
            websocket.send(ORDER)
        websocket.abort(str(message))

    async with serving(script) as url:
        websocket = await connect(url, on_message=refused)
        with pytest.raises(Disconnected, match="done"):
            await websocket.closed()

    assert messages == ["done"]
    assert websocket.failures == 0


async def test_nothing_is_sent_once_the_end_began() -> None:
    async with serving(idle) as url:
        aborted = await connect(url, on_message=ignore)
        aborted.abort("enough")
        with pytest.raises(NotSent):
            aborted.send(ORDER)

        closing = await connect(url, on_message=ignore)
        task = asyncio.create_task(closing.close())
        await asyncio.sleep(0)
        with pytest.raises(NotSent):
            closing.send(ORDER)
        task.cancel()


async def test_close_says_goodbye_and_closed_returns() -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade()
        assert await peer.read_frame() == (CLOSE, NORMAL)
        peer.write(frame(TEXT, b"late") + close_frame(1000))
        assert await peer.read_end() == b""

    messages: list[str | bytes] = []
    async with serving(script) as url:
        websocket = await connect(url, on_message=messages.append)
        await websocket.close()
        await websocket.closed()
        await websocket.close()

    assert messages == []


async def test_close_gives_the_peer_a_limited_time() -> None:
    async with serving(idle) as url:
        websocket = await connect(url, on_message=ignore, probe_timeout_s=0.05)
        async with asyncio.timeout(5):
            await websocket.close()
            await websocket.closed()


async def test_a_cancelled_close_drops_the_connection() -> None:
    goodbye = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.upgrade()
        await peer.read_frame()
        goodbye.set()
        await peer.read_end()

    async with serving(script) as url:
        websocket = await connect(url, on_message=ignore, probe_timeout_s=60)
        closing = asyncio.create_task(websocket.close())
        await goodbye.wait()
        closing.cancel()
        async with asyncio.timeout(5):
            await websocket.closed()

    assert closing.cancelled()


async def test_leaving_the_context_closes() -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade()
        assert await peer.read_frame() == (CLOSE, NORMAL)
        peer.write(close_frame(1000))

    async with serving(script) as url:
        async with await connect(url, on_message=ignore) as websocket:
            pass
        await websocket.closed()


async def test_closing_after_the_end_keeps_its_reason() -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade(tail=close_frame(1001, b"restart"))
        await peer.read_end()

    async with serving(script) as url:
        async with await connect(url, on_message=ignore) as websocket:
            for _ in range(2):
                with pytest.raises(Disconnected, match="1001 'restart'"):
                    await websocket.closed()
        with pytest.raises(Disconnected, match="1001 'restart'"):
            await websocket.closed()


@PLAIN_AND_TLS
@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
async def test_an_end_without_a_close_frame_is_1006(tls: bool, reset: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade()
        peer.hang_up(reset=reset)

    async with serving(script, tls=server_context() if tls else None) as url:
        websocket = await connect(url, on_message=ignore, ssl_context=trusting_context())
        with pytest.raises(Disconnected, match="lost") as end:
            await websocket.closed()

    assert end.value.code == 1006
    with pytest.raises(NotSent):
        websocket.send(ORDER)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere uvloop hears of it only when it writes")
async def test_a_reset_right_behind_a_message_is_found_at_once() -> None:
    messages = list[str | bytes]()

    async with bare_peer() as (url, accepting):
        websocket = await connect(url, on_message=messages.append)
        peer = await accepting
        peer.send(frame(TEXT, b"the last one"))
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        async with asyncio.timeout(1):
            with pytest.raises(Disconnected, match="lost") as end:
                await websocket.closed()

    assert messages == ["the last one"]
    assert end.value.code == 1006


async def test_a_half_open_connection_is_found_within_both_delays() -> None:
    loop, heard = asyncio.get_running_loop(), list[tuple[int, bytes]]()

    async def script(peer: Peer) -> None:
        await peer.upgrade()
        heard.append(await peer.read_frame())
        await peer.read_end()

    async with serving(script) as url:
        websocket = await connect(url, on_message=ignore, idle_after_s=0.1, probe_timeout_s=0.1)
        began = loop.time()
        with pytest.raises(Disconnected, match="silent") as end:
            await websocket.closed()
        took_s = loop.time() - began

    assert heard == [(PING, b"")]
    assert end.value.code == 1006
    assert 0.19 < took_s < 1.2, "within the budget and a second"


class Talker:
    """A peer that says what the test has it say."""

    def __init__(self) -> None:
        self._peer = asyncio.get_running_loop().create_future()

    async def __call__(self, peer: Peer) -> None:
        await peer.upgrade()
        self._peer.set_result(peer)
        await peer.read_end()

    async def say(self, data: bytes) -> None:
        (await self._peer).write(data)


async def test_messages_put_off_the_probe_and_pings_do_not(clock: SteppedLoop) -> None:
    peer, messages, probes = Talker(), asyncio.Queue[str | bytes](), list[WebSocket]()

    async with serving(peer) as url:
        websocket = await connect(url, on_message=messages.put_nowait, idle_after_s=1, probe=probes.append)
        await clock.step(0.9)
        await peer.say(frame(TEXT, b"a trade"))
        await messages.get()
        await clock.step(0.9)
        await peer.say(frame(PING) + frame(PONG))
        await clock.step(0.05)
        assert probes == [], "0.95 s after the message"
        await clock.step(0.1)
        assert probes == [websocket]
        websocket.abort("done")


async def test_a_message_answers_a_probe_and_a_pong_does_not(clock: SteppedLoop) -> None:
    peer, messages, probes = Talker(), asyncio.Queue[str | bytes](), list[WebSocket]()

    async with serving(peer) as url:
        websocket = await connect(
            url, on_message=messages.put_nowait, idle_after_s=1, probe=probes.append, probe_timeout_s=0.5
        )
        await clock.step(1.1)
        await peer.say(frame(TEXT, b"still here"))
        await messages.get()
        await clock.step(0.6)
        await clock.step(0.6)
        assert probes == [websocket, websocket]
        await peer.say(frame(PONG) + frame(PING))
        await clock.step(0.4)
        websocket.send("still open")
        await clock.step(0.2)
        await clock.step(0.01)
        with pytest.raises(Disconnected, match=r"silent for 1 s, and for 0\.5 s after a probe"):
            await websocket.closed()


async def test_a_connection_that_ended_at_once_is_not_probed(clock: SteppedLoop) -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade(tail=close_frame(1013))
        await peer.read_end()

    probes: list[WebSocket] = []
    async with serving(script) as url:
        websocket = await connect(url, on_message=ignore, idle_after_s=1, probe=probes.append)
        with pytest.raises(Disconnected, match="1013"):
            await websocket.closed()
        await clock.step(2)

    assert probes == []


async def test_a_pong_answers_the_default_probe(clock: SteppedLoop) -> None:
    async def script(peer: Peer) -> None:
        await peer.upgrade()
        for _ in range(3):
            assert await peer.read_frame() == (PING, b"")
            peer.write(frame(PONG))
            ponged.set()
        await peer.read_end()

    ponged = asyncio.Event()
    async with serving(script) as url:
        websocket = await connect(url, on_message=ignore, idle_after_s=1, probe_timeout_s=0.5)
        for _ in range(3):
            await clock.step(1.01)
            await ponged.wait()
            ponged.clear()
            await clock.step(0.51)
            await clock.step(0.01)
        await clock.step(1.01)
        websocket.send("still open")
        await clock.step(0.51)
        await clock.step(0.01)
        with pytest.raises(Disconnected, match="silent"):
            await websocket.closed()


async def test_a_probe_that_raises_is_counted_and_not_answered() -> None:
    def probe(websocket: WebSocket) -> None:
        raise ValueError

    async with serving(idle) as url:
        websocket = await connect(url, on_message=ignore, idle_after_s=0.01, probe=probe, probe_timeout_s=0.01)
        with pytest.raises(Disconnected, match="silent"):
            await websocket.closed()

    assert websocket.failures == 1


@pytest.mark.parametrize("blocked_in", ["a timer", "a read callback"])
async def test_a_blocked_loop_is_not_taken_for_a_silent_peer(blocked_in: str) -> None:
    loop, probes, messages = asyncio.get_running_loop(), list[float](), list[str | bytes]()
    signal, trigger = socket.socketpair()

    def block() -> None:
        """The peer answers in time, but then the loop is blocked beyond the deadline."""
        loop.remove_reader(signal)
        peer.send(frame(TEXT, b"here I am"))
        time.sleep(0.15)

    def probe(websocket: WebSocket) -> None:
        probes.append(loop.time())
        if len(probes) == 1:
            block() if blocked_in == "a timer" else trigger.send(b"!")

    async with bare_peer() as (url, accepting):
        loop.add_reader(signal, block)
        websocket = await connect(url, on_message=messages.append, idle_after_s=0.1, probe=probe, probe_timeout_s=0.1)
        peer = await accepting
        with pytest.raises(Disconnected, match="silent"):
            await websocket.closed()
    signal.close()
    trigger.close()

    assert messages == ["here I am"]
    assert len(probes) == 2


async def test_many_connections_leave_nothing_behind() -> None:
    answers = {b"close": close_frame(1001), b"break the rules": frame(TEXT, b"\xff"), NORMAL: close_frame(1000)}

    async def script(peer: Peer) -> None:
        await peer.upgrade()
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            _, payload = await peer.read_frame()
            if payload in answers:
                peer.write(answers[payload])
                await peer.read_end()

    async def live(url: str, *, until: str) -> None:
        websocket = await connect(url, on_message=ignore, idle_after_s=60, connect_timeout_s=60, probe_timeout_s=60)
        if until == "we abort":
            websocket.abort(until)
        elif until == "we close":
            await websocket.close()
        else:
            websocket.send(until)
        with suppress(Disconnected):
            await websocket.closed()

    descriptors: list[int] = []
    for _ in range(2):
        async with serving(script) as url:
            for until in ("close", "hang up", "break the rules", "we abort", "we close") * 5:
                await live(url, until=until)
            tasks = [task for task in asyncio.all_tasks() if "serve" not in repr(task)]
            timers = [timer for timer in getattr(asyncio.get_running_loop(), "_scheduled", []) if not timer.cancelled()]
        for _ in range(10):
            await asyncio.sleep(0)
        descriptors.append(len(os.listdir("/proc/self/fd")))
        gc.collect()

        assert tasks == [asyncio.current_task()]
        assert len(timers) <= 1, "the test's own"
        assert not [thing for thing in gc.get_objects() if isinstance(thing, (WebSocket, FrameListener))]
    assert descriptors[1] <= descriptors[0]
