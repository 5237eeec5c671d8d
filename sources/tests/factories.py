from __future__ import annotations

import factory
from factory.django import DjangoModelFactory

from sources.models import Source
from teams.tests.factories import TeamFactory


class SourceFactory(DjangoModelFactory[Source]):
    class Meta:
        model = Source

    team = factory.SubFactory(TeamFactory)
    name = factory.Sequence(lambda number: f"source-{number}")
    slug = factory.Sequence(lambda number: f"slug{number:016d}")
    allowed_http_methods = ["POST", "PUT", "PATCH", "DELETE"]
