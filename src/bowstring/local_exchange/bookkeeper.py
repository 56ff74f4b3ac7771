"""Between the exchange and its ledger: turns what happened into lines of plain values."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from bowstring.local_exchange.clerk import Request
from bowstring.local_exchange.ledger import SECRET, VERSION, LedgerFile
from bowstring.local_exchange.matching.accounts import Account
from bowstring.local_exchange.matching.checks import STOPS
from bowstring.local_exchange.matching.exchange import Exchange
from bowstring.local_exchange.matching.orders import Fill, Trade
from bowstring.local_exchange.matching.record import Happened, Report
from bowstring.local_exchange.matching.rules import number

Line = dict[str, object]


class Bookkeeper:
    """Keeps the ledger of an exchange, from the accounts that it has already on.

    ``participants``: the orders of participants are written down too, not their fills alone.
    """

    def __init__(self, file: LedgerFile, exchange: Exchange, *, time_us: int, participants: bool = False) -> None:
        self._file, self._exchange, self._participants = file, exchange, participants
        self._known: set[int] = set()
        symbols = {market.rules.symbol: [market.rules.base, market.rules.quote] for market in exchange.markets.values()}
        start: Line = {"kind": "start", "time_us": time_us, "version": VERSION, "symbols": symbols}
        file.append([start, *self._new_accounts(exchange.accounts.values())])

    def request(self, request: Request) -> None:
        """Write down a request, without its signature and key."""
        line: Line = {
            "kind": "request" if request.refused is None else "refused",
            "received_us": request.received_us,
            "interface": request.interface,
            "method": request.method,
            "account": request.account,
            "params": {name: value for name, value in request.params.items() if name not in SECRET},
        }
        if request.refused is not None:
            line["code"] = request.refused
        self._file.append([line])

    def fault(self, *, fault: str, interface: str, method: str, account: str | None, params: Mapping[str, str]) -> None:
        """Write down what goes wrong on purpose with a request, whether or not that is carried out."""
        line: Line = {
            "kind": "fault",
            "fault": fault,
            "interface": interface,
            "method": method,
            "account": account,
            "client_order_id": params.get("newClientOrderId"),
        }
        self._file.append([line])

    def happened(self, happened: Happened) -> None:
        """Write down what a command has done, and what its accounts have then."""
        lines = [
            *self._new_accounts(account for account, _ in happened.touched),
            *self._changes(happened.changes),
            *(self._balances(account, assets) for account, assets in happened.touched if self._is_kept(account)),
        ]
        if lines:
            self._file.append(lines)

    def close(self, *, time_us: int) -> None:
        """Write down what everybody has at the end."""
        balances = {
            name: {asset: number(one.free + one.locked) for asset, one in account.balances.items()}
            for name, account in self._exchange.accounts.items()
        }
        line: Line = {"kind": "close", "time_us": time_us, "balances": balances, "fees": _numbers(self._exchange.fees)}
        try:
            self._file.append([*self._new_accounts(self._exchange.accounts.values()), line])
        finally:
            self._file.close()

    def _is_kept(self, account: Account) -> bool:
        return self._participants or not account.is_participant

    def _new_accounts(self, accounts: Iterable[Account]) -> Iterator[Line]:
        for account in accounts:
            if account.uid not in self._known:
                self._known.add(account.uid)
                yield _account(account)

    def _changes(self, changes: Iterable[Report | Trade]) -> Iterator[Line]:
        following = iter(changes)
        for change in following:
            if isinstance(change, Trade):  # its two sides come right after it
                yield _fill(change, (next(following), next(following)))
            elif self._is_kept(change.order.account):
                yield _LINES[change.change](change) | {"time_us": change.time_us}

    def _balances(self, account: Account, assets: Iterable[str]) -> Line:
        held = {asset: account.balances[asset] for asset in assets}
        return {
            "kind": "balances",
            "time_us": account.updated_us,
            "account": account.name,
            "balances": {asset: [number(one.free), number(one.locked)] for asset, one in held.items()},
        }


def _account(account: Account) -> Line:
    return {
        "kind": "account",
        "account": account.name,
        "uid": account.uid,
        "is_participant": account.is_participant,
        "deposits": _numbers(account.deposits),
        "maker_fee": number(account.maker_fee),
        "taker_fee": number(account.taker_fee),
    }


def _fill(trade: Trade, reports: tuple[Report | Trade, Report | Trade]) -> Line:
    line: Line = {
        "kind": "fill",
        "time_us": trade.time_us,
        "symbol": trade.symbol,
        "trade": trade.id,
        "price": number(trade.price),
        "quantity": number(trade.quantity),
        "quote": number(trade.quote),
    }
    for report in reports:
        assert isinstance(report, Report)
        assert report.fill is not None
        line["buyer" if report.fill.is_buyer else "seller"] = _side(report.order.account, report.fill)
    return line


def _side(account: Account, fill: Fill) -> Line:
    return {
        "account": account.name,
        "order": fill.order_id,
        "fee": number(fill.fee),
        "fee_asset": fill.fee_asset,
        "is_maker": fill.is_maker,
    }


def _accepted(report: Report) -> Line:
    order, new = report.order, report.order.new
    if new.type in STOPS and report.is_working:
        return {"kind": "trigger", "order": order.id}
    return {
        "kind": "accept",
        "order": order.id,
        "account": order.account.name,
        "client_order_id": new.client_order_id,
        "symbol": new.symbol,
        "side": new.side,
        "type": new.type,
        "time_in_force": new.time_in_force,
        "quantity": number(order.quantity),
        "price": number(new.price),
        "stop_price": number(new.stop_price),
        "prevention": new.prevention,
    }


def _prevented(report: Report) -> Line:
    match = report.prevented
    assert match is not None
    return {
        "kind": "prevent",
        "order": report.order.id,
        "match": match.match_id,
        "quantity": number(match.quantity),
        "price": number(match.price),
        "other_order": match.other_order_id,
    }


def _cancelled(report: Report) -> Line:
    line: Line = {"kind": "cancel", "order": report.order.id, "client_order_id": report.client_order_id}
    return {**line, "reason": report.cancel_reason} if report.cancel_reason else line


def _expired(report: Report) -> Line:
    return {"kind": "expire", "order": report.order.id, "reason": report.expiry_reason}


def _numbers(amounts: Mapping[str, int]) -> dict[str, str]:
    return {asset: number(amount) for asset, amount in amounts.items()}


_LINES: dict[str, Callable[[Report], Line]] = {
    "NEW": _accepted,
    "TRADE_PREVENTION": _prevented,
    "CANCELED": _cancelled,
    "EXPIRED": _expired,
}
