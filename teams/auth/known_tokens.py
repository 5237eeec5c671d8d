"""Known tokens: what in a text may be a bearer token, and which of these exist here as API key or session token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from fasthook.lib.crypto import credential_digest
from teams.auth.credentials import API_KEY, SESSION_TOKEN

_FORM = re.compile(f"{API_KEY.pattern}|{SESSION_TOKEN.pattern}")
# By the unique indexes of the digests. A session that is over is still a session's token.
_KNOWN_SQL = """
SELECT api_key_digest FROM teams_projectsecrets WHERE api_key_digest = ANY(%(digests)s)
UNION ALL
SELECT digest FROM teams_sessiontoken WHERE digest = ANY(%(digests)s)
"""


def possible_tokens(text: str) -> set[str]:
    """The digests of what has the form of a token, anywhere in the text. Other products' tokens may have it too."""
    return {credential_digest(found) for found in _FORM.findall(text)}


def find_known_tokens(connection: Connection[Any], digests: Sequence[str]) -> set[str]:
    """Those of the digests that are an API key's or a session token's of this installation."""
    return {digest for (digest,) in connection.execute(_KNOWN_SQL, {"digests": list(digests)})}
