"""Who may look at the metrics."""

from __future__ import annotations

import pytest

from metrics.prometheus.access import FROM_ELSEWHERE, UNPROVEN, why_refused


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_without_a_token_this_machine_may_look(peer: str) -> None:
    assert why_refused(token="", peer=peer, headers={"host": "127.0.0.1:8000"}) is None


@pytest.mark.parametrize("peer", ["10.0.0.7", "203.0.113.9", "::ffff:10.0.0.7", "fe80::1", "", None, "testclient"])
def test_without_a_token_nobody_else_may(peer: str | None) -> None:
    assert why_refused(token="", peer=peer, headers={}) == FROM_ELSEWHERE


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "via"])
def test_without_a_token_a_proxy_on_this_machine_is_somebody_else(header: str) -> None:
    assert why_refused(token="", peer="127.0.0.1", headers={header: "127.0.0.1"}) == FROM_ELSEWHERE


@pytest.mark.parametrize("given", ["Bearer secret", "bearer secret", "Bearer  secret "])
def test_with_a_token_whoever_has_it_may_look_from_anywhere(given: str) -> None:
    headers = {"authorization": given, "x-forwarded-for": "203.0.113.9"}
    assert why_refused(token="secret", peer="203.0.113.9", headers=headers) is None


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Basic secret", "secret", "Bearer säcret"]
)
def test_with_a_token_nobody_may_without_it_not_even_this_machine(given: str) -> None:
    assert why_refused(token="secret", peer="127.0.0.1", headers={"authorization": given}) == UNPROVEN


def test_a_refusal_says_what_to_set() -> None:
    assert "METRICS_TOKEN" in FROM_ELSEWHERE
    assert "Authorization: Bearer" in FROM_ELSEWHERE
    assert "METRICS_TOKEN" in UNPROVEN
