"""FastHook's own cookies: what they are called, and what is left of a Cookie header without them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasthook.lib.browsers.cookies import drop_product_cookies
from fasthook.testing import ROOT

OURS = [
    "fasthook-session=s",
    "__Host-fasthook-csrf=c",
    "__HOST-FastHook-Session=",
    "__Secure-fasthook-session=s",
    "\tfasthook-csrf =c",
]
OTHERS = st.text(st.characters(codec="latin-1", exclude_characters=";"), max_size=12).filter(
    lambda text: "fasthook" not in text.lower() and text.strip() != ""
)


def left_of(value: str) -> list[tuple[str, str]]:
    return drop_product_cookies([("x-a", value), ("cookie", value), ("cookie", "b=2")])[1:-1]


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{ours}; a=1", "a=1"),
        ("a=1; {ours}", "a=1"),
        ("a=1;{ours};b=2", "a=1;b=2"),
        ("{ours}; {ours}; a=fasthook-session=1 ; b", "a=fasthook-session=1 ; b"),
    ],
)
def test_ours_are_dropped_in_any_spelling_and_others_stay(ours: str, before: str, after: str) -> None:
    assert left_of(before.format(ours=ours)) == [("cookie", after)]


@pytest.mark.parametrize("ours", OURS)
def test_a_header_with_ours_alone_is_dropped(ours: str) -> None:
    assert left_of(ours) == left_of(f"{ours}; {ours};") == []


@pytest.mark.parametrize(
    "value",
    ["", ";", "sessionid=s; csrftoken=c; messages=m", "xfasthook-session=1", "a=fasthook-session", "fasthook-x=1"],
)
def test_what_is_called_otherwise_stays_as_it_came(value: str) -> None:
    assert left_of(value) == [("cookie", value)]


@given(st.lists(OTHERS, min_size=1), st.data())
def test_other_cookies_stay_byte_for_byte(others: list[str], data: st.DataObject) -> None:
    mixed = [f" {other}" for other in others]
    for ours in data.draw(st.lists(st.sampled_from(OURS))):
        mixed.insert(data.draw(st.integers(0, len(mixed))), f" {ours}")
    assert left_of(";".join(mixed)[1:]) == [("cookie", ";".join(f" {other}" for other in others)[1:])]


def test_the_names_are_tied_to_the_host_where_there_is_https() -> None:
    shown = "SESSION_COOKIE_NAME CSRF_COOKIE_NAME SESSION_COOKIE_SECURE CSRF_COOKIE_SECURE"
    code = f"from fasthook import settings as s; print(*(getattr(s, name) for name in '{shown}'.split()))"

    def told(base_url: str) -> str:
        environment = {**os.environ, "BASE_URL": base_url, "DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert told("https://app.example.com") == "__Host-fasthook-session __Host-fasthook-csrf True True"
    assert told("http://127.0.0.1:8000") == "fasthook-session fasthook-csrf False False"
