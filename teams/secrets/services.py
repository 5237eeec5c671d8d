"""A team's API key and signing secret: made, shown, rotated, replaced by the caller's own.

The previous signing secret signs beside the new one until its grace period ends; an API key ends at once.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from fasthook.lib.crypto import credential_digest, mask
from fasthook.lib.errors import Conflict, InvalidInput, NotFound, invalid
from fasthook.lib.ids import new_id
from fasthook.lib.signing_secret import generate_signing_secret, validate_signing_secret
from teams.audit.log import Subject, record
from teams.audit.request_context import current_who
from teams.auth.credentials import API_KEY, new_api_key
from teams.config.lock import next_config_version
from teams.models import ProjectSecrets, Team

API_KEY_FIELD = "api_key"
SIGNING_SECRET_FIELD = "signing_secret"  # noqa: S105 - the name of a field
SECRET_NAMES = (API_KEY_FIELD, SIGNING_SECRET_FIELD)


@transaction.atomic
def create_project_secrets(team: Team, *, now: datetime) -> ProjectSecrets:
    api_key = new_api_key()
    row = ProjectSecrets(
        team=team,
        api_key=api_key,
        api_key_id=new_id("key"),
        api_key_digest=credential_digest(api_key),
        api_key_created_at=now,
        signing_secret=generate_signing_secret(),
        signing_secret_id=new_id("sig"),
        signing_secret_created_at=now,
    )
    row.version = next_config_version()
    row.save(force_insert=True)
    return row


def get_project_secrets(team: Team) -> ProjectSecrets:
    row = ProjectSecrets.objects.filter(team=team).first()
    if row is None:
        raise NotFound("this team has no project secrets")
    return row


def rotate_project_secrets(team: Team, names: Collection[str] | None, *, now: datetime) -> ProjectSecrets:
    """New random values for the named secrets; None rotates both. InvalidInput naming `rotate`."""
    chosen = SECRET_NAMES if names is None else tuple(names)
    if not chosen:
        raise invalid("rotate", f"must name at least one of {', '.join(SECRET_NAMES)}; leave it out to rotate both")
    for index, name in enumerate(chosen):
        if name not in SECRET_NAMES:
            raise invalid(f"rotate[{index}]", f"must be one of {', '.join(SECRET_NAMES)}")
    return _replace(
        team,
        api_key=new_api_key() if API_KEY_FIELD in chosen else None,
        signing_secret=generate_signing_secret() if SIGNING_SECRET_FIELD in chosen else None,
        action="project_secrets.rotated",
        now=now,
    )


def put_project_secrets(
    team: Team, *, api_key: str | None, signing_secret: str | None, now: datetime
) -> ProjectSecrets:
    """The caller's own values; None leaves one as it is. InvalidInput naming the field; Conflict for a key in use."""
    if api_key is None and signing_secret is None:
        raise InvalidInput(
            "give api_key, signing_secret or both", fields={name: ["is required"] for name in SECRET_NAMES}
        )
    if api_key is not None and not API_KEY.fullmatch(api_key):
        raise invalid(API_KEY_FIELD, "must be fhp_ and 32 to 200 letters, digits, '-' or '_'")
    if signing_secret is not None:
        validate_signing_secret(signing_secret, at=SIGNING_SECRET_FIELD)
    try:
        return _replace(
            team, api_key=api_key, signing_secret=signing_secret, action="project_secrets.replaced", now=now
        )
    except IntegrityError:
        raise Conflict("this API key is in use; make another one", code="API_KEY_IN_USE") from None


@transaction.atomic
def _replace(
    team: Team, *, api_key: str | None, signing_secret: str | None, action: str, now: datetime
) -> ProjectSecrets:
    row = ProjectSecrets.objects.select_for_update().filter(team=team).first()
    if row is None:
        raise NotFound("this team has no project secrets")
    before = _shown(row)
    changed: list[str] = []
    if api_key is not None and api_key != row.api_key:
        row.api_key, row.api_key_digest = api_key, credential_digest(api_key)
        row.api_key_id, row.api_key_rotated_at = new_id("key"), now
        changed += ["api_key", "api_key_digest", "api_key_id", "api_key_rotated_at"]
    if signing_secret is not None and signing_secret != row.signing_secret:
        row.previous_signing_secret = row.signing_secret
        row.previous_valid_until = now + timedelta(seconds=settings.SIGNING_SECRET_GRACE_S)
        row.signing_secret, row.signing_secret_id, row.signing_secret_rotated_at = signing_secret, new_id("sig"), now
        changed += ["signing_secret", "signing_secret_id", "signing_secret_rotated_at"]
        changed += ["previous_signing_secret", "previous_valid_until"]
    if changed:
        after = _shown(row)
        told = [name for name in SECRET_NAMES if before[name] != after[name]]
        record(
            current_who(),
            action,
            Subject(team.id, "project_secrets", team.id),
            before={name: before[name] for name in told},
            after={name: after[name] for name in told},
        )
        row.version = next_config_version()
        row.save(update_fields=[*changed, "version"])
    return row


def _shown(row: ProjectSecrets) -> dict[str, dict[str, str]]:
    return {
        API_KEY_FIELD: {"id": row.api_key_id, "masked": mask(row.api_key)},
        SIGNING_SECRET_FIELD: {"id": row.signing_secret_id, "masked": mask(row.signing_secret)},
    }
