"""Lists of configuration answer from an index as well, however much of it there is: a page reads about a page."""

from __future__ import annotations

import pytest
from django.db import connection

from connections.models import Connection, Transformation
from destinations.models import Destination
from events.tests.explaining import explained
from fasthook.testing import ApiCaller
from sources.models import Source
from teams.models import Team

ROWS = 1500
# A page of 101 rows, what a rare filter reads beside it, and the count up to 10,000 aside.
PAGE_ROWS = 400
FEW_ROWS = 20
KINDS = ("sources", "destinations", "connections", "transformations")
ORDERS = ("created_at", "updated_at", "name")
WAYS = ("asc", "desc")


@pytest.fixture
def many(team: Team, other_team: Team) -> dict[str, str]:
    """Thousands of everything, a few of it another team's; ids by name."""
    for owner, count in ((team, ROWS), (other_team, 50)):
        names = [f"name-{number:05}" for number in range(count)]
        sources = Source.objects.bulk_create(
            Source(team=owner, name=name, slug=f"{owner.id[-6:]}{name}", disabled_at=None) for name in names
        )
        destinations = Destination.objects.bulk_create(
            Destination(team=owner, name=name, url="https://example.com") for name in names
        )
        Connection.objects.bulk_create(
            Connection(team=owner, name=name, source=source, destination=destination)
            for name, source, destination in zip(names, sources, destinations, strict=True)
        )
        Transformation.objects.bulk_create(
            Transformation(team=owner, name=name, code="return request;") for name in names
        )
    with connection.cursor() as cursor:
        cursor.execute(
            "ANALYZE sources_source, destinations_destination, connections_connection, connections_transformation"
        )
    some = Connection.objects.filter(team=team).order_by("name")[ROWS // 2]
    return {"source_id": some.source_id, "destination_id": some.destination_id, "connection_id": some.id}


def rows_read(client: ApiCaller, path: str) -> tuple[int, set[str]]:
    """Rows of the largest reading that is no count, and tables that were read through."""
    with explained() as readings:
        assert client.get(path).status_code == 200, path
    pages = [reading for reading in readings if "COUNT(*)" not in reading.statement]
    return max(reading.rows for reading in pages), {name for reading in pages for name in reading.sequential}


def test_a_page_reads_about_a_page_and_a_name_about_one_row(client: ApiCaller, many: dict[str, str]) -> None:
    most = {f"{kind}?order_by={order}&dir={way}": PAGE_ROWS for kind in KINDS for order in ORDERS for way in WAYS}
    most |= {f"{kind}?name=name-00700": FEW_ROWS for kind in KINDS}
    most |= {f"connections?{end}={many[end]}": FEW_ROWS for end in ("source_id", "destination_id")}
    read = {path: rows_read(client, path) for path in most}
    assert {path: rows for path, (rows, _) in read.items() if rows > most[path]} == {}
    assert {path: through for path, (_, through) in read.items() if through} == {}
