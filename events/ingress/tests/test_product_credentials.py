"""What signs somebody in to FastHook and comes to a source URL nevertheless: it leaves no trace there."""

from __future__ import annotations

import pytest

from events.ingress.tests.test_ingress import call, project  # noqa: F401
from events.models import Request
from events.tests.plane import change
from events.tests.seed import Project

COOKIES = "a=1; __Host-fasthook-session=secret;b=2 ; fasthook-csrf=secret"


def kept() -> list[list[str]]:
    """The headers of the one request that was stored, without its host. Removes it."""
    row = Request.objects.get()
    Request.objects.all().delete()
    return [pair for pair in row.headers if pair[0] != "host"]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_our_cookies_are_no_evidence_also_of_what_is_refused(project: Project, method: str) -> None:  # noqa: F811
    headers = [("Cookie", COOKIES), ("x-a", "1"), ("cookie", "fasthook-session=secret")]
    assert call(method=method, headers=headers).status == (200 if method == "POST" else 405)
    assert kept() == [["cookie", "a=1;b=2 "], ["x-a", "1"]]


def test_a_custom_response_cannot_read_our_cookies(project: Project) -> None:  # noqa: F811
    rule = {"match": {"headers": {"cookie": {"starts_with": "fast"}}}, "content_type": "text", "body": "matched"}
    change(project.source, custom_response={"rules": [rule], "content_type": "text", "body": "[{{headers.cookie}}]"})
    headers = [("cookie", "fasthook-session=secret; a=1"), ("cookie", "fasthook-csrf=secret")]
    assert call(headers=headers).body == b"[a=1]"
