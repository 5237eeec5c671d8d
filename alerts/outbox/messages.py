"""Messages about an alert: as a sentence, and in the form of each kind of channel. Pure.

The message is made once, when the change happens, and kept: what is sent again is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from alerts.evaluation.transitions import NoticeKind, Rule, Standing
from alerts.rules.types import SPECS, RuleType
from fasthook.lib.clock import iso
from fasthook.lib.plural import for_count

# Of one message; the rest is counted.
LISTED: Final = 50
_WATCHED: Final = {
    RuleType.SOURCE_DISABLED: "source",
    RuleType.DESTINATION_DISABLED: "destination",
    RuleType.CONNECTION_DISABLED: "connection",
}
_VERBS: Final = {"OPENED": "Alert", "REPEATED": "Still open", "RESOLVED": "Resolved", "TEST": "Test"}
_EVENTS: Final = {
    "OPENED": "alert.opened",
    "REPEATED": "alert.repeated",
    "RESOLVED": "alert.resolved",
    "TEST": "alert.test",
}
_UNITS_S: Final = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def summarise(rule: Rule, alert: Standing) -> str:
    """One sentence on what is wrong, with its numbers: `connection orders: 62.5 % of 48 attempts failed ...`."""
    name, threshold = alert.object_name, _number(rule.config.threshold)
    value = _number(alert.value)
    window = span(rule.config.window_s or 0)
    match rule.type:
        case RuleType.FAILURE_RATE:
            attempts = f"{alert.out_of} {for_count(alert.out_of, 'attempt', 'attempts')}"
            return f"connection {name}: {value} % of {attempts} failed within {window} (threshold {threshold} %)"
        case RuleType.BACKLOG:
            least = "" if alert.exact else "at least "
            words = for_count(alert.value, "event waits", "events wait")
            return f"destination {name}: {least}{value} {words} (threshold {threshold})"
        case RuleType.BACKLOG_AGE:
            waited, allowed = span(int(alert.value)), span(rule.config.threshold)
            return f"destination {name}: the oldest event has waited for {waited} (threshold {allowed})"
        case RuleType.REJECTED_REQUESTS:
            words = for_count(alert.value, "request was rejected", "requests were rejected")
            return f"source {name}: {value} {words} within {window} (threshold {threshold})"
        case RuleType.BULK_OPERATION_FAILED:
            return f"bulk operation {alert.object_id} ({name}) failed"
        case _:
            return f"{_WATCHED[rule.type]} {name} is disabled"


def span(seconds: float) -> str:
    """In the largest unit of which there are two, or exactly one: 90 seconds, 10 minutes, 1 hour, 62.1 minutes."""
    for size, name in _UNITS_S:
        if seconds == size:
            return f"1 {name}"
        if seconds >= 2 * size:
            return f"{_number(seconds / size)} {name}s"
    return f"{_number(seconds)} seconds"


def subject(message: Mapping[str, Any]) -> str:
    """One line: for a mail's subject, and as a chat message's head."""
    data = message["data"]
    kind = next(kind for kind, event in _EVENTS.items() if event == message["type"])
    if kind == "TEST":
        return f"[{data['team']['name']}] Test of the alert channel {data['channel']['name']}"
    first, *others = data["alerts"]
    more = data["alert_count"] - 1
    rest = f" and {more} more" if more else ""
    return f"[{data['team']['name']}] {_VERBS[kind]}: {first['summary'] if not others else data['rule']['name']}{rest}"


def text(message: Mapping[str, Any]) -> str:
    """The whole message as lines of plain text."""
    data = message["data"]
    if message["type"] == _EVENTS["TEST"]:
        return f"{subject(message)}\nNothing is wrong: somebody pressed the test button.\n"
    lines = [subject(message), "", f"Rule: {data['rule']['name']} ({data['rule']['type']})"]
    lines += [f"- {alert['summary']} [{alert['id']}]" for alert in data["alerts"]]
    hidden = data["alert_count"] - len(data["alerts"])
    lines += [f"- and {hidden} more"] if hidden else []
    return "\n".join([*lines, "", data["url"], ""])


def slack_body(message: Mapping[str, Any]) -> dict[str, str]:
    """Slack's incoming webhook, which Mattermost, Rocket.Chat and others take as well. Escaped as Slack requires:
    https://docs.slack.dev/messaging/formatting-message-text/#escaping"""
    plain = text(message).strip()
    return {"text": plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def alert_message(
    kind: NoticeKind, rule: Rule, alerts: Sequence[Standing], *, team: Mapping[str, str], url: str, now: datetime
) -> dict[str, Any]:
    """The message of one rule's alerts, of which the first LISTED are named. `url` is where they can be read."""
    return {
        "type": _EVENTS[kind],
        "timestamp": iso(now),
        "data": {
            "team": dict(team),
            "rule": {"id": rule.id, "name": rule.name, "type": rule.type.value, "unit": SPECS[rule.type].unit},
            "alerts": [_facts(rule, alert) for alert in alerts[:LISTED]],
            "alert_count": len(alerts),
            "url": url,
        },
    }


def channel_test_message(channel: Mapping[str, str], *, team: Mapping[str, str], now: datetime) -> dict[str, Any]:
    return {
        "type": _EVENTS["TEST"],
        "timestamp": iso(now),
        "data": {"team": dict(team), "channel": dict(channel), "alerts": [], "alert_count": 0},
    }


def _facts(rule: Rule, alert: Standing) -> dict[str, Any]:
    return {
        "id": alert.id,
        "status": "RESOLVED" if alert.resolved_at else "OPEN",
        "object": {
            "type": SPECS[rule.type].watches.value,
            "id": alert.object_id,
            "name": alert.object_name,
        },
        "value": alert.value,
        "threshold": rule.config.threshold,
        "summary": alert.summary,
        "opened_at": iso(alert.opened_at),
        "resolved_at": iso(alert.resolved_at),
        "resolution": alert.resolution,
    }


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")
