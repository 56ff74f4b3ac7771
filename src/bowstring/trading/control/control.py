"""The bot's side of a human's hand: looks for files beside the journal, and carries out what they say.

A thread looks, so that the kill switch is found also while a handler keeps the event loop from running. Whatever is
more than to refuse risk is done in the loop.
"""

import asyncio
import logging
import queue
from collections.abc import Callable, Iterator
from functools import partial

from bowstring.core.components import Running
from bowstring.core.errors import BadMessage, ConfigError, EventsMissed, NotRecorded, Refused
from bowstring.trading.control.commands import (
    Accept,
    Activate,
    Answer,
    AnyCommand,
    Command,
    DecideOrder,
    Kill,
    Reduce,
    Resume,
    SetPosition,
    Status,
)
from bowstring.trading.control.files import ControlFiles, Given
from bowstring.trading.control.hand import Hand
from bowstring.trading.desk import Desk
from bowstring.trading.messages import RiskState, RiskStateChanged

LOOK_S = 0.015
JOIN_S = 0.5  # it ends at once, unless it waits for a file system that does not answer
LIST_EVERY = 20  # looks: two changes in one tick of the file system's clock, some 4 ms, look like one
BY_FILE = "the kill file"

log = logging.getLogger(__name__)


class Control:
    """Carries out commands for the journal that ``desk`` and others share; ``engine`` runs them all.

    What is for one account is carried out by its `Hand`, which is among what the executors share.
    """

    def __init__(self, desk: Desk, *, engine: Running) -> None:
        self._desk = desk
        self._engine = engine
        self._files = ControlFiles(desk.journal.control_file)
        self._heeded_ns = self._seen_ns = self._looks = 0
        self._is_called = False
        self._ignored: set[str] = set()
        self._strays: list[str] | None = None
        self._end = queue.SimpleQueue[None]()
        self._join: Callable[[], object] = _nothing

    def begin(self) -> None:
        """Put on record that trading is halted, if the kill switch is there, and look for files from now on.

        Raises `ConfigError` where their folder is not this user's own.
        """
        self._files.open(now_ns=self._desk.clock.now_ns())
        self._heeded_ns = self._files.kill_changed_ns()
        if self._heeded_ns:
            self._desk.keep(self._bring_to("halted", reason=self._kill_reason(), by=BY_FILE))
        self._desk.own(self._tell_strays())
        self._loop = asyncio.get_running_loop()
        if self._desk.clock.has_threads:
            thread = self._desk.clock.start_thread(self._watch, name="control")
            self._join = partial(thread.join, JOIN_S)
        else:
            self._desk.own(self._watch_in_loop())

    def strays(self) -> list[str]:
        """Live orders on record that nobody looks after: those of venues that the bot does not have."""
        if self._strays is None:
            venues = [hand.desk.gateway.venue for hand in self._hands()]
            try:
                orders = self._desk.journal.strays(venues)
            except (ConfigError, NotRecorded) as error:
                log.error("%s", error)
                return []
            self._strays = [f"{one.client_order_id} ({one.venue}, {one.symbol}, {one.status})" for one in orders]
        return self._strays

    def close(self) -> None:
        """Look no more."""
        self._end.put(None)
        self._join()
        self._files.close()

    def look(self) -> None:
        """Heed the kill switch; have a command carried out if there is one."""
        changed_ns = self._files.kill_changed_ns()
        if changed_ns not in {0, self._heeded_ns}:
            self._heeded_ns = changed_ns
            self._engine.kill(self._kill_reason(), by=BY_FILE)
        if self._is_due() and not self._is_called and self._waiting():
            self._is_called = True
            self._loop.call_soon_threadsafe(self._obey)

    def _is_due(self) -> bool:
        """Whether there may be a command: to ask for the folder's time is cheaper than to list it."""
        changed_ns = self._files.folder_changed_ns()
        self._looks += 1
        is_due = changed_ns != self._seen_ns or self._looks % LIST_EVERY == 0
        self._seen_ns = changed_ns
        return is_due

    def _watch(self) -> None:
        while True:
            try:
                self._end.get(timeout=LOOK_S)
            except queue.Empty:
                self.look()
            else:
                return

    async def _watch_in_loop(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    async def _tell_strays(self) -> None:
        await self._engine.started.wait()
        if strays := self.strays():
            log.error("nobody looks after %s: run the bot with their venue, which it had before", ", ".join(strays))

    def _kill_reason(self) -> str:
        return self._files.kill_reason() or f"{self._files.kill_path.name} is there"

    def _waiting(self) -> list[str]:
        return [name for name in self._files.waiting() if name not in self._ignored]

    def _obey(self) -> None:
        """Carry out the oldest command that need not wait for the bot's start; others have their turn after events."""
        self._is_called = False
        for name in self._waiting():
            try:
                if self._carried_out(name):
                    return
            except OSError as error:
                self._ignored.add(name)
                log.error("%s: not carried out, or not answered, %r", name, error)

    def _carried_out(self, name: str) -> bool:
        """Carry out a command, once, and answer it. False: it is gone, or waits for the bot's start."""
        try:
            given = self._files.read(name)
            if self._must_wait(given.command):
                return False
            self._files.take(name)
        except FileNotFoundError:
            return False  # it was taken back
        except BadMessage as error:
            self._files.take(name)
            answer = Answer(is_done=False, text=str(error))
            log.error("%s: refused, %s", name, error)
        else:
            answer = self._answer(given)
        self._files.answer(name, answer)
        return True

    def _must_wait(self, command: AnyCommand) -> bool:
        """Whether what it is for may not have started yet."""
        if self._engine.started.is_set() or isinstance(command, Status | Kill | Reduce | Activate):
            return False
        hand = self._hand(command)
        return hand is None or not hand.is_ready_for(command)

    def _answer(self, given: Given) -> Answer:
        command = given.command
        try:
            text, is_done = self._carry_out(command, given_ns=given.given_ns), True
        except (Refused, LookupError, EventsMissed) as error:
            text, is_done = str(error), False
        if not isinstance(command, Status):
            outcome = "carried out" if is_done else "refused"
            log.warning("%s by %s (%s): %s, %s", command.what, command.operator, command.why, outcome, text)
        return Answer(is_done=is_done, text=text)

    def _carry_out(self, command: AnyCommand, *, given_ns: int) -> str:
        match command:
            case Status():
                return "\n".join(self._status())
            case Kill():
                if self._desk.journal.risk.state != "halted":
                    self._engine.kill(command.why, by=command.operator)
                return self._decide(command, "halted")
            case Reduce():
                self._files.lift_kill(given_ns=given_ns)
                return self._decide(command, "reducing")
            case Activate():
                self._files.lift_kill(given_ns=given_ns)
                self._engine.rearm()
                return self._decide(command, "active")
            case Resume():
                self._engine.resume(command.strategy)
                self._desk.tell([command.decision(self._desk.clock.now_ns())])
                return f"{command.strategy} goes on"
            case _:
                hand = self._hand(command)
                if hand is None:
                    raise Refused(self._unknown(command))
                return hand.carry_out(command)

    def _decide(self, command: Command, state: RiskState) -> str:
        decision = command.decision(self._desk.clock.now_ns())
        changes = self._bring_to(state, reason=command.why, by=command.operator)
        for hand in self._all_hands():
            if hand.desk.journal is not self._desk.journal:  # one without a file
                hand.desk.keep(changes)
        self._desk.tell([decision, *changes])
        return f"trading is {self._desk.journal.risk.state}"

    def _bring_to(self, state: RiskState, *, reason: str, by: str) -> list[RiskStateChanged]:
        if self._desk.journal.risk.state == state:
            return []
        return [RiskStateChanged(state=state, reason=reason, by=by, time_ns=self._desk.clock.now_ns())]

    def _status(self) -> Iterator[str]:
        risk = self._desk.journal.risk
        yield f"trading is {risk.state}" + (f" by {risk.by}: {risk.reason}" if risk.state != "active" else "")
        yield from (f"{account.name} is halted" for account in self._engine.accounts() if account.halted)
        for hand in self._hands():
            yield from hand.doubts()
        yield from (f"nobody looks after {stray}: the bot has no such venue" for stray in self.strays())

    def _all_hands(self) -> list[Hand]:
        return [one for one in self._engine.shared if isinstance(one, Hand)]

    def _hands(self) -> list[Hand]:
        return [hand for hand in self._all_hands() if hand.desk.journal is self._desk.journal]

    def _hand(self, command: AnyCommand) -> Hand | None:
        concerned = [hand for hand in self._hands() if hand.concerns(command)]
        return max(concerned, key=lambda hand: hand.awaits(command), default=None)

    def _unknown(self, command: DecideOrder | Accept | SetPosition) -> str:
        if isinstance(command, DecideOrder):
            return f"there is no order {command.client_order_id} of this bot; `status` names what waits for a decision"
        venues = ", ".join(hand.desk.gateway.venue for hand in self._hands())
        return f"there is no venue {command.venue}; there are: {venues}"


def _nothing() -> None:
    pass
