"""The loop watchdog: a thread that names what keeps the event loop from running, while it does.

The loop has a timer, its heartbeat. A thread looks whether that is overdue; if so, it finds on the loop's stack the
component that is at work there, and logs it at once, for the loop may never run again. Once it does, `LoopBlocked`
tells everybody.

The thread needs the interpreter's lock. What computes in Python, sleeps or waits lets go of it; C code that does not is
named when it is over, if the thread gets it before the loop goes on. A process that stood still was not blocked by
anybody.

Whoever it was, what comes after a heartbeat that is a second late may rest on what waited meanwhile. So nothing that
adds risk is carried out from then on, by the action queue's own look at the clock: what reads sockets may come before
timers. The heartbeat tells, also where nobody was seen, and risk is refused until all executors have been told.
"""

import asyncio
import logging
import queue
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from types import FrameType

from msgspec import Struct

from bowstring.core.actions import LATE, NEVER_NS
from bowstring.core.clock import Clock
from bowstring.core.components import Component
from bowstring.core.errors import ConfigError
from bowstring.core.messages import LoopBlocked
from bowstring.core.queue import EventQueue

SHORTEST_S = 0.02  # timers of uvloop are whole milliseconds, and the interpreter's lock changes hands every 5 ms
LONG_S = 1.0
LONGEST_PERIOD_S = 0.1  # or it would not be known when the loop did not run for a second
JOIN_S = 0.5  # it ends at once, unless it waits for a log that does not write
QUEUES = "bowstring.core.queue", "bowstring.core.actions"
"""Whatever called them is not at work: whom they call is."""
DEBUGGERS = "bdb", "pdb", "pydevd", "_pydevd"
STOOD_STILL, UNSEEN, DEBUGGER = "a process that stood still", "something that was not seen", "a debugger"
"""In the place of a handler."""
LIBRARIES = tuple({*sysconfig.get_paths().values(), str(Path(__file__).parents[1]), "<frozen "})

Position = tuple[FrameType, int]
"""A frame and the line that it is at."""

log = logging.getLogger(__name__)


class Watchdog:
    """Watches the event loop in which it is started. Every method but `look` is for that loop's thread.

    What keeps it for less than ``after_s`` is not named; what keeps it for twice as long is named by then.
    """

    def __init__(self, events: EventQueue, components: Iterable[Component], *, clock: Clock, after_s: float) -> None:
        if not SHORTEST_S <= after_s < float("inf"):
            raise ConfigError(f"after_s of the watchdog is {after_s}: give {SHORTEST_S} seconds or more")
        self._events = events
        self._components = {id(component): component for component in components}
        self._clock = clock
        self._after_ns = int(after_s * 1e9)
        self._period_ns = min(self._after_ns // 2, int(LONGEST_PERIOD_S * 1e9))
        self._end = queue.SimpleQueue[None]()
        self._loop_thread = 0
        self._due_ns = 0  # when the loop has to beat
        self._counts_from_ns = 0  # before that the process stood still
        self._excused_ns = 0  # nothing is named while this is when the loop has to beat
        self._beat_cpu_ns = 0
        self._looked_ns = self._looked_cpu_ns = 0
        self._block: _Block | None = None
        self._outside: frozenset[FrameType] = frozenset()
        self._is_watching = False

    def start(self) -> None:
        """Begin to watch."""
        self._loop = asyncio.get_running_loop()
        self._loop_thread = self._clock.thread_id()
        self._outside = frozenset(self._stack())
        self._looked_ns, self._looked_cpu_ns = self._clock.monotonic_ns(), self._clock.cpu_ns()
        self._set_timer(self._looked_ns)
        self._thread = self._clock.start_thread(self._watch, name="watchdog")
        self._is_watching = True

    def stop(self) -> None:
        """Watch no more, if it did."""
        if not self._is_watching:
            return
        self._is_watching = False
        self._timer.cancel()
        self._events.actions.late_from_ns = NEVER_NS
        self._end.put(None)
        self._thread.join(JOIN_S)
        self._outside = frozenset()

    def look(self) -> None:
        """Name what blocks the loop, if something does and it was not named yet."""
        now_ns = self._clock.monotonic_ns()
        if self._stood_still(now_ns):
            self._counts_from_ns = now_ns
        due_ns = self._due_ns
        late_ns = now_ns - max(due_ns, self._counts_from_ns)
        if late_ns < self._after_ns or due_ns == self._excused_ns:
            return
        block = self._block
        if block is None or block.due_ns != due_ns:
            block = self._find(due_ns)
            self._block = block  # before it is logged, which may take longer than what is left of the block
        if block is None:
            return
        if late_ns >= LONG_S * 1e9:
            self._events.actions.refusing_risk["watchdog"] = f"{block.handler} blocks the event loop"
        if not block.is_logged:
            block.is_logged = True
            self._log(block, late_ns)

    def _set_timer(self, now_ns: int) -> None:
        self._due_ns = now_ns + self._period_ns
        self._events.actions.late_from_ns = self._due_ns + int(LONG_S * 1e9)
        self._beat_cpu_ns = self._clock.cpu_ns()
        self._timer = self._loop.call_later(self._period_ns / 1e9, self._beat)

    def _beat(self) -> None:
        now_ns = self._clock.monotonic_ns()
        told = [*self._blocks(now_ns)]
        if any(blocked.blocked_s >= LONG_S for blocked in told):
            self._events.actions.refusing_risk.setdefault("watchdog", LATE)
        self._set_timer(now_ns)
        for blocked in told:
            self._events.publish(blocked)
        if self._events.is_clear:
            self._events.actions.refusing_risk.pop("watchdog", None)

    def _blocks(self, now_ns: int) -> Iterator[LoopBlocked]:
        """What is to be told of the time since the heartbeat was due: who was seen, and what that does not explain."""
        due_ns, block, seen_s = self._due_ns, self._block, 0.0
        if block is not None and block.due_ns == due_ns:
            seen_s = (now_ns - max(due_ns, self._counts_from_ns)) / 1e9
            yield LoopBlocked(handler=block.handler, blocked_s=seen_s)
        late_ns = now_ns - due_ns
        if late_ns >= LONG_S * 1e9 > seen_s * 1e9:
            what = self._unseen(late_ns)
            log.warning("the event loop did not run for %.2f s, by %s", late_ns / 1e9, what)
            yield LoopBlocked(handler=what, blocked_s=late_ns / 1e9)

    def _unseen(self, late_ns: int) -> str:
        """What kept the loop where no handler is to be blamed for it."""
        if self._due_ns == self._excused_ns:
            return DEBUGGER
        used_ns = self._clock.cpu_ns() - self._beat_cpu_ns - self._period_ns
        return STOOD_STILL if self._counts_from_ns > self._due_ns or used_ns < late_ns / 20 else UNSEEN

    def _watch(self) -> None:
        while True:
            try:
                self._end.get(timeout=self._period_ns / 1e9)
            except queue.Empty:
                self.look()
            else:
                return

    def _stood_still(self, now_ns: int) -> bool:
        """Whether the process was stopped, or had no core, since the last look, and this one is late for that.

        C code that does not let go of the interpreter's lock makes a look late too, but it uses a core.
        """
        cpu_ns = self._clock.cpu_ns()
        overslept_ns = now_ns - self._looked_ns - self._period_ns
        used_ns = cpu_ns - self._looked_cpu_ns - self._period_ns
        self._looked_ns, self._looked_cpu_ns = now_ns, cpu_ns
        return overslept_ns > self._after_ns / 2 and used_ns < overslept_ns / 20

    def _find(self, due_ns: int) -> "_Block | None":
        """Who keeps the loop; None where nothing is to be blamed."""
        stack = [(frame, frame.f_lineno) for frame in self._stack()]
        inside = [position for position in stack if position[0] not in self._outside]
        modules = [_module(frame) for frame, _line in inside]
        if any(module.startswith(DEBUGGERS) for module in modules):
            self._excused_ns = due_ns  # somebody looks at the bot at leisure
            return None
        if not modules or modules[0] == "selectors" or self._due_ns != due_ns:
            return None  # the loop waits, or goes on
        handler, where = self._blame(inside)
        summary = traceback.StackSummary.extract(reversed(stack), lookup_lines=False)
        return _Block(handler=handler, where=where, stack=summary, due_ns=due_ns)

    def _stack(self) -> Iterator[FrameType]:
        """The frames of the loop's thread, innermost first."""
        frame = sys._current_frames().get(self._loop_thread)  # pyright: ignore[reportPrivateUsage]  # no other way
        while frame is not None:
            yield frame
            frame = frame.f_back

    def _log(self, block: "_Block", late_ns: int) -> None:
        lines = "".join(block.stack.format())
        log.warning(
            "%s blocks the event loop, %.2f s so far, in %s\n%s", block.handler, late_ns / 1e9, block.where, lines
        )

    def _blame(self, stack: Sequence[Position]) -> tuple[str, str]:
        """The component that is at work, by name and handler, else a function; and where its author may look."""
        own = [*takewhile(lambda position: _module(position[0]) not in QUEUES, stack)] or stack[:1]
        owners = [self._components.get(id(_first_argument(frame))) for frame, _line in own]
        owner = next((owner for owner in owners if owner is not None), None)
        if owner is None:
            frame, line = _authors(own) or own[0]
            return f"{_module(frame)}.{frame.f_code.co_qualname}", _place(frame, line)
        methods = [position for position, other in zip(own, owners, strict=True) if other is owner]
        return f"{owner.name}.{methods[-1][0].f_code.co_name}", _place(*(_authors(own) or methods[0]))


class _Block(Struct, kw_only=True):
    """Who blocks the loop, or did, since the heartbeat that was due then."""

    handler: str
    where: str
    stack: traceback.StackSummary
    due_ns: int
    is_logged: bool = False


def _first_argument(frame: FrameType) -> object:
    """Of a method, ``self``."""
    code = frame.f_code
    return frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None


def _authors(stack: Sequence[Position]) -> Position | None:
    """The innermost frame in a file that is part of no library."""
    return next((position for position in stack if not position[0].f_code.co_filename.startswith(LIBRARIES)), None)


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__"))


def _place(frame: FrameType, line: int) -> str:
    return f"{frame.f_code.co_filename}:{line}"
