from __future__ import annotations

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from connections.models import Connection
from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller
from teams.models import Team, User
from teams.secrets.services import rotate_project_secrets


@pytest.fixture
def credentials_file(db: None, settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path / "data"
    settings.BASE_URL = "https://hooks.example.com"
    return tmp_path / "data" / "credentials.json"


def bootstrap() -> str:
    out = StringIO()
    call_command("bootstrap", stdout=out)
    return out.getvalue()


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_fresh_installation_gets_everything_it_needs(credentials_file: Path) -> None:
    bootstrap()
    found = read(credentials_file)
    assert set(found) == {
        "base_url",
        "team_id",
        "email",
        "password",
        "api_key",
        "signing_secret",
        "session_token",
        "source_url",
    }
    assert stat.S_IMODE(credentials_file.stat().st_mode) == 0o600
    assert list(credentials_file.parent.iterdir()) == [credentials_file]
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (True, True)
    assert user.check_password(found["password"])
    route = Connection.objects.select_related("source", "destination").get()
    assert (route.source.name, route.destination.name, route.destination.type) == ("demo", "demo-mock", "MOCK_API")
    assert (route.destination.url, found["source_url"]) == ("/mock/", route.source.url)
    assert found["base_url"] == "https://hooks.example.com"


def test_its_credentials_work(credentials_file: Path) -> None:
    bootstrap()
    found = read(credentials_file)
    for token in (found["api_key"], found["session_token"]):
        assert ApiCaller(token).get("sources/count").json() == {"count": 1}
    body = {"email": found["email"], "password": found["password"]}
    assert ApiCaller().post("auth/login", body).json()["teams"][0]["id"] == found["team_id"]


def test_running_again_changes_nothing(credentials_file: Path) -> None:
    bootstrap()
    before, modified = read(credentials_file), credentials_file.stat().st_mtime_ns
    assert bootstrap() == ""
    assert (read(credentials_file), credentials_file.stat().st_mtime_ns) == (before, modified)
    assert (Team.objects.count(), User.objects.count(), Connection.objects.count()) == (1, 1, 1)


def test_a_lost_file_is_written_with_a_new_password_and_token(credentials_file: Path) -> None:
    bootstrap()
    before = read(credentials_file)
    credentials_file.unlink()
    said = bootstrap()
    after = read(credentials_file)
    assert "new password" in said
    assert "new session token" in said
    assert after["password"] != before["password"]
    assert after["session_token"] != before["session_token"]
    assert after["api_key"] == before["api_key"]
    assert User.objects.get().check_password(after["password"])
    assert Team.objects.count() == 1


def test_a_rotated_key_is_refreshed_and_the_rest_is_kept(credentials_file: Path) -> None:
    bootstrap()
    before = read(credentials_file)
    secrets = rotate_project_secrets(Team.objects.get(), None, now=utc_now())
    bootstrap()
    after = read(credentials_file)
    assert (after["api_key"], after["signing_secret"]) == (secrets.api_key, secrets.signing_secret)
    assert after["password"] == before["password"]
    assert after["session_token"] == before["session_token"]


def test_a_password_that_its_owner_changed_is_left_alone(credentials_file: Path) -> None:
    bootstrap()
    user = User.objects.get()
    user.set_password("chosen by the owner")
    user.save()
    said = bootstrap()
    assert "left as it is" in said
    assert read(credentials_file)["password"] is None
    assert User.objects.get().check_password("chosen by the owner")


def test_a_deleted_demo_route_does_not_come_back(credentials_file: Path) -> None:
    bootstrap()
    caller = ApiCaller(read(credentials_file)["api_key"])
    source_id = Connection.objects.get().source_id
    assert caller.delete(f"sources/{source_id}?cascade=true").status_code == 204
    bootstrap()
    assert caller.get("connections/count").json() == {"count": 0}
