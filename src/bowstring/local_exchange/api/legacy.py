"""The endpoints of listen keys, which Binance has retired."""

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.replies import Reply
from bowstring.local_exchange.api.service import Service


def create(service: Service, call: Call) -> Reply:
    """A listen key."""
    return {"listenKey": service.listen_keys.create(call.account)}


def prolong(service: Service, call: Call) -> Reply:
    """Keep a listen key alive."""
    service.listen_keys.prolong(call.account, call.parameters.text("listenKey"))
    return {}


def end(service: Service, call: Call) -> Reply:
    """End a listen key."""
    service.listen_keys.end(call.account, call.parameters.text("listenKey"))
    return {}
