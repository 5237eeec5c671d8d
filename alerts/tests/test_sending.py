"""Notifications on their way: claims, leases, order, shares, retries, and what each channel gets to see."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection, connections
from psycopg import Connection
from standardwebhooks import Webhook

from alerts.models import AlertChannel, AlertNotification
from alerts.outbox import rows, sending
from alerts.outbox.rows import BACKOFF_S, LEASE_S, MAX_ATTEMPTS, Outcome, claim, finish, next_try_at
from alerts.outbox.sending import Sender
from alerts.tests.seed import make_bare_project, make_channel
from events.tests.seed import Project
from fasthook.lib.ids import new_id
from fasthook.lib.sql import DataConnection
from teams.models import ProjectSecrets
from tests.receiver import Answer, Receiver
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("transactional_db")
MESSAGE = {
    "type": "alert.opened",
    "timestamp": "2026-11-21T12:00:00.000Z",
    "data": {
        "team": {"id": "tm_1", "name": "shop <eu>"},
        "rule": {"id": "alr_1", "name": "late", "type": "BACKLOG", "unit": "events"},
        "alerts": [{"id": "alt_1", "summary": "destination erp: 6 events wait (threshold 5)"}],
        "alert_count": 1,
        "url": "http://127.0.0.1:8000/v1/alerts?rule_id=alr_1",
    },
}


@pytest.fixture
def team(transactional_db: None, now: datetime) -> Project:
    return make_bare_project("team", now=now)


@pytest.fixture
def sender() -> Iterator[Sender]:
    made = Sender()
    yield made
    made.close()


@pytest.fixture
def database() -> Iterator[DataConnection]:
    made = DataConnection("alerts")
    yield made
    made.close()


def put(channel: AlertChannel, now: datetime, **values: Any) -> AlertNotification:
    fields: dict[str, Any] = {
        "id": new_id("anf"),
        "team_id": channel.team_id,
        "channel_id": channel.id,
        "channel_type": channel.type,
        "rule_id": "alr_1",
        "kind": "OPENED",
        "message": MESSAGE,
        "status": "PENDING",
        "due_at": now,
        "created_at": now,
    }
    return AlertNotification.objects.create(**{**fields, **values})


def drain(sender: Sender) -> int:
    return sender.drain(seconds=5, stopping=threading.Event())


# ---- What is sent


def test_a_webhook_is_signed_so_that_any_library_verifies_it(team: Project, receiver: Receiver, sender: Sender) -> None:
    row = put(make_channel(team, receiver.url("/alerts")), datetime.now(UTC))
    assert drain(sender) == 1
    [call] = receiver.calls
    secret = ProjectSecrets.objects.get(team=team.team).signing_secret
    assert Webhook(secret).verify(call.body, call.headers) == MESSAGE
    assert call.headers["webhook-id"] == call.headers["x-fasthook-alert"] == row.id
    assert (call.method, call.path, call.headers["content-type"]) == ("POST", "/alerts", "application/json")
    row.refresh_from_db()
    assert (row.status, row.attempts, row.response_status, row.response_body) == ("SENT", 1, 200, "received")
    assert (row.error_code, row.lease_token) == (None, None)
    assert row.sent_at is not None


def test_a_slack_channel_gets_text_with_what_slack_wants_escaped(
    team: Project, receiver: Receiver, sender: Sender
) -> None:
    row = put(make_channel(team, receiver.url("/T/B/secret"), type="SLACK"), datetime.now(UTC))
    drain(sender)
    [call] = receiver.calls
    body = json.loads(call.body)
    assert list(body) == ["text"]
    assert body["text"].startswith("[shop &lt;eu&gt;] Alert: destination erp: 6 events wait (threshold 5)\n")
    assert "webhook-signature" not in call.headers
    assert call.headers["x-fasthook-alert"] == row.id


def test_a_mail_has_one_line_of_subject_and_a_stable_id(team: Project, sender: Sender, settings: Any) -> None:
    settings.EMAIL_FROM = "FastHook <hooks@example.com>"
    row = put(make_channel(team, type="EMAIL", config={"to": ["a@example.com", "b@example.com"]}), datetime.now(UTC))
    assert drain(sender) == 1
    [sent] = mail.outbox
    assert sent.subject == "[shop <eu>] Alert: destination erp: 6 events wait (threshold 5)"
    assert (sent.to, sent.from_email) == (["a@example.com", "b@example.com"], "FastHook <hooks@example.com>")
    assert sent.extra_headers["Message-ID"] == f"<{row.id}@example.com>"
    assert "Rule: late (BACKLOG)" in sent.body
    row.refresh_from_db()
    assert row.status == "SENT"


def test_a_mail_server_that_refuses_is_tried_again(
    team: Project, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any) -> int:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    row = put(make_channel(team, type="EMAIL", config={"to": ["a@example.com"]}), datetime.now(UTC))
    drain(sender)
    row.refresh_from_db()
    assert (row.status, row.error_code, row.attempts) == ("PENDING", "MAIL_FAILED", 1)
    assert row.error_message == "ConnectionRefusedError: [Errno 111] Connection refused"


def test_what_fails_is_planned_again_with_what_came_back(team: Project, receiver: Receiver, sender: Sender) -> None:
    receiver.script("/alerts", Answer(503, headers={"retry-after": "90"}, text="later"))
    row = put(make_channel(team, receiver.url("/alerts")), datetime.now(UTC))
    drain(sender)
    row.refresh_from_db()
    assert (row.status, row.attempts, row.response_status, row.response_body) == ("PENDING", 1, 503, "later")
    assert (row.error_code, row.error_message) == ("BAD_RESPONSE", "the destination answered 503")
    assert row.last_attempt_at is not None
    assert row.due_at - row.last_attempt_at > timedelta(seconds=85)
    assert drain(sender) == 0


def test_an_address_that_must_not_be_dialled_is_given_up_at_once(team: Project, sender: Sender, settings: Any) -> None:
    settings.DELIVERY_ALLOWED_NETWORKS = []
    row = put(make_channel(team, "http://127.0.0.1:9/"), datetime.now(UTC))
    drain(sender)
    row.refresh_from_db()
    assert (row.status, row.error_code) == ("FAILED", "ADDRESS_NOT_ALLOWED")


@pytest.mark.parametrize("column", ["disabled_at", "deleted_at"])
def test_a_channel_that_was_turned_off_meanwhile_gets_nothing(
    team: Project, receiver: Receiver, sender: Sender, now: datetime, column: str
) -> None:
    row = put(make_channel(team, receiver.url(), **{column: now}), now)
    drain(sender)
    row.refresh_from_db()
    assert (row.status, row.error_code, receiver.calls) == ("FAILED", "CHANNEL_DISABLED", [])


def test_one_teams_lost_key_does_not_stop_the_others(
    team: Project, receiver: Receiver, sender: Sender, now: datetime
) -> None:
    lost, good = make_channel(team), make_channel(team, receiver.url())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE alerts_channel SET config = 'gAAAAA-of-another-key' WHERE id = %s", [lost.id])
    unreadable, other = put(lost, now), put(good, now)
    drain(sender)
    unreadable.refresh_from_db()
    other.refresh_from_db()
    assert (unreadable.status, unreadable.error_code) == ("PENDING", "INTERNAL_ERROR")
    assert other.status == "SENT"


def test_what_waits_takes_the_form_that_its_channel_has_by_now(
    team: Project, receiver: Receiver, sender: Sender, now: datetime
) -> None:
    channel = make_channel(team, receiver.url("/alerts"))
    waiting = put(channel, now)
    AlertChannel.objects.filter(id=channel.id).update(type="EMAIL", config={"to": ["oncall@example.com"]})
    assert drain(sender) == 1
    assert [message.to for message in mail.outbox] == [["oncall@example.com"]]
    waiting.refresh_from_db()
    assert (waiting.status, waiting.channel_type, receiver.at("/alerts")) == ("SENT", "EMAIL", [])


def test_one_that_breaks_stops_no_other_and_is_given_up(
    team: Project, receiver: Receiver, sender: Sender, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = (put(make_channel(team, receiver.url("/alerts")), now, rule_id=f"alr_{n}") for n in range(2))
    AlertNotification.objects.filter(id=broken.id).update(attempts=MAX_ATTEMPTS - 1)
    real = sending.http_request

    def break_one(notice: Any, *, now: datetime) -> Any:
        if notice.id == broken.id:
            raise KeyError("url")
        return real(notice, now=now)

    monkeypatch.setattr(sending, "http_request", break_one)
    assert drain(sender) == 2
    outcomes = dict(AlertNotification.objects.values_list("id", "status"))
    assert (outcomes, len(receiver.at("/alerts"))) == ({broken.id: "FAILED", other.id: "SENT"}, 1)


def test_while_one_thread_sends_a_second_does_not(team: Project, receiver: Receiver, sender: Sender) -> None:
    receiver.hold("/")
    put(make_channel(team, receiver.url()), datetime.now(UTC))

    def drain_and_leave() -> None:
        drain(sender)
        connections.close_all()

    first = threading.Thread(target=drain_and_leave)
    first.start()
    try:
        wait_until(lambda: receiver.in_flight["/"] == 1, 5, "the first is sending")
        assert drain(sender) == 0
    finally:
        receiver.release("/")
        first.join()
    assert AlertNotification.objects.get().status == "SENT"


def test_receivers_are_called_a_few_at_a_time(team: Project, receiver: Receiver, sender: Sender) -> None:
    receiver.slow_down("/", 0.1)
    channel = make_channel(team, receiver.url())
    for number in range(8):
        put(channel, datetime.now(UTC), rule_id=f"alr_{number}")
    assert drain(sender) == 8
    assert receiver.most_in_flight["/"] == sending.AT_ONCE


# ---- The outbox


def test_a_claim_is_a_lease_and_a_late_worker_writes_nothing(
    team: Project, database: DataConnection, now: datetime
) -> None:
    row = put(make_channel(team), now)
    [first] = database.run(claim, limit=8, now=now)
    assert database.run(claim, limit=8, now=now) == []
    over = now + timedelta(seconds=LEASE_S)
    [second] = database.run(claim, limit=8, now=over)
    assert (second.id, second.attempts) == (row.id, 2)
    assert database.run(finish, first, Outcome(response_status=200), now=over) is False
    row.refresh_from_db()
    assert row.status == "PENDING"
    assert database.run(finish, second, Outcome(response_status=200), now=over) is True
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("SENT", 2)


def test_of_one_rule_a_channel_gets_one_after_the_other(team: Project, database: DataConnection, now: datetime) -> None:
    channel, other = make_channel(team), make_channel(team)
    opened, resolved = put(channel, now), put(channel, now, kind="RESOLVED")
    elsewhere, of_another = put(other, now), put(channel, now, rule_id="alr_2")
    claimed = database.run(claim, limit=8, now=now)
    assert [each.id for each in claimed] == [opened.id, elsewhere.id, of_another.id]
    first = next(each for each in claimed if each.id == opened.id)
    database.run(finish, first, Outcome(error_code="TIMEOUT"), now=now)
    assert database.run(claim, limit=8, now=now + timedelta(seconds=BACKOFF_S[0] - 1)) == []
    [again] = database.run(claim, limit=8, now=now + timedelta(seconds=BACKOFF_S[0]))
    assert again.id == opened.id
    database.run(finish, again, Outcome(response_status=200), now=now)
    assert [each.id for each in database.run(claim, limit=8, now=now)] == [resolved.id]


def test_a_channel_gets_a_burst_and_then_its_share(team: Project, database: DataConnection, now: datetime) -> None:
    channel = make_channel(team)
    AlertChannel.objects.update(next_slot_at=now)
    for number in range(rows.BURST + 5):
        put(channel, now, rule_id=f"alr_{number}")

    def claimed(seconds: int) -> int:
        return len(database.run(claim, limit=100, now=now + timedelta(seconds=seconds)))

    assert [claimed(seconds) for seconds in (0, 0, 5, 6, 11, 12, 24)] == [rows.BURST, 0, 0, 1, 0, 1, 2]


def test_a_clock_that_was_ahead_for_a_while_does_not_silence_a_channel(
    team: Project, database: DataConnection, now: datetime
) -> None:
    channel = make_channel(team)
    tomorrow = now + timedelta(days=1)
    AlertChannel.objects.filter(id=channel.id).update(next_slot_at=tomorrow)
    waiting = put(channel, now, due_at=tomorrow, attempts=1)
    channel.refresh_from_db()
    assert (rows.next_slot(channel, now=now), rows.is_due(now=now)) == (now, True)
    assert [each.id for each in database.run(claim, limit=8, now=now)] == [waiting.id]
    channel.refresh_from_db()
    assert channel.next_slot_at == now + timedelta(seconds=rows.SLOT_S)
    assert database.run(claim, limit=8, now=now) == []


def test_a_channel_that_is_being_changed_is_passed_over(team: Project, database: DataConnection, now: datetime) -> None:
    channel, other = make_channel(team), make_channel(team)
    put(channel, now)
    row = put(other, now)
    holder = DataConnection("other")

    def hold(connection: Connection[Any]) -> list[str]:
        with connection.transaction():
            connection.execute("SELECT FROM alerts_channel WHERE id = %s FOR NO KEY UPDATE", [channel.id])
            return [each.id for each in database.run(claim, limit=8, now=now)]

    try:
        assert holder.run(hold) == [row.id]
    finally:
        holder.close()


@pytest.mark.parametrize(
    ("attempts", "outcome", "delay_s"),
    [
        (1, Outcome(error_code="TIMEOUT"), 10),
        (4, Outcome(error_code="TIMEOUT"), 300),
        (MAX_ATTEMPTS - 1, Outcome(error_code="TIMEOUT"), 3600),
        (MAX_ATTEMPTS, Outcome(error_code="TIMEOUT"), None),
        (1, Outcome(), None),
        (1, Outcome(error_code="INVALID_URL", hopeless=True), None),
        (1, Outcome(error_code="BAD_RESPONSE", retry_after_s=100), 100),
        (1, Outcome(error_code="BAD_RESPONSE", retry_after_s=3), 10),
        (1, Outcome(error_code="BAD_RESPONSE", retry_after_s=86_400), 3600),
    ],
)
def test_when_it_is_tried_again(now: datetime, attempts: int, outcome: Outcome, delay_s: int | None) -> None:
    expected = None if delay_s is None else now + timedelta(seconds=delay_s)
    assert next_try_at(attempts, outcome, now=now) == expected
