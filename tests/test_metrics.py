"""The whole product, scraped: what it counts, and that dashboard and alerts name nothing that is not there."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from local.supervisor.specs import process_specs
from tests.product import Product
from tests.receiver import Answer, Receiver
from tests.waiting import wait_until

DOCS = Path(__file__).parents[1] / "docs"
NAME = re.compile(r"\bfasthook_[a-z_]+")
RETRY = [{"type": "retry", "strategy": "linear", "interval": 1000, "count": 1}]
Samples = dict[str, float]


def scrape(product: Product) -> Samples:
    """Sums over all labels but one, as `name` and `name{value}`."""
    answer = requests.get(f"{product.base_url}/metrics", timeout=10)
    assert answer.status_code == 200, answer.text
    samples: Samples = defaultdict(float)
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            samples[sample.name] += sample.value
            for value in sample.labels.values():
                samples[f"{sample.name}{{{value}}}"] += sample.value
    return samples


def expressions(found: Any) -> list[str]:
    """Every PromQL expression in a dashboard or a rules file."""
    if isinstance(found, dict):
        own = [text for key in ("expr", "definition") if isinstance(text := found.get(key), str)]
        return own + [text for value in found.values() for text in expressions(value)]
    return [text for value in found for text in expressions(value)] if isinstance(found, list) else []


def named_in(texts: list[str]) -> set[str]:
    return {name for text in texts for name in NAME.findall(text)}


DASHBOARD = json.loads((DOCS / "grafana/fasthook.json").read_text())
RULES = yaml.safe_load((DOCS / "prometheus/fasthook.rules.yml").read_text())


def test_one_webhook_of_each_kind_is_counted_across_all_processes(observed: Product, receiver: Receiver) -> None:
    account = observed.new_account()
    receiver.script("/failing", Answer(500))
    receiver.script("/once", Answer(500), Answer(200))
    before = scrape(observed)
    source, _, _ = account.route(receiver.url("/good"))
    for path, rules in (("/failing", []), ("/once", RETRY)):
        account.connection(source, account.destination(receiver.url(path), name=path[1:]), rules, name=path[1:])
    account.accept(source)
    assert account.send(source, method="GET").status_code == 405
    wait_until(lambda: len(receiver.calls) == 4, 20, "three first attempts and one retry")
    account.wait_for_count(2, status="SUCCESSFUL")
    account.wait_for_count(1, status="FAILED")
    after = wait_until(
        lambda: (
            after
            if (after := scrape(observed))["fasthook_attempts_total"] - before["fasthook_attempts_total"] == 4
            else None
        ),
        10,
        "four attempts are counted",
    )
    added = {name: after[name] - before[name] for name in EXPECTED}
    assert added == EXPECTED
    assert after["fasthook_queue_jobs{deliver}"] >= 0
    assert after["fasthook_database_up"] == 1


EXPECTED = {
    "fasthook_requests_accepted_total": 1,
    "fasthook_requests_rejected_total{SOURCE_METHOD_NOT_ALLOWED}": 1,
    "fasthook_requests_routed_total": 1,
    "fasthook_events_created_total{QUEUED}": 3,
    "fasthook_attempts_total{SUCCESSFUL}": 2,
    "fasthook_attempts_total{BAD_RESPONSE}": 2,
    "fasthook_retries_planned_total": 1,
    "fasthook_events_delivered_total": 2,
    "fasthook_events_failed_total": 1,
    "fasthook_first_attempt_wait_seconds_count": 3,
    "fasthook_attempt_seconds_count": 4,
    "fasthook_accept_seconds_count": 1,
}


def test_every_process_is_seen(product: Product) -> None:
    samples = scrape(product)
    for spec in process_specs({"HOST": "127.0.0.1", "PORT": "1"}, data_dir=Path("/data")):
        assert samples[f"fasthook_processes{{{spec.name}}}"] == 1
        assert samples[f"fasthook_process_starts_total{{{spec.name}}}"] >= 1
        assert samples[f"fasthook_process_resident_memory_bytes{{{spec.name}}}"] > 10_000_000


def test_a_killed_worker_takes_none_of_its_counts_along(observed: Product, receiver: Receiver) -> None:
    account = observed.new_account()
    source, _, _ = account.route(receiver.url())
    account.wait_for_event(account.accept(source), "SUCCESSFUL")
    before = scrape(observed)
    observed.kill("deliver")
    wait_until(lambda: scrape(observed)["fasthook_processes{deliver}"] == 0, 5, "it is seen as dead")
    assert scrape(observed)["fasthook_attempts_total"] == before["fasthook_attempts_total"]
    observed.launch("deliver")
    account.wait_for_event(account.accept(source), "SUCCESSFUL", timeout_s=30)
    after = wait_until(
        lambda: (
            after
            if (after := scrape(observed))["fasthook_attempts_total"] > before["fasthook_attempts_total"]
            else None
        ),
        10,
        "the attempt is counted",
    )
    assert after["fasthook_attempts_total"] == before["fasthook_attempts_total"] + 1
    starts = "fasthook_process_starts_total{deliver}"
    assert after[starts] == before[starts] + 1
    assert len([*(observed.data_dir / "metrics").glob("*.deliver.*")]) == 1


@pytest.mark.parametrize(
    "texts", [expressions(DASHBOARD), expressions(RULES)], ids=["the dashboard", "the alert rules"]
)
def test_what_is_named_for_operators_is_exposed(product: Product, texts: list[str]) -> None:
    assert len(texts) > 10
    assert named_in(texts) - set(scrape(product)) == set()


def test_every_metric_in_the_documentation_is_exposed_and_the_other_way_round(product: Product) -> None:
    table = re.findall(r"^\| `(fasthook_[a-z_]+)", (DOCS / "operations.md").read_text(), re.MULTILINE)
    suffix = re.compile(r"_(bucket|count|sum)$")
    exposed = {suffix.sub("", name) for name in scrape(product) if "{" not in name}
    # A stage's sample may end in a word that histograms use too; none of ours does.
    assert set(table) == exposed
    assert len(table) == len(set(table))


def test_the_dashboard_can_be_imported() -> None:
    variables = {variable["name"]: variable["type"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource": "datasource", "job": "query"}
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert rows == ["Traffic", "Latency", "Queues", "Failures", "Processes"]
    identifiers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(identifiers) == len(set(identifiers))
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert target["expr"].count("(") == target["expr"].count(")")


def test_every_alert_says_what_it_means_and_has_a_row_in_the_documentation() -> None:
    text = (DOCS / "operations.md").read_text()
    alerts = [rule for group in RULES["groups"] for rule in group["rules"]]
    assert len({alert["alert"] for alert in alerts}) == len(alerts)
    for alert in alerts:
        assert alert["labels"]["severity"] in ("page", "ticket")
        assert alert["annotations"]["summary"]
        assert alert["expr"].count("(") == alert["expr"].count(")")
        assert f"| `{alert['alert']}` |" in text
