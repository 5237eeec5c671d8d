"""The trace of a request over HTTP. Reads only."""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request as Call
from rest_framework.response import Response

from events.evidence.timeline.compose import make_timeline
from events.evidence.timeline.reading import DEFAULT_BRANCHES, MAX_BRANCHES, read_evidence
from events.evidence.timeline.serializers import TraceOutput, timeline_answer
from fasthook.api.filters import read_params, refuse_unknown
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import utc_now
from teams.auth.permissions import TeamRequest

_CURSOR = "What pagination.next or pagination.prev was."


class TraceViewSet(ApiViewSet):
    @extend_schema(
        operation_id="get_request_trace",
        tags=["requests"],
        parameters=[
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MAX_BRANCHES, "default": DEFAULT_BRANCHES},
                description="Branches on a page.",
            ),
            *[OpenApiParameter(name, str, description=_CURSOR) for name in ("next", "prev", "cursor")],
        ],
        responses=TraceOutput,
    )
    def retrieve(self, request: Call, request_id: str) -> Response:
        """One timeline of a request: received, verified, each branch with what its rules did, held and released,
        attempts, what people did, and what is still to come. Pages are of branches, oldest first; what belongs to the
        request itself is on the first page."""
        params = read_params(request.query_params)
        refuse_unknown(params, ["limit", "next", "prev", "cursor", "team_id"])
        now = utc_now()
        evidence = read_evidence(cast(TeamRequest, request).team.id, request_id, params, now=now)
        return Response(timeline_answer(evidence, make_timeline(evidence, now=now)))
