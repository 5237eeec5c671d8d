"""Support staff's view of teams, people and credentials: names, roles and sign-in change here, secrets never show."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import Group
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import (
    AdminPasswordChangeForm,
    UnfoldReadOnlyPasswordHashWidget,
    UserChangeForm,
    UserCreationForm,
)

from fasthook.admin.fields import as_time, linked, moment
from fasthook.admin.staff import EvidenceAdmin, FoundById, ReadOnlyAdmin
from fasthook.lib.ids import time_of
from teams.audit.admin_log import AuditedForms
from teams.models import AuditEntry, ConfigVersion, Invitation, Membership, ProjectSecrets, SessionToken, Team, User

_CREATED = moment("created_at")
_UPDATED = moment("updated_at")


class _LowerCaseEmail:
    """Sign-in looks addresses up in lower case."""

    cleaned_data: dict[str, Any]

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()


class NewUserForm(_LowerCaseEmail, UserCreationForm):
    class Meta:
        model = User
        fields = ("email", "name")


class PasswordIsSet(UnfoldReadOnlyPasswordHashWidget):
    """Whether there is one. Django would show how it is hashed, and the beginning of the hash."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        is_set = bool(value) and is_password_usable(value)
        return {**context, "summary": [{"label": "Set" if is_set else "Not set"}]}


class UserForm(_LowerCaseEmail, UserChangeForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Without the right to change people there is no field.
        if "password" in self.fields:
            self.fields["password"].widget = PasswordIsSet()

    class Meta:
        model = User
        fields = "__all__"


class MembershipInline(TabularInline):
    model = Membership
    fields = ("team", "user", "role")
    autocomplete_fields = ("team", "user")
    extra = 0


@admin.register(User)
class UserAdmin(AuditedForms, FoundById, DjangoUserAdmin):
    """Only superusers change people: a right to edit accounts is a right to make oneself anything."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "id", "is_active", "is_staff", _CREATED)
    list_filter = ("is_active", "is_staff")
    found_by = {"usr": "id"}
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("id", "signed_in", "created", "related")
    filter_horizontal = ()
    signed_in = staticmethod(moment("last_login"))
    created = staticmethod(_CREATED)
    autocomplete_fields = ("groups",)
    inlines = (MembershipInline,)
    fieldsets = (
        (None, {"fields": ("id", "email", "name", "password", "related")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Times", {"fields": ("signed_in", "created")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(AuditedForms, DjangoGroupAdmin, ModelAdmin):
    pass


@admin.register(Team)
class TeamAdmin(AuditedForms, FoundById):
    list_display = ("name", "id", _CREATED, _UPDATED)
    found_by = {"tm": "id"}
    search_fields = ("name",)
    ordering = ("-id",)
    created = staticmethod(_CREATED)
    updated = staticmethod(_UPDATED)
    fields = ("id", "name", "created", "updated", "related")
    readonly_fields = ("id", "created", "updated", "related")
    inlines = (MembershipInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A team is born with its secrets: teams.secrets.services.create_project_secrets.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        return False


@admin.register(Membership)
class MembershipAdmin(AuditedForms, FoundById):
    list_display = ("team", "user", "role", _CREATED)
    list_filter = ("role",)
    list_select_related = ("team", "user")
    found_by = {"tm": "team_id", "usr": "user_id"}
    search_fields = ("team__name", "user__email")
    autocomplete_fields = ("team", "user")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    exclude = ("digest",)
    list_display = ("email", "team", "role", _CREATED, moment("expires_at"))
    list_select_related = ("team",)
    found_by = {"inv": "id", "tm": "team_id"}
    search_fields = ("email",)
    ordering = ("-id",)


@admin.register(ProjectSecrets)
class ProjectSecretsAdmin(ReadOnlyAdmin):
    exclude = ("api_key_digest",)
    list_display = ("team", "api_key_id", moment("api_key_rotated_at"), moment("signing_secret_rotated_at"))
    list_select_related = ("team",)
    found_by = {"tm": "team_id", "key": "api_key_id", "sig": "signing_secret_id"}
    search_fields = ("team__name",)


@admin.register(SessionToken)
class SessionTokenAdmin(ReadOnlyAdmin):
    exclude = ("digest",)
    list_display = ("id", "user", _CREATED, moment("expires_at"))
    list_select_related = ("user",)
    found_by = {"ses": "id", "usr": "user_id"}
    search_fields = ("user__email",)
    ordering = ("-id",)


@admin.register(ConfigVersion)
class ConfigVersionAdmin(ReadOnlyAdmin):
    list_display = ("id", "version")


@admin.register(AuditEntry)
class AuditEntryAdmin(EvidenceAdmin):
    found_by = {
        "aud": "id",
        "tm": "team_id",
        "usr": "actor_id",
        "key": "actor_id",
        "src": "resource_id",
        "des": "resource_id",
        "conn": "resource_id",
        "trs": "resource_id",
        "evt": "resource_id",
        "req": "resource_id",
        "bch": "resource_id",
        "rhr": "resource_id",
        "inv": "resource_id",
    }
    list_display = (
        "id",
        "at",
        "action",
        "resource_name",
        "actor_label",
        "ip",
        linked("resource_id"),
        linked("team_id"),
    )

    @admin.display(description="at")
    def at(self, entry: AuditEntry) -> Any:
        return as_time(time_of(entry.id))
