"""What a bot's author needs of Pond."""

from bowstring.trading.executor import OrderExecutor
from examples.pond.gateway import PondGateway
from examples.pond.market import PondMarket


class PondVenue:
    """Trades as ``account``; several accounts have several venues, by their names."""

    def __init__(self, port: int, *, account: str, host: str = "127.0.0.1") -> None:
        self.name = f"pond:{account}"
        self._host, self._port, self._account = host, port, account

    def market(self) -> PondMarket:
        return PondMarket(self.name, host=self._host, port=self._port)

    def gateway(self) -> PondGateway:
        return PondGateway(self.name, host=self._host, port=self._port, account=self._account)

    def executor(self) -> OrderExecutor:
        return OrderExecutor(self.gateway())
