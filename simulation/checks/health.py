"""A minute after the last fault everything is as if there had been none."""

from collections.abc import Iterator

from bowstring.trading.journal.port import Journal
from bowstring.trading.messages import Balance, OrderUpdate
from simulation.checks.evidence import ZERO, Evidence, told
from simulation.ledger import Accepted, Settled
from simulation.life import Life
from simulation.traders import Trader
from simulation.transcript import Sent

STOP_S = 10.0


def check_health(evidence: Evidence, life: Life, journal: Journal) -> Iterator[str]:
    """All orders were cancelled, and have ended; strategies know what is on record; nothing is halted."""
    for order in evidence.orders(journal):
        if not order.is_final:
            yield f"liveness: {order.client_order_id} is still {order.status}, although all orders were cancelled"
    for account in life.engine.accounts():
        if account.halted:
            yield f"liveness: {account.name} is halted"
    for trader in life.traders:
        yield from check_beliefs(evidence, trader)
    yield from check_balances(evidence, life)


def check_beliefs(evidence: Evidence, trader: Trader) -> Iterator[str]:
    """A strategy knows its positions, and that it has no open order."""
    for name in trader.orders:
        yield f"{trader.name} believes in {name}, which has ended"
    for (venue, symbol), quantity in evidence.positions()[trader.name].items():
        held = trader.held.get((venue, symbol), ZERO)
        if held != quantity:
            yield f"{trader.name} believes that it holds {held:f} {symbol} at {venue}, and it is {quantity:f}"


def check_balances(evidence: Evidence, life: Life) -> Iterator[str]:
    """I4: the balances that were told last are the account's."""
    truth = {(entry.venue, entry.currency): (entry.free, entry.locked) for entry in evidence.ledger.all(Settled)}
    balances = [event for event in told(life) if isinstance(event, Balance)]
    known = {(balance.venue, balance.currency): (balance.free, balance.locked) for balance in balances}
    for key, balance in truth.items():
        if known.get(key) != balance:
            yield f"I4: the balance {key} is {balance}, and was told to be {known.get(key)}"


def probe_name(trader: Trader, venue: str) -> str:
    """The name of the order by which it is seen whether a strategy can trade at a venue."""
    return f"probe-{trader.name}-{venue}"


def check_probes(evidence: Evidence, life: Life) -> Iterator[str]:
    """Every strategy can trade at every venue."""
    accepted = {(entry.venue, entry.name) for entry in evidence.ledger.all(Accepted)}
    updates = [event for event in told(life) if isinstance(event, OrderUpdate)]
    for trader in life.traders:
        for venue in evidence.exchanges:
            name = probe_name(trader, venue)
            if (venue, name) not in accepted:
                reasons = [update.reason for update in updates if update.client_order_id == name]
                yield f"liveness: {trader.name} cannot trade at {venue}: {', '.join(reasons)}"


def check_last_stop(life: Life, *, took_s: float) -> Iterator[str]:
    """A stop takes 10 s at most, and leaves nothing behind."""
    if took_s > STOP_S:
        yield f"liveness: the stop took {took_s:.1f} s"
    if life.left:
        yield f"liveness: it left something behind: {life.left}"
    for task in life.process.tasks():
        yield f"liveness: after the stop this goes on: {task}"


def check_rivals(rivals: list[Life]) -> Iterator[str]:
    """A second instance on an account does not get as far as to ask its venue anything, let alone to trade."""
    for rival in rivals:
        has_asked = any(gateway.was_asked for gateway in rival.gateways.values())
        if has_asked or any(isinstance(entry, Sent) for entry in rival.entries):
            yield "a second instance is at work on the account"
