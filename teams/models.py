"""Tables of ownership: teams, the people in them, and the credentials that speak for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models, transaction

from fasthook.lib.clock import iso
from fasthook.lib.masking import mask_auth
from fasthook.lib.model_fields import EncryptedJSONField, IdField, JSONTextField, RefField


class Team(models.Model):
    id = IdField(prefix="tm", primary_key=True)
    name = models.CharField(max_length=155)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    id = IdField(prefix="usr", primary_key=True)
    # Reader of its index: sign-in.
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=155, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May sign in to the admin.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A new password ends all sessions: whoever had the old one, or a token by it, is out."""
        # Not when a password that was right is hashed anew: Django forgets `_password` first.
        replaced = not self._state.adding and (
            getattr(self, "_password", None) is not None or not self.has_usable_password()
        )
        with transaction.atomic():
            super().save(*args, **kwargs)
            if replaced:
                self.session_tokens.all().delete()


class Role(models.TextChoices):
    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"  # reads only


class Membership(models.Model):
    # Readers of their indexes: who is in a team; which teams a person is in.
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # Reader: the permission of each call, for one person's role in one team.
            models.UniqueConstraint(fields=["team", "user"], name="membership_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team} ({self.role})"


class Invitation(models.Model):
    """A place in a team for the bearer of the token, whose account may be new: see teams/people/invitations.py."""

    id = IdField(prefix="inv", primary_key=True)
    # Reader of its index: the team's list.
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10, choices=Role.choices)
    # Reader of its index: whoever comes with the token.
    digest = models.CharField(max_length=64, unique=True)
    # Reader of its index: what goes with a person who is removed.
    invited_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Reader: inviting, which replaces an earlier invitation.
            models.UniqueConstraint(fields=["team", "email"], name="invitation_once")
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.team} ({self.role})"


def list_indexes(kind: str, *, by_name: bool = False) -> list[models.Index]:
    """Readers: a team's list of a resource, by time; `by_name` where no constraint has an index for that."""
    orders = {"created": "created_at", "updated": "updated_at", **({"name": "name"} if by_name else {})}
    return [
        models.Index(fields=["team", column, "id"], condition=models.Q(deleted_at=None), name=f"{kind}_by_{word}")
        for word, column in orders.items()
    ]


class Resource(models.Model):
    """What a team configures: sources, destinations, connections. Deleted rows stay: evidence names them."""

    # Reader of its index: what goes with a team that is removed, deleted rows included. Lists have their own.
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="%(class)ss")
    name = models.CharField(max_length=155)
    description = models.TextField(blank=True, default="")
    disabled_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # The configuration's version that the row was last saved under: see teams/config/lock.py. Readers of its index: the
    # catalogs, for what is newer than they have seen.
    version = models.BigIntegerField(default=0, db_index=True)

    # Which columns the audit log and a plan show, and how the API spells them.
    shown_as: ClassVar[Mapping[str, str]] = {
        "name": "name",
        "description": "description",
        "disabled_at": "disabled_at",
    }

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    def shown(self, column: str) -> Any:
        """The column's value as anybody of the team may see it: JSON, secrets masked."""
        value = getattr(self, self._meta.get_field(column).attname)  # type: ignore[union-attr]
        if isinstance(value, datetime):
            return iso(value)
        return mask_auth(value, self.secret_keys(column)) if isinstance(value, Mapping) else value

    def secret_keys(self, column: str) -> Collection[str]:
        """The keys of an object that are secret: of what is encrypted all of them, unless a resource knows better."""
        sealed = isinstance(self._meta.get_field(column), EncryptedJSONField)
        return getattr(self, column).keys() if sealed else ()


class ProjectSecrets(models.Model):
    """A team's two credentials: the API key that automation uses, and the secret that signs deliveries."""

    team = models.OneToOneField(Team, on_delete=models.CASCADE, primary_key=True, related_name="secrets")
    api_key = EncryptedJSONField()
    api_key_id = models.TextField()
    # Reader of its index: each call that comes with an API key.
    api_key_digest = models.CharField(max_length=64, unique=True)
    api_key_created_at = models.DateTimeField()
    api_key_rotated_at = models.DateTimeField(null=True, blank=True)
    signing_secret = EncryptedJSONField()
    signing_secret_id = models.TextField()
    signing_secret_created_at = models.DateTimeField()
    signing_secret_rotated_at = models.DateTimeField(null=True, blank=True)
    previous_signing_secret = EncryptedJSONField(null=True, blank=True)
    previous_valid_until = models.DateTimeField(null=True, blank=True)
    # Rises with every change. Reader of its index: the delivery workers' catalog, for what is newer than it has seen.
    version = models.BigIntegerField(default=0, db_index=True)

    class Meta:
        verbose_name_plural = "project secrets"

    def __str__(self) -> str:
        return f"secrets of {self.team_id}"


class SessionToken(models.Model):
    """A signed-in person's bearer token (`fhs_...`), kept as a digest only."""

    id = IdField(prefix="ses", primary_key=True)
    # Reader of its index: a sign-in or a new password, which end sessions of the person.
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="session_tokens")
    # Reader of its index: each call that comes with a session token.
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.id


class ConfigVersion(models.Model):
    """One row. Every change of configuration takes the next number under this row's lock: see teams/config/lock.py."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="config_version_one_row")]

    def __str__(self) -> str:
        return str(self.version)


class ActorType(models.TextChoices):
    MEMBER = "member"
    API_KEY = "api_key"
    STAFF = "staff"  # in the admin
    SYSTEM = "system"  # nobody asked: the bootstrap, a provider's handshake
    ANONYMOUS = "anonymous"  # a sign-in that was refused


class AuditEntry(models.Model):
    """Who changed or did what. Its time is that of its id. Written by teams/audit/log.py, never updated."""

    id = IdField(prefix="aud", primary_key=True)
    team_id = RefField(null=True, help_text="Null: a sign-in of nobody's, or of somebody without a team.")
    action = models.TextField(help_text="Such as connection.paused.")
    actor_type = models.TextField(choices=ActorType.choices)
    actor_id = RefField(null=True)
    actor_label = models.TextField(blank=True)
    ip = models.TextField(null=True)
    request_id = models.TextField(null=True, help_text="Of the call, as X-Request-Id of its answer.")
    resource_type = models.TextField()
    resource_id = RefField(null=True)
    resource_name = models.TextField(blank=True)
    before = JSONTextField(null=True)
    after = JSONTextField(null=True)
    meta = JSONTextField(null=True)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            # Readers: the team's list, and that list by action, by kind of resource, by one resource, by one actor.
            # Retention and the admin read by the key.
            models.Index(fields=["team_id", "id"], name="audit_of_team"),
            models.Index(fields=["team_id", "action", "id"], name="audit_by_action"),
            models.Index(fields=["team_id", "resource_type", "id"], name="audit_by_type"),
            models.Index(fields=["resource_id", "id"], name="audit_by_resource"),
            models.Index(fields=["actor_id", "id"], name="audit_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.resource_name or self.resource_id or ''}".strip()
