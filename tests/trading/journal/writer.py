"""A process that writes to a journal as fast as it can, and says what was acknowledged: ``PATH DURABILITY PREFIX``."""

import asyncio
import os
import sys
from itertools import count
from typing import cast

from bowstring.core.clock import Clock
from bowstring.trading.journal import checkpoints
from bowstring.trading.journal.file import Durability, JournalFile
from tests.trading.journal.orders import life, order


async def write(journal: JournalFile, prefix: str) -> None:
    for number in count():
        action = order(f"{prefix}-{number}")
        pending = journal.record([action])
        if pending is not None:
            await pending
        os.write(1, f"{action.client_order_id}\n".encode())
        for news in life(action):
            journal.write(news)


if __name__ == "__main__":
    checkpoints.SOFT_FRAMES = 100
    written = JournalFile(sys.argv[1], durability=cast("Durability", sys.argv[2]), keep=1_000)
    written.open(Clock())
    os.write(1, b"open\n")
    asyncio.run(write(written, sys.argv[3]))
