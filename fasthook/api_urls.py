"""The whole /v1 table. Paths have no slash at the end; ids are opaque."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import path

from alerts.api.alerts import AlertNotificationViewSet, AlertViewSet
from alerts.api.channels import AlertChannelViewSet
from alerts.api.rules import AlertRuleViewSet
from connections.api import ConnectionViewSet
from connections.cascade import delete_destination_with_connections, delete_source_with_connections
from connections.filter_test_api import FilterViewSet
from connections.routes.api import RoutesViewSet
from connections.transformations.api import CodeRunViewSet, TransformationViewSet
from destinations.api import DestinationViewSet
from events.bulk.api import EventBulkViewSet, RequestBulkViewSet
from events.evidence.api import AttemptViewSet, EventViewSet, LatestInputViewSet, RequestViewSet
from events.evidence.backlog import count_backlog
from events.evidence.executions_api import ExecutionViewSet
from events.evidence.timeline.api import TraceViewSet
from events.lifecycle.api import EventReplayViewSet, RequestReplayViewSet
from events.preview.backtest.api import BacktestViewSet
from events.preview.dry_run_api import DryRunViewSet
from events.preview.send_api import TestSendViewSet
from metrics.api import MetricsViewSet
from sources.api import SourceViewSet
from teams.audit.api import AuditViewSet
from teams.auth.api import AcceptViewSet, LoginViewSet, SessionViewSet
from teams.people.api import InvitationViewSet, MemberViewSet, TeamsViewSet, TeamViewSet
from teams.secrets.api import ProjectSecretsViewSet

sources: Callable[..., Any] = SourceViewSet.as_view
destinations: Callable[..., Any] = DestinationViewSet.as_view
connections: Callable[..., Any] = ConnectionViewSet.as_view
transformations: Callable[..., Any] = TransformationViewSet.as_view
code_runs: Callable[..., Any] = CodeRunViewSet.as_view
rehearsals: Callable[..., Any] = BacktestViewSet.as_view
metrics: Callable[..., Any] = MetricsViewSet.as_view
alerts: Callable[..., Any] = AlertViewSet.as_view
alert_rules: Callable[..., Any] = AlertRuleViewSet.as_view
alert_channels: Callable[..., Any] = AlertChannelViewSet.as_view
event_bulk: Callable[..., Any] = EventBulkViewSet.as_view
request_bulk: Callable[..., Any] = RequestBulkViewSet.as_view

COLLECTION = {"get": "list", "post": "create", "put": "upsert"}
COUNT = {"get": "count"}
ROW = {"get": "retrieve", "patch": "update", "put": "replace", "delete": "destroy"}


def action(name: str) -> dict[str, str]:
    return {"put": name, "post": name}


urlpatterns = [
    # ---- Signing in, and a team's credentials
    path("auth/login", LoginViewSet.as_view({"post": "login"})),
    path("auth/logout", SessionViewSet.as_view({"post": "logout"})),
    path("auth/me", SessionViewSet.as_view({"get": "me"})),
    path("auth/accept-invitation", AcceptViewSet.as_view({"post": "accept"})),
    path("project-secrets", ProjectSecretsViewSet.as_view({"get": "retrieve", "put": "replace"})),
    path("project-secrets/rotate", ProjectSecretsViewSet.as_view({"post": "rotate"})),
    # ---- Teams and their people
    path("teams", TeamsViewSet.as_view({"get": "list", "post": "create"})),
    path("teams/<str:team_id>", TeamViewSet.as_view({"get": "retrieve", "patch": "update"})),
    path("teams/<str:team_id>/members", MemberViewSet.as_view({"get": "list", "post": "add"})),
    path("teams/<str:team_id>/members/<str:user_id>", MemberViewSet.as_view({"patch": "update", "delete": "remove"})),
    path("teams/<str:team_id>/invitations", InvitationViewSet.as_view({"get": "list"})),
    path("teams/<str:team_id>/invitations/<str:invitation_id>", InvitationViewSet.as_view({"delete": "revoke"})),
    # ---- Who changed what
    path("audit", AuditViewSet.as_view({"get": "list"})),
    # ---- Sources
    path("sources", sources(COLLECTION)),
    path("sources/count", sources(COUNT)),
    path("sources/types", sources({"get": "types"})),
    path("sources/<str:id>", sources(ROW, delete_with_connections=delete_source_with_connections)),
    path("sources/<str:id>/enable", sources(action("enable"))),
    path("sources/<str:id>/disable", sources(action("disable"))),
    # ---- Destinations
    path("destinations", destinations(COLLECTION)),
    path("destinations/count", destinations(COUNT)),
    path("destinations/<str:id>", destinations(ROW, delete_with_connections=delete_destination_with_connections)),
    path("destinations/<str:id>/enable", destinations(action("enable"))),
    path("destinations/<str:id>/disable", destinations(action("disable"))),
    path("destinations/<str:destination_id>/test", TestSendViewSet.as_view({"post": "test"})),
    # ---- Connections
    path("connections", connections(COLLECTION)),
    path("connections/count", connections(COUNT)),
    path("connections/<str:id>", connections(ROW, waiting=count_backlog)),
    path("connections/<str:id>/pause", connections(action("pause"))),
    path("connections/<str:id>/unpause", connections(action("unpause"))),
    path("connections/<str:id>/enable", connections(action("enable"))),
    path("connections/<str:id>/disable", connections(action("disable"))),
    # ---- Transformations
    path("transformations", transformations(COLLECTION)),
    path("transformations/count", transformations(COUNT)),
    path("transformations/run", code_runs(action("run"))),
    path("transformations/validate", code_runs(action("validate"))),
    path("transformations/<str:id>", transformations(ROW)),
    path("transformations/<str:transformation_id>/executions", ExecutionViewSet.as_view({"get": "list"})),
    path(
        "transformations/<str:transformation_id>/executions/<str:execution_id>",
        ExecutionViewSet.as_view({"get": "retrieve"}),
    ),
    # ---- Routes as files
    path("routes/export", RoutesViewSet.as_view({"get": "export"})),
    path("routes/plan", RoutesViewSet.as_view({"post": "plan"})),
    path("routes/apply", RoutesViewSet.as_view({"post": "apply"})),
    # ---- Trying rules
    path("connections/<str:connection_id>/test", DryRunViewSet.as_view({"post": "test", "put": "test"})),
    path("connections/<str:connection_id>/rehearsals", rehearsals({"get": "list", "post": "start"})),
    path("rehearsals/<str:rehearsal_id>", rehearsals({"get": "retrieve"})),
    path("rehearsals/<str:rehearsal_id>/cancel", rehearsals(action("cancel"))),
    path("filters/test", FilterViewSet.as_view({"post": "test"})),
    # ---- Bulk operations
    path("events/bulk_operations", event_bulk({"get": "list", "post": "start"})),
    path("events/bulk_operations/plan", event_bulk({"get": "plan", "post": "plan_body"})),
    path("events/bulk_operations/<str:operation_id>", event_bulk({"get": "retrieve"})),
    path("events/bulk_operations/<str:operation_id>/cancel", event_bulk(action("cancel"))),
    path("requests/bulk_operations", request_bulk({"get": "list", "post": "start"})),
    path("requests/bulk_operations/plan", request_bulk({"get": "plan", "post": "plan_body"})),
    path("requests/bulk_operations/<str:operation_id>", request_bulk({"get": "retrieve"})),
    path("requests/bulk_operations/<str:operation_id>/cancel", request_bulk(action("cancel"))),
    # ---- Evidence
    path("requests", RequestViewSet.as_view({"get": "list"})),
    path("requests/count", RequestViewSet.as_view({"get": "count"})),
    path("requests/<str:request_id>", RequestViewSet.as_view({"get": "retrieve"})),
    path("requests/<str:request_id>/events", RequestViewSet.as_view({"get": "events"})),
    path("requests/<str:request_id>/ignored_events", RequestViewSet.as_view({"get": "ignored_events"})),
    path("requests/<str:request_id>/trace", TraceViewSet.as_view({"get": "retrieve"})),
    path("requests/<str:request_id>/raw_body", RequestViewSet.as_view({"get": "raw_body"})),
    path("requests/<str:request_id>/retry", RequestReplayViewSet.as_view({"post": "retry"})),
    path("events", EventViewSet.as_view({"get": "list"})),
    path("events/count", EventViewSet.as_view({"get": "count"})),
    path("events/<str:event_id>", EventViewSet.as_view({"get": "retrieve"})),
    path("events/<str:event_id>/raw_body", EventViewSet.as_view({"get": "raw_body"})),
    path("events/<str:event_id>/retry", EventReplayViewSet.as_view({"post": "retry"})),
    path("events/<str:event_id>/cancel", EventReplayViewSet.as_view({"put": "cancel", "post": "cancel"})),
    path("attempts", AttemptViewSet.as_view({"get": "list"})),
    path("attempts/<str:attempt_id>", AttemptViewSet.as_view({"get": "retrieve"})),
    path("connections/<str:connection_id>/latest-input", LatestInputViewSet.as_view({"get": "retrieve"})),
    # ---- Metrics
    path("metrics/requests", metrics({"get": "requests"})),
    path("metrics/events", metrics({"get": "events"})),
    path("metrics/attempts", metrics({"get": "attempts"})),
    path("metrics/queue", metrics({"get": "queue"})),
    path("metrics/sources", metrics({"get": "sources"})),
    path("metrics/connections", metrics({"get": "connections"})),
    path("metrics/destinations", metrics({"get": "destinations"})),
    # ---- Alerts
    path("alerts", alerts({"get": "list"})),
    path("alerts/count", alerts(COUNT)),
    path("alerts/rules", alert_rules(COLLECTION)),
    path("alerts/rules/count", alert_rules(COUNT)),
    path("alerts/rules/defaults", alert_rules({"post": "add_defaults"})),
    path("alerts/rules/<str:id>", alert_rules(ROW)),
    path("alerts/rules/<str:id>/enable", alert_rules(action("enable"))),
    path("alerts/rules/<str:id>/disable", alert_rules(action("disable"))),
    path("alerts/channels", alert_channels(COLLECTION)),
    path("alerts/channels/count", alert_channels(COUNT)),
    path("alerts/channels/<str:id>", alert_channels(ROW)),
    path("alerts/channels/<str:id>/enable", alert_channels(action("enable"))),
    path("alerts/channels/<str:id>/disable", alert_channels(action("disable"))),
    path("alerts/channels/<str:id>/test", alert_channels({"post": "test"})),
    path("alerts/notifications", AlertNotificationViewSet.as_view({"get": "list"})),
    path("alerts/notifications/<str:id>", AlertNotificationViewSet.as_view({"get": "retrieve"})),
    path("alerts/<str:id>", alerts({"get": "retrieve"})),
    path("alerts/<str:id>/acknowledge", alerts(action("acknowledge"))),
    path("alerts/<str:id>/unacknowledge", alerts(action("unacknowledge"))),
    path("alerts/<str:id>/mute", alerts(action("mute"))),
    path("alerts/<str:id>/unmute", alerts(action("unmute"))),
]
