"""The endpoints of listen keys, which Binance has retired."""

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.context import Context
from bowstring.local_exchange.api.replies import Reply


def create(service: Context, call: Call) -> Reply:
    """A listen key."""
    return {"listenKey": service.listen_keys.create(call.account)}


def prolong(service: Context, call: Call) -> Reply:
    """Keep a listen key alive."""
    service.listen_keys.prolong(call.account, call.parameters.text("listenKey"))
    return {}


def end(service: Context, call: Call) -> Reply:
    """End a listen key."""
    service.listen_keys.end(call.account, call.parameters.text("listenKey"))
    return {}
