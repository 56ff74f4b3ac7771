"""The exchange's ledger beside what the bot was told, as a table; they agree only to the last digit. No I/O."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TypeVar

from msgspec import Struct, structs

from bowstring.demo.record import OrderRecord, Record

SHOWN = 20

V = TypeVar("V")


class Row(Struct, frozen=True):
    """One thing that both tell, and how they differ."""

    what: str
    ledger: str
    bot: str
    differences: list[str]


class Comparison(Struct, frozen=True):
    """All of it. ``beside`` are contradictions that the two sides are no part of."""

    rows: list[Row]
    beside: list[str]

    @property
    def differences(self) -> list[str]:
        """Everything that does not agree."""
        return [*self.beside, *(difference for row in self.rows for difference in row.differences)]

    def lines(self) -> Iterator[str]:
        """As it is printed."""
        yield f"  {'':<32}{'ledger':>18}{'bot':>18}"
        for row in self.rows:
            verdict = f"{len(row.differences)} differ" if row.differences else "agrees"
            yield f"  {row.what:<32}{row.ledger:>18}{row.bot:>18}   {verdict}"
        found = self.differences
        if not found:
            yield "  the exchange's ledger and the bot agree, to the last digit"
            return
        yield f"  the exchange's ledger and the bot DO NOT AGREE: {len(found)} found"
        yield from (f"    {difference}" for difference in found[:SHOWN])
        if len(found) > SHOWN:
            yield f"    and {len(found) - SHOWN} more"


def compare(ledger: Record, bot: Record, *, contradictions: list[str]) -> Comparison:
    """Compare everything; ``contradictions`` are those of the ledger with itself."""
    return Comparison(
        [
            _counted("order", "orders: status, filled quantity", ledger.orders, _at_the_exchange(ledger, bot)),
            _amount("orders still open", Decimal(ledger.open_orders), Decimal(bot.open_orders)),
            _counted("fill of", "fills: price, quantity, fee", ledger.fills, bot.fills),
            *_amounts("fees in", ledger.fees, bot.fees),
            *_amounts("position in", ledger.positions, bot.positions),
            *_amounts("balance of", _totals(ledger), _totals(bot)),
            _counted("balance of", "balances: free, locked", _held(ledger), _held(bot)),
        ],
        [f"the ledger contradicts itself: {contradiction}" for contradiction in contradictions],
    )


def _counted(one: str, what: str, ledger: Mapping[str, V], bot: Mapping[str, V]) -> Row:
    names = [*ledger, *(name for name in bot if name not in ledger)]
    pairs = [(name, ledger.get(name), bot.get(name)) for name in names]
    differing = [f"{one} {name}: {_how(here, there)}" for name, here, there in pairs if here != there]
    return Row(what, str(len(ledger)), str(len(bot)), differing)


def _at_the_exchange(ledger: Record, bot: Record) -> Mapping[str, OrderRecord]:
    """The bot's orders, without those of which both say that the exchange never had them."""
    nowhere = bot.never_there - ledger.orders.keys()
    return {name: order for name, order in bot.orders.items() if name not in nowhere}


def _amounts(what: str, ledger: Mapping[str, Decimal], bot: Mapping[str, Decimal]) -> Iterator[Row]:
    for name in sorted({*ledger, *bot}):
        yield _amount(f"{what} {name}", ledger.get(name, Decimal(0)), bot.get(name, Decimal(0)))


def _amount(what: str, ledger: Decimal, bot: Decimal) -> Row:
    differing = [] if ledger == bot else [f"{what}: {plain(ledger)} by the ledger, {plain(bot)} by the bot"]
    return Row(what, plain(ledger), plain(bot), differing)


def _totals(record: Record) -> dict[str, Decimal]:
    """The balances of what was traded."""
    traded = {currency for symbol in record.positions for currency in symbol.split("/")}
    return {name: free + locked for name, (free, locked) in record.balances.items() if name in traded}


def _held(record: Record) -> dict[str, str]:
    return {
        name: f"free {plain(free)}, locked {plain(locked)}"
        for name, (free, locked) in record.balances.items()
        if free or locked
    }


def _how(ledger: object, bot: object) -> str:
    if ledger is None:
        return f"not in the ledger; the bot has {_shown(bot)}"
    if bot is None:
        return f"unknown to the bot; the ledger has {_shown(ledger)}"
    if isinstance(ledger, Struct) and isinstance(bot, Struct):
        pairs = zip(structs.asdict(ledger).items(), structs.asdict(bot).values(), strict=True)
        return "; ".join(f"{name} {_shown(one)}, not {_shown(other)}" for (name, one), other in pairs if one != other)
    return f"{ledger}, not {bot}"


def _shown(value: object) -> str:
    if isinstance(value, Struct):
        return " ".join(_shown(one) for one in structs.astuple(value))
    return plain(value) if isinstance(value, Decimal) else str(value)


def plain(amount: Decimal) -> str:
    """Without exponent and trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
