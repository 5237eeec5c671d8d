from __future__ import annotations

import factory
from factory.django import DjangoModelFactory

from destinations.models import Destination
from teams.tests.factories import TeamFactory


class DestinationFactory(DjangoModelFactory[Destination]):
    class Meta:
        model = Destination

    team = factory.SubFactory(TeamFactory)
    name = factory.Sequence(lambda number: f"destination-{number}")
    url = "https://receiver.example.com/hook"
