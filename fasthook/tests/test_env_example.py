"""`.env.example` names every variable that settings read, and nothing else reads."""

from __future__ import annotations

import re
from pathlib import Path

import environ
import pytest

from fasthook.testing import ROOT

# Read by ./script/up, gunicorn and compose.yaml instead of settings.
OF_THE_PROCESSES = {"HOST", "WEB_CONCURRENCY", "ROUTE_WORKERS", "DELIVER_WORKERS", "POSTGRES_PASSWORD", "PUBLISH"}


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    settings = (ROOT / "fasthook" / "settings.py").read_text()
    read = set(re.findall(r'(?:env\.\w+|required)\(\s*"([A-Z_]+)"', settings))
    documented = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    assert len(documented) == len(set(documented))
    assert set(documented) == read | OF_THE_PROCESSES


def test_a_line_without_its_mark_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    (tmp_path / ".env").write_text("\n".join(line.removeprefix("#") for line in lines if re.match("#[A-Z_]+=", line)))
    monkeypatch.setattr(environ.Env, "ENVIRON", {})
    environ.Env.read_env(str(tmp_path / ".env"))
    assert environ.Env.ENVIRON["PORT"] == "8000"
    assert environ.Env.ENVIRON["INGRESS_URL_TEMPLATE"] == "{base}/in/{slug}/"
    assert environ.Env.ENVIRON["SENTRY_DSN"] == ""
