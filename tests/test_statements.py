"""No statement per event: what the running stages ask of Postgres for a thousand events, counted in its own log."""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.account import Account
from tests.product import Product
from tests.receiver import Receiver
from tests.waiting import wait_until

EVENTS = 1000
PER_EVENT = 0.1
# As log_line_prefix makes it; a prepared statement is logged as `execute <name>` each time it runs.
STATEMENT = re.compile(r"^\[(?P<application>[^\]]*)\] LOG:  (?:statement|execute [^:]*): ", re.MULTILINE)


@pytest.fixture
def counted(breakable: Product) -> Iterator[Product]:
    """The product with every statement logged."""
    settings = {"log_statement": "all", "log_line_prefix": "[%a] "}
    with breakable.administer_database() as database:
        for name, value in settings.items():
            database.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        database.execute("SELECT pg_reload_conf()")
        yield breakable
        for name in settings:
            database.execute(f"ALTER SYSTEM RESET {name}")
        database.execute("SELECT pg_reload_conf()")


def statements(product: Product) -> Counter[str]:
    log = product.database_log().read_text(errors="replace")
    return Counter(match["application"] for match in STATEMENT.finditer(log))


def test_a_thousand_events_cost_less_than_a_tenth_of_a_statement_each(
    counted: Product, account: Account, receiver: Receiver
) -> None:
    rules = [
        {"type": "deduplicate", "window": 60_000, "include_fields": ["body.n"]},
        {"type": "filter", "body": {"n": {"$gte": 0}}},
    ]
    source, _, connection = account.route(receiver.url(), rules)
    account.wait_for_event(account.accept(source, b'{"n":0}'), "SUCCESSFUL")
    bodies = [b'{"n":%d}' % number for number in range(1, EVENTS + 1)]

    # Routing from a backlog into held events, then delivery from the backlog that they become.
    account.put(f"connections/{connection['id']}/pause")
    counted.signal("route", signal.SIGSTOP)
    account.accept_many(source, bodies)
    before = statements(counted)
    counted.signal("route", signal.SIGCONT)
    account.wait_for_count(EVENTS, connection_id=connection["id"], status="HOLD")
    routed = statements(counted)
    account.put(f"connections/{connection['id']}/unpause")
    account.wait_for_count(EVENTS + 1, connection_id=connection["id"], status="SUCCESSFUL")
    wait_until(lambda: len(receiver.calls) == EVENTS + 1, 5, "each event was delivered")
    delivered = statements(counted)

    routing = (routed - before)["fasthook route"]
    delivering = {name: count for name, count in (delivered - routed).items() if name.startswith("fasthook deliver")}
    assert 0 < routing < EVENTS * PER_EVENT
    assert {"fasthook deliver claim", "fasthook deliver record"} <= set(delivering)
    assert sum(delivering.values()) < EVENTS * PER_EVENT, delivering
