"""The audit log over HTTP: a list, newest first, within a range of time."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from fasthook.api import timerange
from fasthook.api.describe import AppliedRangeOutput, filter_parameters, list_answer
from fasthook.api.filters import AnyOf, ListFilter, OneOf, read_params
from fasthook.api.pagination import paginate
from fasthook.api.timerange import read_range
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from teams.audit.serializers import AuditEntryOutput, audit_answer
from teams.auth.permissions import TeamRequest
from teams.models import ActorType, AuditEntry
from teams.scoping import for_team

MAX_LIMIT = 100
# Values of one comma list that are read one by one; beyond that the range is read through.
MAX_PARTS = 10


class AuditFilter(ListFilter):
    extra = timerange.PARAMETERS
    splits = ("resource_id", "actor", "action", "resource_type")

    id = AnyOf()
    actor = AnyOf(field_name="actor_id", help_text="Ids of users (usr_) or API keys (key_).")
    actor_type = OneOf(ActorType.values)
    action = AnyOf(help_text="Such as connection.paused.")
    resource_type = AnyOf(help_text="Such as connection.")
    resource_id = AnyOf()


class AuditViewSet(ApiViewSet):
    @extend_schema(
        operation_id="list_audit_entries",
        tags=["audit"],
        parameters=filter_parameters(AuditFilter, paged=True),
        responses=list_answer("AuditEntry", AuditEntryOutput, facts={"applied_range": AppliedRangeOutput()}),
    )
    def list(self, request: TeamRequest) -> Response:
        """Changes of configuration, operator actions and sign-ins: who, what, before and after, secrets masked."""
        params, now = read_params(request.query_params), utc_now()
        time_range = read_range(params, now=now)
        rows = for_team(AuditEntry, request.team).filter(**time_range.id_bounds("aud"))
        wanted = AuditFilter(params, queryset=rows, now=now)
        wanted.rows()
        page = paginate(
            *wanted.parts(at_most=MAX_PARTS),
            params=params,
            resource="audit",
            orders={"created_at": "id"},
            signature=[request.team.id, *wanted.signature()],
            max_limit=MAX_LIMIT,
        )
        facts = {"applied_range": time_range.applied()}
        return Response(page.answer([audit_answer(row) for row in page.rows], facts=facts))
