"""Sandboxed answers: what strangers and members chose may be shown by a browser, but runs nothing on this host.

Source URLs, the built-in receiver and raw bodies may share their host with the admin. The headers are set last, on
refusals and faults too, so neither a configuration nor a view can take them away.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponseBase

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

HEADERS: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}
ASGI_HEADERS: Final = tuple((name.lower().encode(), value.encode()) for name, value in HEADERS.items())
_NAMES: Final = frozenset(name for name, _ in ASGI_HEADERS)
_RAW_BODY: Final = "/raw_body"


def sandboxed(send: Send) -> Send:
    """For ASGI applications: whatever they answer is sent with HEADERS, and with no others of these names."""

    async def send_sandboxed(message: Message) -> None:
        if message["type"] == "http.response.start":
            others = [pair for pair in message["headers"] if pair[0].lower() not in _NAMES]
            message = {**message, "headers": [*others, *ASGI_HEADERS]}
        await send(message)

    return send_sandboxed


def raw_bodies_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """For Django: the outermost middleware, so that what others refuse is an answer to it too."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.path.endswith(_RAW_BODY):
            for name, value in HEADERS.items():
                response.headers[name] = value
        return response

    return answer
