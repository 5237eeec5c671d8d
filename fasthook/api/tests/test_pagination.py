from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fasthook.api.cursor import decode_cursor, encode_cursor, list_signature
from fasthook.api.pagination import Page, paginate
from fasthook.lib.errors import InvalidInput
from sources.models import Source
from teams.models import Team

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 29, 12, tzinfo=UTC)
ORDERS = {"created_at": "created_at", "name": "name", "id": "id"}


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="team")


@pytest.fixture
def other_team() -> Team:
    return Team.objects.create(name="other")


def make_sources(team: Team, times: list[datetime], names: list[str] | None = None) -> list[Source]:
    made = Source.objects.bulk_create(
        Source(team=team, name=names[i] if names else f"s{i:03}", slug=f"{team.pk}-{i}") for i in range(len(times))
    )
    for source, at in zip(made, times, strict=True):
        Source.objects.filter(pk=source.pk).update(created_at=at)
    return made


def page(team: Team, **params: str) -> Page[Source]:
    return paginate(Source.objects.filter(team=team), params=params, resource="sources", orders=ORDERS)


def walk(team: Team, way: str, page_: Page[Source], **params: str) -> list[list[str]]:
    pages = []
    while cursor := getattr(page_, way):
        page_ = page(team, **params, **{way: cursor})
        pages.append([row.name for row in page_.rows])
    return pages


def refusal(**kwargs: object) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        page(**kwargs)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize("order_by", ["created_at", "name", "id"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_every_row_comes_once_forwards_and_backwards_whatever_ties(
    team: Team, other_team: Team, order_by: str, direction: str
) -> None:
    # Seven rows in three instants: every page border falls inside a tie.
    sources = make_sources(team, [NOW + timedelta(seconds=i // 3) for i in range(7)])
    make_sources(other_team, [NOW] * 3)
    names = [source.name for source in sources]
    expected = names if direction == "asc" else names[::-1]
    asked = {"order_by": order_by, "dir": direction, "limit": "2"}

    first = page(team, **asked)
    forwards = walk(team, "next", first, **asked)
    assert [row.name for row in first.rows] + [name for part in forwards for name in part] == expected
    assert [len(part) for part in forwards] == [2, 2, 1]

    last = page(team, **asked, next=last_cursor(team, first, asked))
    assert walk(team, "prev", last, **asked) == [expected[4:6], expected[2:4], expected[0:2]]


def last_cursor(team: Team, page_: Page[Source], asked: dict[str, str]) -> str:
    cursor = page_.next
    while cursor:
        page_, used = page(team, **asked, next=cursor), cursor
        cursor = page_.next
    return used


def test_the_newest_come_first_and_the_ends_have_no_cursor(team: Team) -> None:
    make_sources(team, [NOW + timedelta(seconds=i) for i in range(4)])
    first = page(team, limit="2")
    assert ([row.name for row in first.rows], first.prev) == (["s003", "s002"], None)
    second = page(team, limit="2", cursor=first.next or "")
    assert ([row.name for row in second.rows], second.next) == (["s001", "s000"], None)
    back = page(team, limit="2", cursor=second.prev or "")
    assert ([row.name for row in back.rows], back.prev) == (["s003", "s002"], None)
    assert back.next is not None


def test_rows_that_arrive_while_reading_neither_repeat_nor_shift(team: Team, other_team: Team) -> None:
    make_sources(team, [NOW + timedelta(seconds=i) for i in range(4)])
    first = page(team, limit="2")
    Source.objects.create(team=team, name="late", slug="late")
    assert [row.name for row in page(team, limit="2", next=first.next or "").rows] == ["s001", "s000"]


def test_the_answer_has_the_shape_of_the_api(team: Team, other_team: Team) -> None:
    make_sources(team, [NOW, NOW + timedelta(seconds=1)])
    make_sources(other_team, [NOW])
    found = page(team, limit="1")
    answer = found.answer([{"name": row.name} for row in found.rows])
    assert list(answer) == ["pagination", "count", "total", "total_exact", "models"]
    assert list(answer["pagination"]) == ["order_by", "dir", "limit", "next", "prev"]
    assert answer["pagination"] | {"next": None} == {
        "order_by": "created_at",
        "dir": "desc",
        "limit": 1,
        "next": None,
        "prev": None,
    }
    assert answer["pagination"]["next"] == found.next
    assert (answer["count"], answer["total"], answer["total_exact"]) == (1, 2, True)
    assert answer["models"] == [{"name": "s001"}]


def test_an_empty_list_is_a_page(team: Team, other_team: Team) -> None:
    make_sources(other_team, [NOW])
    found = page(team)
    assert (found.rows, found.next, found.prev, found.total, found.total_exact) == ([], None, None, 0, True)
    assert found.limit == 100


@pytest.mark.parametrize(("rows", "total", "exact"), [(2, 2, True), (3, 3, True), (4, 3, False), (9, 3, False)])
def test_totals_are_exact_up_to_the_bound(
    team: Team, monkeypatch: pytest.MonkeyPatch, rows: int, total: int, exact: bool
) -> None:
    monkeypatch.setattr("fasthook.api.pagination.COUNT_UP_TO", 3)
    make_sources(team, [NOW] * rows)
    found = page(team, limit="1")
    assert (found.total, found.total_exact) == (total, exact)


def test_the_count_stops_reading_at_the_bound(team: Team) -> None:
    make_sources(team, [NOW] * 2)
    with CaptureQueriesContext(connection) as queries:
        page(team, limit="1")
    assert len(queries) == 2
    assert "LIMIT 10001" in queries[1]["sql"]


def test_a_list_that_fits_its_first_page_is_not_counted_again(team: Team, other_team: Team) -> None:
    make_sources(team, [NOW] * 2)
    make_sources(other_team, [NOW] * 2)
    with CaptureQueriesContext(connection) as queries:
        found = page(team, limit="2")
    assert (len(queries), found.total, found.total_exact) == (1, 2, True)


@pytest.mark.parametrize("limit", ["0", "256", "100000", "-1", "abc", "", "1.5", "٣", "1" * 5000])
def test_a_bad_limit_is_refused_by_name(team: Team, limit: str) -> None:
    error = refusal(team=team, limit=limit)
    assert (error.status, error.fields) == (422, {"limit": ["must be a whole number from 1 to 255"]})


def test_the_limit_goes_up_to_255(team: Team) -> None:
    assert page(team, limit="255").limit == 255


def test_a_bad_order_is_refused_with_the_legal_ones(team: Team) -> None:
    assert refusal(team=team, order_by="auth").fields == {"order_by": ["must be one of: created_at, name, id"]}
    assert refusal(team=team, dir="up").fields == {"dir": ["must be asc or desc"]}


def test_a_cursor_belongs_to_one_resource_order_and_filter(team: Team) -> None:
    make_sources(team, [NOW] * 3)
    cursor = page(team, limit="1").next or ""
    belongs = ["belongs to another list, order or filter; start again without it"]
    assert refusal(team=team, next=cursor, dir="asc").fields == {"next": belongs}
    assert refusal(team=team, next=cursor, order_by="name").fields == {"next": belongs}
    for resource, signature in [("destinations", []), ("sources", ["status=enabled"])]:
        with pytest.raises(InvalidInput) as caught:
            paginate(
                Source.objects.filter(team=team),
                params={"next": cursor},
                resource=resource,
                orders=ORDERS,
                signature=signature,
            )
        assert caught.value.fields == {"next": belongs}


def test_another_page_size_may_use_the_same_cursor(team: Team) -> None:
    make_sources(team, [NOW + timedelta(seconds=i) for i in range(5)])
    cursor = page(team, limit="1").next or ""
    assert [row.name for row in page(team, limit="3", next=cursor).rows] == ["s003", "s002", "s001"]


def test_two_cursors_at_once_are_refused(team: Team) -> None:
    assert list(refusal(team=team, next="a", prev="b").fields) == ["next", "prev"]


@pytest.mark.parametrize(
    "key",
    [["not a time", "src_1"], ["2026-05-29T12:00:00", "src_1"], ["2026-05-29T12:00:00+00:00"], ["\ud800", "src_1"]],
)
def test_a_forged_cursor_is_refused_not_run(team: Team, key: list[str]) -> None:
    signature = list_signature("sources", "created_at", "desc")
    cursor = encode_cursor(signature, key, backward=False)
    assert decode_cursor(cursor, signature, at="next").key == tuple(key)
    assert refusal(team=team, next=cursor).status == 422


def test_damaged_cursors_are_refused_by_the_name_they_came_in(team: Team) -> None:
    assert list(refusal(team=team, prev="%%%").fields) == ["prev"]
    assert list(refusal(team=team, next="bm90IGpzb24").fields) == ["next"]
