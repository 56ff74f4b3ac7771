"""The notifier on a service that a test scripts, in simulated time, and on apprise's own, on loopback."""

import asyncio
import gc
import json
import logging
import math
import os
import signal
import sys
import time
import traceback
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bowstring.core.components import Emit, Executor, on
from bowstring.core.engine import Engine
from bowstring.core.errors import ConfigError, Disconnected, NotSent
from bowstring.core.messages import Action
from bowstring.executors.notify import Notifier, Notify
from bowstring.executors.notify_child import Level
from bowstring.executors.notify_process import NotifyProcess
from tests.core.lifecycle import Course, Feed, forever, live, now_s, stop_after
from tests.executors.bot import Ask, Asker, bot_with
from tests.net.http_server import HANG_UP, SILENCE, HttpServer, answer, http_server

TOKEN = "s3cr3t-t0ken"


class Scripted:
    """A service that takes ``takes_s``, and whose first deliveries fail: ``failures`` of them."""

    def __init__(self, *, failures: float = 0, takes_s: float = 0.0) -> None:
        self.delivered: list[tuple[float, str]] = []
        self.tried_at: list[float] = []
        self.closed = False
        self._failures = failures
        self._takes_s = takes_s

    async def start(self) -> str:
        return "the service"

    async def deliver(self, *, text: str, title: str, level: Level) -> None:
        if self.closed:
            raise NotSent("closed")
        self.tried_at.append(now_s())
        await asyncio.sleep(self._takes_s)
        self._failures -= 1
        if self._failures >= 0:
            raise Disconnected("down")
        self.delivered.append((now_s(), text))

    async def close(self) -> None:
        self.closed = True

    def texts(self) -> list[str]:
        return [text for _, text in self.delivered]


def notifier_of(service: Scripted, **settings: Any) -> Notifier:
    return Notifier("scripted://", service=service, **settings)


def asking(*moments: tuple[float, Sequence[Notify]]) -> Feed:
    """Have the strategy return these notifications, at these times."""

    async def tell(emit: Emit) -> None:
        for at_s, notifications in moments:
            await asyncio.sleep(at_s - now_s())
            emit(Ask(list(notifications)))
        await forever()

    return Feed(tell)


def notes(count: int, *, first: int = 0) -> list[Notify]:
    return [Notify(text=f"note {number}") for number in range(first, first + count)]


def run_bot(*notifiers: Notifier, at: Sequence[tuple[float, Sequence[Notify]]], course: Course | None = None) -> Asker:
    asker = Asker()
    live(asking(*at), asker, *notifiers, course=course or stop_after(10_000))
    return asker


def test_notifications_are_sent_one_at_a_time_in_their_order() -> None:
    service = Scripted(takes_s=1)

    asker = run_bot(notifier_of(service), at=[(0, notes(2))])

    assert service.delivered == [(1, "note 0"), (2, "note 1")]
    assert asker.endings() == ["ActionDone", "ActionDone"]


def test_a_service_is_asked_no_more_often_than_it_may_be() -> None:
    service = Scripted()

    run_bot(notifier_of(service, per_minute=3), at=[(0, notes(4)), (65, notes(4, first=4))])

    at_s = [moment for moment, _ in service.delivered]
    assert at_s == [0, 0, 0, 60, 65, 65, 120, 125]
    assert all(later - earlier >= 60 for earlier, later in zip(at_s, at_s[3:], strict=False))


def test_what_fails_is_tried_again_after_growing_pauses() -> None:
    service = Scripted(failures=2)

    asker = run_bot(notifier_of(service, backoff_s=10), at=[(0, notes(1))])

    at_s = service.tried_at
    assert [5 <= at_s[1] - at_s[0] <= 10, 10 <= at_s[2] - at_s[1] <= 20] == [True, True]
    assert service.texts() == ["note 0"]
    assert asker.endings() == ["ActionDone"]


def test_pauses_have_a_cap() -> None:
    service = Scripted(failures=math.inf)

    run_bot(notifier_of(service, backoff_s=10, attempts=10), at=[(0, notes(1))])

    assert len(service.tried_at) == 10
    assert max(later - earlier for earlier, later in pairwise(service.tried_at)) <= 30


def test_what_no_attempt_delivers_is_failed_with_the_reason_and_the_next_one_tells_it() -> None:
    service = Scripted(failures=6)
    notifier = notifier_of(service)

    asker = run_bot(notifier, at=[(0, notes(2)), (100, notes(1, first=2)), (200, notes(1, first=3))])

    assert asker.endings() == ["ActionFailed", "ActionFailed", "ActionDone", "ActionDone"]
    assert asker.closed[0].reason == "not delivered to the service in 3 attempts: down"
    assert service.texts() == ["note 2\n(2 notifications before this one were lost)", "note 3"]
    assert notifier.lost == 2


def test_what_is_too_many_is_refused_and_counted_and_every_action_is_closed_once() -> None:
    service = Scripted(takes_s=1)
    notifier = notifier_of(service, max_waiting=2)

    asker = run_bot(notifier, at=[(0, notes(1)), (0.5, notes(9, first=1)), (100, notes(1, first=10))])

    assert asker.endings() == ["ActionRefused"] * 7 + ["ActionDone"] * 4
    assert asker.closed[0].reason == "2 notifications to the service wait already"
    assert len({closed.action for closed in asker.closed}) == 11
    assert service.texts() == [
        "note 0",
        "note 1\n(7 notifications before this one were lost)",
        "note 2",
        "note 10",
    ]
    assert notifier.lost == 7


def test_a_service_that_is_slow_or_down_delays_and_costs_no_other_one_anything() -> None:
    slow, down, good = Scripted(takes_s=50), Scripted(failures=math.inf), Scripted()
    notifiers = [notifier_of(slow, name="slow", max_waiting=1), notifier_of(down, name="down"), notifier_of(good)]

    asker = run_bot(*notifiers, at=[(0, notes(1)), (1, notes(3, first=1))])

    assert good.delivered == [(0, "note 0"), (1, "note 1"), (1, "note 2"), (1, "note 3")]
    assert slow.texts() == ["note 0", "note 1\n(2 notifications before this one were lost)"]
    assert [notifier.lost for notifier in notifiers] == [2, 4, 0]
    assert Counter((closed.by, type(closed).__name__) for closed in asker.closed) == {
        ("slow", "ActionDone"): 2,
        ("slow", "ActionRefused"): 2,
        ("down", "ActionFailed"): 4,
        ("Notifier", "ActionDone"): 4,
    }


def test_the_last_words_of_a_bot_are_delivered() -> None:
    service = Scripted(takes_s=1)
    asker = Asker()
    asker.last = [Notify(text="good bye"), Notify(text="really")]

    ended_s = live(asking((0, notes(1))), asker, notifier_of(service), course=stop_after(0.5))

    assert service.texts() == ["note 0", "good bye", "really"]
    assert ended_s < 4
    assert service.closed


def test_a_stop_does_not_wait_for_long_and_tells_what_was_lost(caplog: pytest.LogCaptureFixture) -> None:
    service = Scripted(takes_s=1)
    notifier = notifier_of(service, per_minute=2, max_waiting=4)

    asker = run_bot(notifier, at=[(0, notes(6))], course=stop_after(0.5))

    heads, tails = zip(*(text.partition("\n")[::2] for text in service.texts()), strict=True)
    assert heads == ("note 0", "note 1")
    assert sorted(tails) == ["", "(1 notifications before this one were lost)"]  # the first is at work from 3.12 on
    assert asker.endings() == ["ActionRefused"] + ["ActionDone"] * 2 + ["ActionFailed"] * 3
    assert asker.closed[-1].reason == "the bot has stopped"
    assert notifier.lost == 4
    assert "Notifier: 3 notifications are not sent, as the bot stops" in caplog.text
    assert "Notifier: 4 notifications to the service were lost in all" in caplog.text


@pytest.mark.parametrize(
    "settings", [{"per_minute": 0}, {"max_waiting": 0}, {"attempts": 0}, {"deadline_s": 0}, {"deadline_s": math.nan}]
)
def test_numbers_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="are from 1"):
        Notifier("json://host", **settings)


def test_a_notifier_needs_a_url() -> None:
    with pytest.raises(ConfigError, match="needs a URL"):
        Notifier("")


# --- apprise, in its process ------------------------------------------------------------------------------------------


class Trade(Action, frozen=True):
    """Something that matters."""


class Trader(Executor):
    """Carries it out."""

    @on(Trade)
    def trade(self, trade: Trade) -> None:
        pass


def service_url(server: HttpServer, path: str = TOKEN) -> str:
    return server.url.replace("http:", "json:") + f"/{path}"


def child_pid(notifier: Notifier) -> int:
    service: NotifyProcess = vars(notifier)["_service"]
    process: Process = vars(service)["_process"]
    return process.pid


async def test_apprise_delivers_text_title_and_level(server: HttpServer) -> None:
    async with bot_with(Notifier(service_url(server))) as (asker, mouth):
        mouth.ask(Notify(text="5 > 4 & <b>", title="Alert", level="warning"))
        await asker.until(lambda: asker.closed)

    [request] = server.requests
    posted = json.loads(request.body)
    assert (posted["message"], posted["title"], posted["type"]) == ("5 > 4 & <b>", "Alert", "warning")
    assert asker.endings() == ["ActionDone"]


@pytest.mark.parametrize("failure", [answer(500, b""), HANG_UP])
async def test_a_service_that_fails_and_recovers_gets_it_in_the_end(server: HttpServer, failure: bytes) -> None:
    server.answers.extend([failure, failure])

    async with bot_with(Notifier(service_url(server), backoff_s=0.001)) as (asker, mouth):
        mouth.ask(*notes(1))
        await asker.until(lambda: asker.closed)

    assert asker.endings() == ["ActionDone"]
    assert len(server.requests) == 3


async def test_a_dead_service_delays_neither_another_one_nor_other_actions_and_the_bot_stops_in_time(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bowstring.executors.notify.FLUSH_S", 0.1)
    server.always = SILENCE

    async with asyncio.timeout(60), http_server() as other:
        dead, good = Notifier(service_url(server)), Notifier(service_url(other))
        async with bot_with(dead, good, Trader()) as (asker, mouth):
            mouth.ask(*notes(5))
            await server.until(lambda: server.requests)
            for _ in range(100):
                mouth.ask(Trade())
            assert [closed.by for closed in asker.closed if closed.by == "Trader"] == ["Trader"] * 100
            await asker.until(lambda: len(asker.closed) == 105)
            assert (len(server.requests), len(other.requests)) == (1, 5)

    assert asker.endings() == ["ActionDone"] * 105 + ["ActionFailed"] * 5
    assert (dead.lost, good.lost) == (5, 0)


async def test_a_service_that_hangs_costs_the_process_its_life_and_the_next_one_delivers(server: HttpServer) -> None:
    server.answers.append(SILENCE)
    notifier = Notifier(service_url(server), backoff_s=0.001, deadline_s=1)

    async with bot_with(notifier) as (asker, mouth):
        first = child_pid(notifier)
        mouth.ask(*notes(1))
        await asker.until(lambda: asker.closed)
        assert child_pid(notifier) != first

    assert asker.endings() == ["ActionDone"]
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


async def test_a_process_that_was_killed_is_replaced(server: HttpServer) -> None:
    notifier = Notifier(service_url(server), backoff_s=0.001)

    async with bot_with(notifier) as (asker, mouth):
        os.kill(child_pid(notifier), signal.SIGKILL)
        mouth.ask(*notes(1))
        await asker.until(lambda: asker.closed)

    assert asker.endings() == ["ActionDone"]
    assert [json.loads(request.body)["message"] for request in server.requests] == ["note 0"]


async def test_nothing_is_left_of_the_process_after_the_bot(server: HttpServer) -> None:
    notifier = Notifier(service_url(server))

    async with bot_with(notifier):
        pid = child_pid(notifier)
        os.kill(pid, 0)

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    gc.collect()


async def test_the_process_ends_with_its_parent(server: HttpServer) -> None:
    script = f"""
import asyncio
from bowstring.executors.notify_process import NotifyProcess

async def main():
    process = NotifyProcess("{service_url(server)}", deadline_s=5)
    await process.start()
    print(process._process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    parent.kill()
    await parent.communicate()

    until(lambda: not lives(child))


def lives(pid: int) -> bool:
    """Whether it runs: an orphan may stay as a zombie until somebody waits for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def until(condition: Callable[[], bool]) -> None:
    """Wait for something of another process that tells nobody."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_a_url_that_apprise_does_not_know_ends_the_start_without_being_shown(server: HttpServer) -> None:
    notifiers = [Notifier(service_url(server)), Notifier(f"nosuch://{TOKEN}")]

    with pytest.raises(ConfigError, match=r"its URL is none that apprise knows") as refused:
        await Engine(strategies=[Asker()], executors=notifiers).run()

    assert "raised by the start of Notifier-2" in refused.value.__notes__
    assert TOKEN not in "".join(traceback.format_exception(refused.value))


async def test_without_apprise_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "apprise.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    with pytest.raises(ConfigError, match=r"pip install '/path/to/bowstring\[notify\]'"):
        await NotifyProcess("json://host", deadline_s=1).start()


def of_process(pid: int) -> str:
    """Return what other processes see of it."""
    return "".join(Path(f"/proc/{pid}/{name}").read_text() for name in ("cmdline", "environ"))


async def test_no_secret_is_in_any_log_repr_or_reason(
    server: HttpServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server.always = answer(403, TOKEN.encode())
    notifier = Notifier(service_url(server), backoff_s=0.001)

    async with bot_with(notifier) as (asker, mouth):
        process = of_process(child_pid(notifier))
        mouth.ask(*notes(1))
        await asker.until(lambda: asker.closed)

    assert asker.endings() == ["ActionFailed"]
    shown = [*capfd.readouterr(), caplog.text, repr(notifier), repr(asker.closed), process]
    assert TOKEN not in "".join(shown)
    assert asker.closed[0].reason == "not delivered to JSON in 3 attempts: it was not taken"
