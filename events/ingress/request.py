"""A call as verifiers and custom responses see it, with its URL as the provider called it."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from fasthook.lib.browsers.cookies import drop_product_cookies
from fasthook.lib.headers import merge_headers
from sources.catalog import SourceEntry
from sources.verification.custom_response.response import CustomResponse
from sources.verification.request import InboundRequest


def read_headers(scope: MutableMapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of lower-case name and value, without the cookies of FastHook itself: nobody here is to see them."""
    return drop_product_cookies(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]
    )


class InboundReader:
    """The URL is the source's own (BASE_URL or the host of INGRESS_URL_TEMPLATE), unless a trusted proxy said by which
    address it was called (`fasthook.root`, put into the scope by fasthook/asgi.py)."""

    def __init__(self, template: str, base_url: str) -> None:
        parts = urlsplit(template)
        self._root = base_url if template.startswith("{base}") else f"{parts.scheme}://{parts.netloc}"

    def read(
        self,
        source: SourceEntry,
        path: str,
        scope: MutableMapping[str, Any],
        headers: list[tuple[str, str]],
        body: bytes | None,
    ) -> InboundRequest | None:
        """None where nobody will look: no body to verify, no verifier, no custom response."""
        if body is None or (source.verifier is None and not isinstance(source.response, CustomResponse)):
            return None
        query = scope["query_string"].decode("latin-1")
        root = scope.get("fasthook.root") or self._root.replace("{slug}", source.slug)
        return InboundRequest(
            method=scope["method"],
            path=path,
            query=query,
            headers=merge_headers(headers),
            body=body,
            url=f"{root}{scope['raw_path'].decode('latin-1')}{'?' + query if query else ''}",
        )
