"""Teams with their secrets, people, and their places in a team."""

from __future__ import annotations

from typing import Any

import factory
from factory.django import DjangoModelFactory

from fasthook.lib.clock import utc_now
from teams.models import Membership, Role, Team, User
from teams.secrets import create_project_secrets

PASSWORD = "correct horse battery staple"


class TeamFactory(DjangoModelFactory[Team]):
    class Meta:
        model = Team
        skip_postgeneration_save = True

    name = factory.Sequence(lambda number: f"team-{number}")

    @factory.post_generation
    def project_secrets(self: Any, create: bool, extracted: Any, **kwargs: Any) -> None:
        create_project_secrets(self, now=utc_now())


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda number: f"person-{number}@example.com")

    @factory.post_generation
    def password(self: Any, create: bool, extracted: Any, **kwargs: Any) -> None:
        self.set_password(PASSWORD)
        self.save(update_fields=["password"])


class MembershipFactory(DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    team = factory.SubFactory(TeamFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.OWNER
