"""Alerts on the running product: beat looks, the maintenance worker sends, and everything can be read afterwards."""

from __future__ import annotations

import json
from typing import Any

from standardwebhooks import Webhook

from tests.account import Account
from tests.receiver import Answer, Receiver
from tests.waiting import wait_until

QUICK = {"for_s": 0, "resolve_after_s": 0}


def told(receiver: Receiver, path: str = "/alerts") -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in receiver.at(path)]


def test_a_failing_connection_is_told_of_by_a_signed_webhook_that_is_tried_again(
    account: Account, receiver: Receiver
) -> None:
    receiver.script("/erp", Answer(500))
    receiver.script("/alerts", Answer(503, headers={"retry-after": "1"}), Answer(200))
    source, _, connection = account.route(receiver.url("/erp"))
    channel = account.put(
        "alerts/channels", {"name": "pager", "type": "WEBHOOK", "config": {"url": receiver.url("/alerts")}}
    )
    config = {"threshold": 50, "min_count": 5, "window_s": 120}
    rule = account.put(
        "alerts/rules",
        {"name": "failing", "type": "FAILURE_RATE", "config": config, "channel_ids": [channel["id"]], **QUICK},
    )
    account.accept_many(source, [b"{}"] * 6)
    wait_until(lambda: len(receiver.at("/alerts")) >= 2, 40, "the notification was tried twice")
    first, second = receiver.at("/alerts")[:2]
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == second.headers["x-fasthook-alert"]
    assert Webhook(account.signing_secret).verify(second.body, second.headers) == json.loads(first.body)
    [alert] = account.get("alerts", status="OPEN", rule_id=rule["id"])["models"]
    message = told(receiver)[0]
    assert (message["type"], [each["id"] for each in message["data"]["alerts"]]) == ("alert.opened", [alert["id"]])
    assert alert["object"] == {"type": "connection", "id": connection["id"], "name": "route"}

    def sent() -> list[dict[str, Any]]:
        notifications = account.get(f"alerts/{alert['id']}")["notifications"]
        return [each for each in notifications if each["status"] == "SENT"]

    [notification] = wait_until(sent, 10, "the notification is recorded as sent")
    assert (notification["attempts"], notification["response_status"], notification["kind"]) == (2, 200, "OPENED")


def test_a_disabled_destination_opens_an_alert_that_resolves_when_it_is_enabled(
    account: Account, receiver: Receiver
) -> None:
    destination = account.destination(receiver.url("/erp"))
    channel = account.put(
        "alerts/channels", {"name": "chat", "type": "SLACK", "config": {"url": receiver.url("/alerts")}}
    )
    account.put(
        "alerts/rules", {"name": "off", "type": "DESTINATION_DISABLED", "channel_ids": [channel["id"]], **QUICK}
    )
    account.put(f"destinations/{destination['id']}/disable")
    wait_until(lambda: len(told(receiver)) == 1, 20, "the chat was told")
    account.put(f"destinations/{destination['id']}/enable")
    wait_until(lambda: len(told(receiver)) == 2, 20, "the chat was told of the end")
    opened, resolved = (message["text"].splitlines()[0].partition("] ")[2] for message in told(receiver))
    assert opened == "Alert: destination destination is disabled"
    assert resolved == "Resolved: destination destination is disabled"
    [alert] = account.get("alerts", object_id=destination["id"])["models"]
    assert (alert["status"], alert["resolution"]) == ("RESOLVED", "RECOVERED")
