"""The exchange's ledger beside the bot's journal, as a table; they agree only to the last digit. No I/O."""

from collections.abc import Iterable, Iterator, Mapping
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
    journal: str
    differences: list[str]


class Comparison(Struct, frozen=True):
    """All of it. ``beside`` is what is wrong with one of the two by itself."""

    rows: list[Row]
    beside: list[str]

    @property
    def differences(self) -> list[str]:
        """Everything that does not agree."""
        return [*self.beside, *(difference for row in self.rows for difference in row.differences)]

    def lines(self) -> Iterator[str]:
        """As it is printed."""
        yield f"  {'':<32}{'ledger':>18}{'journal':>18}"
        for row in self.rows:
            verdict = f"{len(row.differences)} differ" if row.differences else "agrees"
            yield f"  {row.what:<32}{row.ledger:>18}{row.journal:>18}   {verdict}"
        found = self.differences
        if not found:
            yield "  the exchange's ledger and the bot's journal agree, to the last digit"
            return
        yield f"  the exchange's ledger and the bot's journal DO NOT AGREE: {len(found)} found"
        yield from (f"    {difference}" for difference in found[:SHOWN])
        if len(found) > SHOWN:
            yield f"    and {len(found) - SHOWN} more"


def compare(
    ledger: Record, journal: Record, *, contradictions: Iterable[str], findings: Iterable[str] = ()
) -> Comparison:
    """Compare everything; ``contradictions`` are those of the ledger with itself, ``findings`` the journal's own."""
    return Comparison(
        [
            _counted("order", "orders: status, filled quantity", ledger.orders, _at_the_exchange(ledger, journal)),
            _amount("orders still open", Decimal(ledger.open_orders), Decimal(journal.open_orders)),
            _counted("fill of", "fills: price, quantity, fee", ledger.fills, journal.fills),
            *_amounts("fees in", ledger.fees, journal.fees),
            *_amounts("position in", ledger.positions, journal.positions),
            *_amounts("change of the balance in", _changed(ledger), _changed(journal)),
        ],
        [
            *(f"the ledger contradicts itself: {contradiction}" for contradiction in contradictions),
            *(f"the journal is not sound: {finding}" for finding in findings),
        ],
    )


def _counted(one: str, what: str, ledger: Mapping[str, V], journal: Mapping[str, V]) -> Row:
    names = [*ledger, *(name for name in journal if name not in ledger)]
    pairs = [(name, ledger.get(name), journal.get(name)) for name in names]
    differing = [f"{one} {name}: {_how(here, there)}" for name, here, there in pairs if here != there]
    return Row(what, str(len(ledger)), str(len(journal)), differing)


def _at_the_exchange(ledger: Record, journal: Record) -> Mapping[str, OrderRecord]:
    """The journal's orders, without those of which both say that the exchange never had them."""
    nowhere = journal.never_there - ledger.orders.keys()
    return {name: order for name, order in journal.orders.items() if name not in nowhere}


def _amounts(what: str, ledger: Mapping[str, Decimal], journal: Mapping[str, Decimal]) -> Iterator[Row]:
    for name in sorted({*ledger, *journal}):
        yield _amount(f"{what} {name}", ledger.get(name, Decimal(0)), journal.get(name, Decimal(0)))


def _amount(what: str, ledger: Decimal, journal: Decimal) -> Row:
    differing = [] if ledger == journal else [f"{what}: {plain(ledger)} by the ledger, {plain(journal)} by the journal"]
    return Row(what, plain(ledger), plain(journal), differing)


def _changed(record: Record) -> Mapping[str, Decimal]:
    return {currency: change for currency, change in record.changes.items() if change}


def _how(ledger: object, journal: object) -> str:
    if ledger is None:
        return f"not in the ledger; the journal has {_shown(journal)}"
    if journal is None:
        return f"unknown to the journal; the ledger has {_shown(ledger)}"
    if isinstance(ledger, Struct) and isinstance(journal, Struct):
        pairs = zip(structs.asdict(ledger).items(), structs.asdict(journal).values(), strict=True)
        return "; ".join(f"{name} {_shown(one)}, not {_shown(other)}" for (name, one), other in pairs if one != other)
    return f"{ledger}, not {journal}"


def _shown(value: object) -> str:
    if isinstance(value, Struct):
        return " ".join(_shown(one) for one in structs.astuple(value))
    return plain(value) if isinstance(value, Decimal) else str(value)


def plain(amount: Decimal) -> str:
    """Without exponent and trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
