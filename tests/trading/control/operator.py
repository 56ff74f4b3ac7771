"""The human's side in tests on virtual time: commands to a bot that runs in the same process."""

from decimal import Decimal
from itertools import count
from pathlib import Path

from bowstring.trading.control.commands import Answer, AnyCommand, Decided, DecideOrder
from bowstring.trading.control.files import ControlFiles
from bowstring.trading.journal.memory import MemoryJournal
from tests.trading.bot import until


class Operator:
    """Alice, who has access to the bot's files."""

    def __init__(self, folder: Path) -> None:
        self.journal = MemoryJournal(control_file=str(folder / "bot.journal"))
        self.files = ControlFiles(self.journal.control_file)
        self._numbers = count(1)

    def give(self, command: AnyCommand) -> str:
        """Leave a command; returns its name."""
        self.files.check_folder()
        name = f"{next(self._numbers):06d}"
        self.files.give(name, command)
        return name

    async def answer(self, name: str) -> Answer:
        """Wait for what comes of it."""
        found: list[Answer] = []

        def is_answered() -> bool:
            answer = self.files.find_answer(name)
            found.extend([] if answer is None else [answer])
            return bool(found)

        await until(is_answered)
        return found[0]

    async def tell(self, command: AnyCommand) -> tuple[bool, str]:
        """Give a command, and wait for what comes of it."""
        answer = await self.answer(self.give(command))
        return answer.is_done, answer.text

    async def decide(self, client_order_id: str, status: Decided, filled: str | None = None) -> tuple[bool, str]:
        """Say what became of an order."""
        quantity = None if filled is None else Decimal(filled)
        return await self.tell(
            DecideOrder(operator="alice", why="seen", client_order_id=client_order_id, status=status, filled=quantity)
        )
