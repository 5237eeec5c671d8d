"""Settings and services for every test. Django is configured here rather than in pytest.ini: the addresses of the
throw-away Postgres and Valkey must be in the environment before settings are read.

The servers start when the first test asks for the database or for `services`; pure tests never wait for them.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import dataclass

import django
import pytest

from fasthook.testing import *  # noqa: F403 - fixtures of every test
from local.embedded import EmbeddedServices, make_throwaway_folder

pytest_plugins = ["tests.shifted_clock"]


@dataclass(frozen=True, slots=True)
class ServiceAddresses:
    database_url: str
    redis_url: str
    postgres_is_embedded: bool


def _reserve_services() -> EmbeddedServices | None:
    """Servers for what the environment does not name, not started; their addresses go into the environment."""
    postgres, valkey = not os.environ.get("DATABASE_URL"), not os.environ.get("REDIS_URL")
    if not (postgres or valkey):
        return None
    services = EmbeddedServices(make_throwaway_folder(), postgres=postgres, valkey=valkey, throwaway=True)
    if services.database_url:
        os.environ["DATABASE_URL"] = services.database_url
    if services.redis_url:
        os.environ["REDIS_URL"] = services.redis_url
    return services


_services = _reserve_services()
os.environ.setdefault("SECRET_KEY", "only-for-tests")
os.environ.setdefault("ENCRYPTION_KEYS", base64.urlsafe_b64encode(b"only-for-tests".ljust(32, b"-")).decode())
os.environ["DJANGO_SETTINGS_MODULE"] = "fasthook.settings"

# The conftest files of the rooms import models, and are read before pytest-django would set Django up.
django.setup()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Each of several test processes reads this file anew and has servers of its own: none may take those of this one,
    which runs no tests, or read the settings before it has its own."""
    del os.environ["DJANGO_SETTINGS_MODULE"]
    if _services is not None and _services.database_url:
        del os.environ["DATABASE_URL"]
    if _services is not None and _services.redis_url:
        del os.environ["REDIS_URL"]


def pytest_unconfigure() -> None:
    if _services is not None:
        _services.stop()
        _services.discard()


@pytest.fixture(scope="session")
def services() -> Iterator[ServiceAddresses]:
    """Running Postgres and Redis: the throw-away ones, or those that the environment named."""
    if _services is not None:
        _services.start()
    embedded = _services is not None and _services.database_url is not None
    yield ServiceAddresses(os.environ["DATABASE_URL"], os.environ["REDIS_URL"], postgres_is_embedded=embedded)
    if _services is not None:
        _services.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(services: ServiceAddresses) -> None:
    """pytest-django asks for this before it creates the test database."""
