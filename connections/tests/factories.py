from __future__ import annotations

import factory
from factory.django import DjangoModelFactory

from connections.models import Connection
from destinations.tests.factories import DestinationFactory
from sources.tests.factories import SourceFactory
from teams.tests.factories import TeamFactory


class ConnectionFactory(DjangoModelFactory[Connection]):
    class Meta:
        model = Connection

    team = factory.SubFactory(TeamFactory)
    name = factory.Sequence(lambda number: f"connection-{number}")
    source = factory.SubFactory(SourceFactory, team=factory.SelfAttribute("..team"))
    destination = factory.SubFactory(DestinationFactory, team=factory.SelfAttribute("..team"))
