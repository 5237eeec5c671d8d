"""The one shape in which `build` knows signatures: what they may cover, what they write. Schemes are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Headers: TypeAlias = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A request as it would be sent without its signature: header names in lower case, host and content-length not
    among them. `now` in Unix seconds; `signing_secrets` are the project's, the current one first."""

    method: str
    url: str
    headers: Headers
    body: bytes
    event_id: str
    signing_secrets: tuple[str, ...]
    now: float


@dataclass(frozen=True, slots=True)
class Signature:
    """The headers to add, and the URL to send to: a scheme that covers the URL may have to spell it its own way."""

    url: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class Signer:
    """`writes` are the header names that only `sign` may set: the request's own of these names stay behind. `hides`
    are those of them that evidence shows as `***`; a signature itself tells nobody the secret."""

    sign: Callable[[Unsigned], Signature]
    writes: frozenset[str]
    hides: frozenset[str] = frozenset()
