"""The whole /v1 table. Paths have no slash at the end; ids are opaque."""

from __future__ import annotations

from django.urls import path

from teams.api import LoginViewSet, ProjectSecretsViewSet, SessionViewSet

urlpatterns = [
    # ---- Signing in, and a team's credentials
    path("auth/login", LoginViewSet.as_view({"post": "login"})),
    path("auth/logout", SessionViewSet.as_view({"post": "logout"})),
    path("auth/me", SessionViewSet.as_view({"get": "me"})),
    path("project-secrets", ProjectSecretsViewSet.as_view({"get": "retrieve", "put": "replace"})),
    path("project-secrets/rotate", ProjectSecretsViewSet.as_view({"post": "rotate"})),
]
