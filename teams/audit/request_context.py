"""The request context: the caller, address and id of the call that is being answered. The audit log reads it.

Without a call (the bootstrap, a provider's handshake) it is the system that acts.
"""

from __future__ import annotations

import re
from asyncio import iscoroutinefunction
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from fasthook.lib.ids import new_id
from teams.auth.credentials import Actor, CredentialKind
from teams.models import ActorType, User

HEADER = "X-Request-Id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Who:
    """`id` is a user's (`usr_`) or an API key's (`key_`)."""

    type: ActorType
    id: str | None
    label: str


SYSTEM = Who(ActorType.SYSTEM, None, "system")
ANONYMOUS = Who(ActorType.ANONYMOUS, None, "")


def member(user: User) -> Who:
    return Who(ActorType.MEMBER, user.id, user.email)


def staff(user: User) -> Who:
    """Support staff acting in the admin: not necessarily a member of the team that it is about."""
    return Who(ActorType.STAFF, user.id, user.email)


def who_is(actor: Actor) -> Who:
    if actor.kind is CredentialKind.API_KEY or actor.user is None:
        return Who(ActorType.API_KEY, actor.key_id, "API key")
    return member(actor.user)


@dataclass(slots=True)
class RequestContext:
    """One HTTP call to the API or the admin."""

    request_id: str
    ip: str | None
    http: HttpRequest
    who: Who | None = None


_current: ContextVar[RequestContext | None] = ContextVar("fasthook_call", default=None)


def current_context() -> RequestContext | None:
    return _current.get()


def current_who() -> Who:
    call = _current.get()
    if call is None:
        return SYSTEM
    if call.who is None:
        # Nobody's credential selected a team: a page of the admin, whose cookie says who it is.
        user = getattr(call.http, "user", None)
        call.who = staff(user) if isinstance(user, User) else ANONYMOUS
    return call.who


def act_as(who: Who) -> None:
    """What is changed during the rest of this call is changed by `who`."""
    call = _current.get()
    if call is not None:
        call.who = who


@sync_and_async_middleware
def request_context_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Gives every call an id, its own if it brings a sensible one, and answers with it."""
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponse:
            with _during(request) as call:
                response = await cast(Awaitable[HttpResponse], get_response(request))
            response.headers.setdefault(HEADER, call.request_id)
            return response

        return answer_async

    def answer(request: HttpRequest) -> HttpResponse:
        with _during(request) as call:
            response: HttpResponse = get_response(request)
        response.headers.setdefault(HEADER, call.request_id)
        return response

    return answer


@contextmanager
def _during(request: HttpRequest) -> Iterator[RequestContext]:
    given = request.headers.get(HEADER, "")
    call = RequestContext(
        request_id=given if _REQUEST_ID.fullmatch(given) else new_id("call"),
        ip=request.META.get("REMOTE_ADDR") or None,
        http=request,
    )
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)
