"""What every call goes through, whatever it came over: limits, key, signature, time, the ledger, then its handler."""

import re

from bowstring.local_exchange.api.call import PERMISSIONS, Call, Endpoint, Security
from bowstring.local_exchange.api.context import Context
from bowstring.local_exchange.api.keys import Key
from bowstring.local_exchange.api.parameters import Parameters, check_names
from bowstring.local_exchange.api.refusals import illegal, missing
from bowstring.local_exchange.clerk import Request
from bowstring.local_exchange.matching.orders import Refused

AHEAD_US = 1_000_000
WINDOW_US, LONGEST_WINDOW_MS = 5_000_000, 60_000
SIGNING = frozenset({"timestamp", "recvWindow"})
_RECV_WINDOW = r"^([0-9]{1,20})(\.[0-9]{1,3})?$"
_LEGAL_RECV_WINDOW = re.compile(r"([0-9]{1,20})(?:\.([0-9]{1,3}))?")


class Service(Context):
    """Lets calls in and carries them out."""

    def admit(self, call: Call) -> None:
        """Count a call and verify who makes it. Raises `Refused`, which is on record then."""
        try:
            self._admit(call)
        except Refused as refused:
            self.write_down(call, refused=refused.code)
            raise

    def _admit(self, call: Call) -> None:
        self.usage.request(call.address, weight=weigh(call.endpoint, call.parameters))
        endpoint = call.endpoint
        if endpoint.is_signed:
            call.key = self.verify(call)
        elif endpoint.security is Security.KEY:
            call.key = self.keyring.key(call.key_id, permission=PERMISSIONS[Security.KEY])
        if endpoint.parameters is not None:
            signing = SIGNING if endpoint.is_signed else frozenset[str]()
            check_names(call.parameters.values, known=endpoint.parameters | signing)

    def verify(self, call: Call) -> Key:
        """The key that signed a call. Raises `Refused`."""
        permission = PERMISSIONS.get(call.endpoint.security)
        if call.session_key is not None:
            key = self.keyring.key(call.session_key.id, permission=permission)
            self.check_time(call.parameters)
            return key
        key = self.keyring.key(call.key_id, permission=permission)
        signature = call.parameters.text("signature")
        call.parameters.text("timestamp")
        if not key.lock.fits(call.payload, signature):
            raise Refused(-1022, "Signature for this request is not valid.")
        self.check_time(call.parameters)
        return key

    def check_time(self, parameters: Parameters) -> None:
        """Raise `Refused` unless a call was made within its window."""
        timestamp_us = parameters.time_us("timestamp") if parameters.values.get("timestamp") else None
        if timestamp_us is None:
            raise missing("timestamp")
        window_us, now_us = _window_us(parameters), self.now_us()
        if timestamp_us >= now_us + AHEAD_US:
            raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now_us - timestamp_us > window_us:
            raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")

    def execute(self, call: Call) -> object:
        """Carry out an admitted call; all it does happens in here, without a pause. Raises `Refused`."""
        endpoint = call.endpoint
        self.write_down(call)
        if endpoint.is_signed:
            self.check_time(call.parameters)
        result = endpoint.handler(self, call)
        if endpoint.is_free:
            self.usage.forgive(call.address, weight=weigh(endpoint, call.parameters))
        return result

    def write_down(self, call: Call, *, refused: int | None = None) -> None:
        """Put a call on record, before anything is done about it, or the code that it was refused with."""
        request = Request(
            received_us=call.received_us,
            interface=call.interface,
            method=call.method,
            account=None if call.key is None else call.account.name,
            params=call.parameters.values,
            refused=refused,
        )
        self.clerk.receive(request)


def weigh(endpoint: Endpoint, parameters: Parameters) -> int:
    """The weight of a call."""
    weight = endpoint.weight
    return weight if isinstance(weight, int) else weight(parameters)


def _window_us(parameters: Parameters) -> int:
    text = parameters.optional("recvWindow")
    if text is None:
        return WINDOW_US
    parts = _LEGAL_RECV_WINDOW.fullmatch(text)
    if parts is None:
        raise illegal("recvWindow", _RECV_WINDOW)
    window_us = int(parts[1] + (parts[2] or "").ljust(3, "0"))
    if window_us > LONGEST_WINDOW_MS * 1000:
        raise Refused(-1131, "'recvWindow' must be less than 60000.")
    return window_us
