"""What the pages on operating show of `bowstring control` is what it prints: each page is a session with one bot."""

import asyncio
import re
import shlex
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from bowstring import cli_control
from bowstring.trading.control.commands import AnyCommand, Kill
from bowstring.trading.messages import ReconcileMismatch
from tests.docs.pages import ROOT
from tests.trading.bot import Bot, simulated, until
from tests.trading.control.operator import Operator
from tests.trading.scripted import ScriptedGateway, reset, silence

SHOWN = re.compile(r"^```console\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
REFUSED = "bowstring: refused, "

Happening = Callable[[Bot], Awaitable[None]]
"""What goes on in the bot before a block of the page."""


def blocks(page: str) -> list[list[tuple[str, str]]]:
    """Return the commands of each block of a page, each with what is printed."""
    text = (ROOT / "docs" / "concepts" / page).read_text()
    return [[_split(one) for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]] for block in SHOWN.findall(text)]


def _split(shown: str) -> tuple[str, str]:
    command, _, output = shown.partition("\n")
    return command, output


def parsed(line: str) -> AnyCommand:
    """Return what the command line makes of it."""
    program, group, _journal, name, *arguments = shlex.split(line)
    assert (program, group) == ("bowstring", "control")
    parser = cli_control.control.commands[name]
    assert parser.callback is not None
    with parser.make_context(name, [*arguments]) as context:
        command: AnyCommand = context.invoke(parser.callback, **context.params)
    return command


async def follow(bot: Bot, alice: Operator, page: str, happenings: Sequence[Happening]) -> list[tuple[str, str]]:
    """Give all commands of a page to the bot; return each with what is printed."""
    printed: list[tuple[str, str]] = []
    for happening, block in zip(happenings, blocks(page), strict=True):
        await happening(bot)
        for line, _output in block:
            command = parsed(line)
            if isinstance(command, Kill):  # as `bowstring control` does first
                alice.files.pull(f"{command.why} ({command.operator})")
                await until(lambda: alice.journal.risk.state == "halted")
            is_done, text = await alice.tell(command)
            printed.append((line, f"{'' if is_done else REFUSED}{text}\n"))
    return printed


def shown(page: str) -> list[tuple[str, str]]:
    return [one for block in blocks(page) for one in block]


async def trade(bot: Bot) -> None:
    await bot.open(quantity="0.5", price="64000")


async def halt_a_strategy(bot: Bot) -> None:
    bot.do(fails=True)


async def lose_an_answer(bot: Bot) -> None:
    """The order's answer is lost, and questions are not answered."""
    bot.gateway.then("place", silence())
    bot.gateway.script = lambda method: reset() if method in {"query", "fills_since"} else None
    order = bot.place(quantity="0.5", price="64000")
    await until(lambda: bot.status(order) == "unknown")


async def miss_fills(bot: Bot) -> None:
    """The venue answers again, and lists no fill of it."""
    bot.gateway.heal()
    await until(lambda: bot.events(ReconcileMismatch), within_s=200)


async def go_on(_bot: Bot) -> None:
    await asyncio.sleep(0)


SESSIONS: dict[str, Sequence[Happening]] = {
    "operating.md": [trade, go_on, halt_a_strategy],
    "unknown-orders.md": [lose_an_answer, go_on, miss_fills, go_on],
}


@pytest.mark.parametrize("page", SESSIONS)
@simulated
async def test_it_prints_what_the_page_shows(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "alice")
    alice = Operator(tmp_path)
    gateway = ScriptedGateway(venue="binance", validity_s=12.0)
    gateway.holdings = {"USDT": Decimal(100_000), "BTC": Decimal(10)}
    async with Bot(gateway, names=("Bidder",), journal=alice.journal, on_stop="leave") as bot:
        printed = await follow(bot, alice, page, SESSIONS[page])

        assert printed == shown(page)
