"""Answers that are errors of the exchange itself, in Binance's words."""

from msgspec import Struct
from msgspec.json import decode, encode

from bowstring.local_exchange.api.call import Call
from bowstring.local_exchange.api.faults import Answer
from bowstring.local_exchange.api.refusals import Denied
from bowstring.local_exchange.faults.kinds import Error, FailCall

_ADVICE = "Please use WebSocket Streams for live updates"
_MESSAGES = {
    -1000: "An unknown error occurred while processing the request.",
    -1001: "Internal error; unable to process your request. Please try again.",
    -1006: "An unexpected response was received from the message bus. Execution status unknown.",
    -1007: "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    -1008: "Server is currently overloaded with other requests. Please try again in a few minutes.",
}
_PAGE = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body>\r\n</html>\r\n"


class _Form(Struct, frozen=True):
    """What an error looks like: JSON with a code, or a page with a title. ``retry_s``: the usual Retry-After."""

    status: int
    code: int = 0
    title: str = ""
    retry_s: int | None = None


_FORMS: dict[Error, _Form] = {
    "429": _Form(429, -1003, retry_s=1),
    "418": _Form(418, -1003, retry_s=120),
    "403": _Form(403, title="403 Forbidden"),
    "500": _Form(500, -1000),
    "502": _Form(502, title="502 Bad Gateway"),
    "503": _Form(503, -1008),
    "504": _Form(504, -1007),
    "-1000": _Form(500, -1000),
    "-1001": _Form(500, -1001),
    "-1006": _Form(500, -1006),
    "-1007": _Form(504, -1007),
    "-1008": _Form(503, -1008),
    "html": _Form(502, title="502 Bad Gateway"),
}


def not_carried_out() -> Denied:
    """Keeps a call from being carried out; with a status of success, for an answer that cannot be read."""
    return Denied(-1000, _MESSAGES[-1000], status=200)


def failed(fault: FailCall, call: Call, answer: Answer, *, now_us: int) -> Answer:
    """What is answered instead."""
    form = _FORMS.get(fault.error)
    if form is None:
        return Answer(status=answer.status, body=answer.body[: len(answer.body) // 2], headers=answer.headers)
    if form.title:
        page = _PAGE.format(form.title).encode()
        return Answer(status=form.status, body=page, headers={"Content-Type": "text/html"})
    retry_s = fault.retry_after_s or form.retry_s
    until_us = now_us + (retry_s or 0) * 1_000_000
    error: dict[str, object] = {"code": form.code, "msg": _message(form, until_us)}
    if call.interface == "rest":
        retry = {} if retry_s is None else {"Retry-After": str(retry_s)}
        return Answer(status=form.status, body=encode(error), headers={**answer.headers, **retry})
    if retry_s is not None:
        error["data"] = {"serverTime": call.time(now_us), "retryAfter": call.time(until_us)}
    return Answer(status=form.status, body=_reply(answer, status=form.status, error=error))


def _message(form: _Form, until_us: int) -> str:
    if form.status == 429:
        limit = "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
        return f"{limit} {_ADVICE} to avoid polling the API."
    if form.status == 418:
        return f"Way too much request weight used; IP banned until {until_us // 1000}. {_ADVICE} to avoid bans."
    return _MESSAGES[form.code]


def _reply(answer: Answer, *, status: int, error: dict[str, object]) -> bytes:
    """A frame of the WebSocket API with the id and the limits of the one that it stands for."""
    told = decode(answer.body, type=dict[str, object])
    limits = {name: told[name] for name in ("rateLimits",) if name in told}
    return encode({"id": told["id"], "status": status, "error": error, **limits})
