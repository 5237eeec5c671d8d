"""The whole /v1 table. Paths have no slash at the end; ids are opaque."""

from __future__ import annotations

from django.urls import path

from events.api import AttemptViewSet, EventViewSet, LatestInputViewSet, RequestViewSet
from teams.api import LoginViewSet, ProjectSecretsViewSet, SessionViewSet

urlpatterns = [
    # ---- Signing in, and a team's credentials
    path("auth/login", LoginViewSet.as_view({"post": "login"})),
    path("auth/logout", SessionViewSet.as_view({"post": "logout"})),
    path("auth/me", SessionViewSet.as_view({"get": "me"})),
    path("project-secrets", ProjectSecretsViewSet.as_view({"get": "retrieve", "put": "replace"})),
    path("project-secrets/rotate", ProjectSecretsViewSet.as_view({"post": "rotate"})),
    # ---- Evidence
    path("requests", RequestViewSet.as_view({"get": "list"})),
    path("requests/count", RequestViewSet.as_view({"get": "count"})),
    path("requests/<str:request_id>", RequestViewSet.as_view({"get": "retrieve"})),
    path("requests/<str:request_id>/events", RequestViewSet.as_view({"get": "events"})),
    path("requests/<str:request_id>/ignored_events", RequestViewSet.as_view({"get": "ignored_events"})),
    path("requests/<str:request_id>/raw_body", RequestViewSet.as_view({"get": "raw_body"})),
    path("events", EventViewSet.as_view({"get": "list"})),
    path("events/count", EventViewSet.as_view({"get": "count"})),
    path("events/<str:event_id>", EventViewSet.as_view({"get": "retrieve"})),
    path("events/<str:event_id>/raw_body", EventViewSet.as_view({"get": "raw_body"})),
    path("attempts", AttemptViewSet.as_view({"get": "list"})),
    path("attempts/<str:attempt_id>", AttemptViewSet.as_view({"get": "retrieve"})),
    path("connections/<str:connection_id>/latest-input", LatestInputViewSet.as_view({"get": "retrieve"})),
]
