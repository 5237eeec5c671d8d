"""People who may more and less, and a team with a route."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from events.tests.seed import Project, make_project
from teams.models import User


@pytest.fixture
def now() -> datetime:
    return datetime.now().astimezone()


@pytest.fixture
def team(db: None, now: datetime) -> Project:
    return make_project("team", now=now)


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root@example.com", "a long password")


@pytest.fixture
def staff(root: User) -> Client:
    http = Client()
    http.force_login(root)
    return http


@pytest.fixture
def clerk(db: None) -> Client:
    """May view everything, and change sources."""
    user = User.objects.create_user("clerk@example.com", "a long password", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__startswith="view_"))
    user.user_permissions.add(Permission.objects.get(codename="change_source"))
    http = Client()
    http.force_login(user)
    return http
