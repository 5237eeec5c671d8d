from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict

from fasthook.api.filters import AnyInteger, AnyOf, IsSet, ListFilter, OneOf, YesNo, read_params
from fasthook.lib.errors import InvalidInput
from sources.models import Source
from teams.models import Team

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 29, 12, tzinfo=UTC)


class SourceFilter(ListFilter):
    moments = ("created_at",)
    extra = ("include",)

    id = AnyOf()
    type = OneOf(["WEBHOOK", "STRIPE", "GITHUB"])
    version = AnyInteger()
    is_disabled = IsSet(field_name="disabled_at")


class UserFilter(ListFilter):
    is_staff = YesNo()


@pytest.fixture
def team() -> Team:
    team = Team.objects.create(name="team")
    for number, kind in enumerate(["WEBHOOK", "STRIPE", "GITHUB"]):
        source = Source.objects.create(team=team, name=kind, slug=kind, type=kind, version=number)
        Source.objects.filter(pk=source.pk).update(created_at=NOW + timedelta(seconds=number))
    Source.objects.filter(name="GITHUB").update(disabled_at=NOW)
    return team


def names(team: Team, query: str) -> list[str]:
    rows = SourceFilter(read_params(QueryDict(query)), queryset=Source.objects.filter(team=team), now=NOW).rows()
    return sorted(row.name for row in rows)


def refusal(team: Team, query: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        names(team, query)
    return caught.value


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["GITHUB", "STRIPE", "WEBHOOK"]),
        ("type=STRIPE", ["STRIPE"]),
        ("type=STRIPE,GITHUB", ["GITHUB", "STRIPE"]),
        ("type=STRIPE&type=GITHUB", ["GITHUB", "STRIPE"]),
        ("type=STRIPE,%20GITHUB,,", ["GITHUB", "STRIPE"]),
        ("type=", ["GITHUB", "STRIPE", "WEBHOOK"]),
        ("type=STRIPE,GITHUB&version=1,0", ["STRIPE"]),
        ("is_disabled=true", ["GITHUB"]),
        ("is_disabled=false", ["STRIPE", "WEBHOOK"]),
        ("id=evt_1,des_2", []),
        ("created_at[gte]=2026-05-29T12:00:01Z", ["GITHUB", "STRIPE"]),
        ("created_at[gt]=2026-05-29T12:00:01Z", ["GITHUB"]),
        ("created_at[lte]=2026-05-29T12:00:01Z", ["STRIPE", "WEBHOOK"]),
        ("created_at[lt]=now", []),
        ("created_at[gte]=now-1m&created_at[lt]=2026-05-29T12:00:01Z", ["WEBHOOK"]),
        ("limit=5&order_by=name&dir=asc&next=x&team_id=tm_1&include=data", ["GITHUB", "STRIPE", "WEBHOOK"]),
    ],
)
def test_filters_narrow_and_comma_lists_widen(team: Team, query: str, expected: list[str]) -> None:
    assert names(team, query) == expected


def test_a_misspelt_parameter_is_refused_with_the_one_that_was_meant(team: Team) -> None:
    error = refusal(team, "verson=1&zzz=1")
    assert error.status == 422
    assert error.fields["verson"] == ["unknown parameter; did you mean version?"]
    assert error.fields["zzz"][0].startswith("unknown parameter; the legal ones are created_at[gt], created_at[gte], ")
    assert error.data["legal_parameters"][-3:] == ["team_id", "type", "version"]


@pytest.mark.parametrize(
    ("query", "name", "fault"),
    [
        ("type=stripe", "type", "must be one of: WEBHOOK, STRIPE, GITHUB"),
        ("type=STRIPE,PAYPAL", "type", "must be one of: WEBHOOK, STRIPE, GITHUB"),
        ("version=one", "version", "must be a whole number, or several separated by commas"),
        ("version=99999999999999999999", "version", "must be a whole number, or several separated by commas"),
        ("is_disabled=maybe", "is_disabled", "must be true or false"),
        ("id=a%00b", "id", "must not hold a null character"),
        ("id=" + ",".join(str(n) for n in range(101)), "id", "must not have more than 100 values"),
        (
            "created_at[gte]=yesterday",
            "created_at[gte]",
            "must be an ISO 8601 time such as 2026-05-29T10:00:00Z, or now-15m, now-24h, now",
        ),
    ],
)
def test_an_illegal_value_is_refused_by_name(team: Team, query: str, name: str, fault: str) -> None:
    error = refusal(team, query)
    assert (error.status, error.fields) == (422, {name: [fault]})


def test_every_faulty_parameter_is_named(team: Team) -> None:
    assert set(refusal(team, "type=x&version=y").fields) == {"type", "version"}


def test_true_and_false_are_the_only_yes_and_no(team: Team) -> None:
    users = Team.objects.none()
    assert UserFilter({"is_staff": "true"}, queryset=users, now=NOW).form.is_valid()
    assert not UserFilter({"is_staff": "1"}, queryset=users, now=NOW).form.is_valid()


def test_the_signature_holds_filters_as_written_and_not_the_page() -> None:
    params = {"type": "STRIPE", "created_at[gte]": "now-15m", "limit": "5", "next": "x", "include": "data", "id": ""}
    found = SourceFilter(params, queryset=Source.objects.none(), now=NOW)
    assert found.signature() == [("created_at[gte]", "now-15m"), ("type", "STRIPE")]
