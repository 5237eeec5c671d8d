from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db.models import Func, QuerySet, TextField, Value

from events.evidence import bounded_reads, selectors
from events.tests.seed import Project, make_request
from fasthook.testing import ApiCaller


@pytest.fixture
def slow_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row of a list takes ten seconds, and half a second is what a read may take."""

    original = selectors.paginate

    def paginate(rows: QuerySet[Any], **kwargs: Any) -> Any:
        return original(rows.annotate(nap=Func(Value(10), function="pg_sleep", output_field=TextField())), **kwargs)

    monkeypatch.setattr(selectors, "paginate", paginate)
    monkeypatch.setattr(bounded_reads, "MAX_READ_S", 0.5)


@pytest.mark.usefixtures("slow_lists")
def test_a_list_that_would_read_too_long_is_refused_with_what_to_do(
    api: ApiCaller, team: Project, now: datetime
) -> None:
    make_request(team, now)
    answer = api.get("/v1/requests")
    assert (answer.status_code, answer.json()["code"]) == (422, "RANGE_TOO_WIDE")
    assert answer.json()["error"] == (
        "this filter finds too little in too much: narrow from and to, or add a connection, destination or source"
    )
    assert answer.json()["fields"] == {"from": ["the range is too wide for this filter"]}
    # The connection is fit for the next call.
    assert api.get("/v1/requests/count").status_code == 200
