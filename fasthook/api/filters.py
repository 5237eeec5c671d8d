"""List filters: django-filter sets whose faults are the API's (422, naming the parameter).

Comma lists are ORs. Parameters that a list does not know are refused, never ignored: a misspelt filter would answer
with everything. Order, cursors and ranges over evidence are read elsewhere; their names are declared here as `extra`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, ClassVar

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict
from django_filters import Filter, FilterSet
from drf_spectacular.utils import extend_schema_field

from fasthook.api import pagination
from fasthook.lib.clock import parse_when
from fasthook.lib.errors import InvalidInput

MAX_VALUES = 100
# Names that every list understands: its page, and the team (teams/auth/bearer.py reads that).
COMMON = (*pagination.PARAMETERS, "team_id")
# These do not change which rows a list holds, so a cursor survives them.
_NOT_IN_SIGNATURE = frozenset({*COMMON, "include"})


def read_params(query: QueryDict) -> dict[str, str]:
    """One text per parameter: a repeated one is the comma list of its values."""
    return {name: ",".join(query.getlist(name)) for name in query}


def refuse_unknown(params: Iterable[str], known: Iterable[str]) -> None:
    """InvalidInput naming every parameter that is not known, the legal ones, and a close one where there is one."""
    legal = sorted(set(known))
    faults: dict[str, list[str]] = {}
    for name in params:
        if name not in legal:
            near = get_close_matches(name, legal, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the legal ones are {', '.join(legal)}"
            faults[name] = [f"unknown parameter; {hint}"]
    if faults:
        raise InvalidInput(
            f"unknown query parameters: {', '.join(faults)}", fields=faults, data={"legal_parameters": legal}
        )


class _ValuesField(forms.Field):
    """A comma list. `legal` gives the values that may appear, None any text."""

    def __init__(self, *, legal: tuple[str, ...] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.legal = legal

    def to_python(self, value: Any) -> list[Any] | None:
        texts = [text.strip() for text in str(value or "").split(",") if text.strip()]
        if len(texts) > MAX_VALUES:
            raise forms.ValidationError(f"must not have more than {MAX_VALUES} values")
        return [self.read(text) for text in dict.fromkeys(texts)] or None

    def read(self, text: str) -> Any:
        if "\0" in text:
            raise forms.ValidationError("must not hold a null character")
        if self.legal is not None and text not in self.legal:
            raise forms.ValidationError(f"must be one of: {', '.join(self.legal)}")
        return text


class _IntegersField(_ValuesField):
    def read(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise forms.ValidationError("must be a whole number, or several separated by commas")
        return int(text)


class _YesNoField(_ValuesField):
    def read(self, text: str) -> bool:
        if text not in ("true", "false"):
            raise forms.ValidationError("must be true or false")
        return text == "true"


@extend_schema_field({"type": "string"})
class AnyOf(Filter):
    """`field` equals one of the values. Ids of another kind, or that do not exist, simply match nothing."""

    field_class = _ValuesField

    def filter(self, qs: QuerySet[Any], value: list[Any] | None) -> QuerySet[Any]:
        if not value:
            return qs
        # One value as an equation: that is what partial indexes and ordered index scans are matched by.
        condition = {self.field_name: value[0]} if len(value) == 1 else {f"{self.field_name}__in": value}
        return qs.filter(**condition)

    def split(self, qs: QuerySet[Any], value: list[Any]) -> list[QuerySet[Any]]:
        """One queryset for each value: each can be read in the order of an index, which several together cannot."""
        return [self.filter(qs, [each]) for each in value]


class OneOf(AnyOf):
    """Like AnyOf; other values than `legal` are refused."""

    def __init__(self, legal: Iterable[str], **kwargs: Any) -> None:
        values = tuple(str(value) for value in legal)
        super().__init__(legal=values, help_text=f"One or several of: {', '.join(values)}.", **kwargs)


class AnyInteger(AnyOf):
    field_class = _IntegersField


@extend_schema_field({"type": "boolean"})
class YesNo(AnyOf):
    field_class = _YesNoField


@extend_schema_field({"type": "boolean"})
class IsSet(AnyOf):
    """Whether the column is not null."""

    field_class = _YesNoField

    def filter(self, qs: QuerySet[Any], value: list[Any] | None) -> QuerySet[Any]:
        return qs if not value or len(value) > 1 else qs.filter(**{f"{self.field_name}__isnull": not value[0]})


@extend_schema_field({"type": "string"})
class Moment(Filter):
    """`created_at[gte]=2026-05-29T10:00:00Z` or `=now-24h`: a bound on a time column."""

    field_class = forms.CharField

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return qs
        at = f"{self.field_name}[{self.lookup_expr}]"
        moment = parse_when(value, at=at, now=self.parent.now)
        return qs.filter(**{f"{self.field_name}__{self.lookup_expr}": moment})


class ListFilter(FilterSet):
    """The filters of one list. `moments` are time columns that take [gt], [gte], [lt], [lte]; `extra` are the names of
    parameters that the list reads itself."""

    moments: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[tuple[str, ...]] = ()
    # Which comma lists `parts` may take apart, the best first.
    splits: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: Mapping[str, str], *, queryset: QuerySet[Any], now: datetime) -> None:
        super().__init__(data=params, queryset=queryset)
        self.params = params
        self.now = now

    @classmethod
    def get_filters(cls) -> dict[str, Filter]:
        bounds = {
            f"{column}[{lookup}]": Moment(field_name=column, lookup_expr=lookup)
            for column in cls.moments
            for lookup in ("gt", "gte", "lt", "lte")
        }
        return {**super().get_filters(), **bounds}

    def rows(self) -> QuerySet[Any]:
        """The queryset with every given filter applied. Raises InvalidInput naming each faulty parameter."""
        refuse_unknown(self.params, [*self.base_filters, *self.extra, *COMMON])
        if not self.form.is_valid():
            faults = {name: [str(fault) for fault in found] for name, found in self.form.errors.items()}
            name, found = next(iter(faults.items()))
            raise InvalidInput(f"{name}: {found[0]}", fields=faults)
        filtered: QuerySet[Any] = self.filter_queryset(self.queryset)
        return filtered

    def parts(self, *, at_most: int) -> list[QuerySet[Any]]:
        """The rows as querysets without a row in common, one for each value of a comma list; of valid filters only."""
        given = self.form.cleaned_data
        for name in self.splits:
            if not given[name]:
                continue
            rows = self.queryset
            for other in given:
                if other != name:
                    rows = self.filters[other].filter(rows, given[other])
            parts: list[QuerySet[Any]] = self.filters[name].split(rows, given[name])
            if 1 < len(parts) <= at_most:
                return parts
        return [self.filter_queryset(self.queryset)]

    def signature(self) -> list[tuple[str, str]]:
        """What ties a cursor to these filters, as they were written: `from=now-15m` stays itself from page to page."""
        return sorted((name, text) for name, text in self.params.items() if name not in _NOT_IN_SIGNATURE and text)
