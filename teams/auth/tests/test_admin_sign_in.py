"""The admin's form signs in under the API's throttle."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client

from teams.models import User

PASSWORD = "correct horse battery"
LOGIN = "/admin/login/"


@pytest.fixture
def staff(db: None) -> User:
    cache.clear()
    return User.objects.create_superuser("staff@example.com", PASSWORD)


def sign_in(password: str) -> bool:
    http = Client()
    http.post(LOGIN, {"username": "Staff@Example.com", "password": password, "next": "/admin/"})
    return "_auth_user_id" in http.session


def test_the_right_password_signs_in_whatever_the_case_of_the_address(staff: User) -> None:
    assert sign_in(PASSWORD)


def test_after_too_many_guesses_even_the_right_password_waits(staff: User, settings: LazySettings) -> None:
    settings.LOGIN_ATTEMPTS_PER_MINUTE = 3
    assert [sign_in("a guess") for _ in range(3)] == [False, False, False]
    assert not sign_in(PASSWORD)
    cache.clear()
    assert sign_in(PASSWORD)


def test_without_a_page_to_go_on_to_the_form_leads_to_the_admin(staff: User) -> None:
    answer = Client().post(LOGIN, {"username": "staff@example.com", "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")


def test_its_cookies_have_names_of_our_own_and_go_to_this_host_alone(staff: User) -> None:
    http = Client()
    http.get(LOGIN)
    http.post(LOGIN, {"username": "staff@example.com", "password": PASSWORD})
    assert set(http.cookies) == {"fasthook-session", "fasthook-csrf"}
    for cookie in http.cookies.values():
        assert (cookie["path"], cookie["domain"], cookie["samesite"]) == ("/", "", "Lax")
    assert http.cookies["fasthook-session"]["httponly"]


def test_what_an_action_said_is_in_no_third_cookie(staff: User) -> None:
    http = Client()
    http.force_login(staff)
    answer = http.post("/admin/auth/group/add/", {"name": "Helpers"})
    assert set(http.cookies) == {"fasthook-session"}
    assert "was added successfully" in http.get(answer.headers["Location"]).content.decode()
