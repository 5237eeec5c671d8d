"""Teams, the people in them, their credentials, the clock of configuration, and the audit log."""

import django.db.models.deletion
import fasthook.lib.model_fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="Team",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="tm", primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=155)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="usr", primary_key=True, serialize=False
                    ),
                ),
                ("email", models.EmailField(max_length=254, unique=True)),
                ("name", models.CharField(blank=True, max_length=155)),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("is_active", models.BooleanField(default=True)),
                ("is_staff", models.BooleanField(default=False, help_text="May sign in to the admin.")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ConfigVersion",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("version", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="config_version_one_row")],
            },
        ),
        migrations.CreateModel(
            name="ProjectSecrets",
            fields=[
                (
                    "team",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="secrets",
                        serialize=False,
                        to="teams.team",
                    ),
                ),
                ("api_key", fasthook.lib.model_fields.EncryptedJSONField()),
                ("api_key_id", models.TextField()),
                ("api_key_digest", models.CharField(max_length=64, unique=True)),
                ("api_key_created_at", models.DateTimeField()),
                ("api_key_rotated_at", models.DateTimeField(blank=True, null=True)),
                ("signing_secret", fasthook.lib.model_fields.EncryptedJSONField()),
                ("signing_secret_id", models.TextField()),
                ("signing_secret_created_at", models.DateTimeField()),
                ("signing_secret_rotated_at", models.DateTimeField(blank=True, null=True)),
                ("previous_signing_secret", fasthook.lib.model_fields.EncryptedJSONField(blank=True, null=True)),
                ("previous_valid_until", models.DateTimeField(blank=True, null=True)),
                ("version", models.BigIntegerField(db_index=True, default=0)),
            ],
            options={
                "verbose_name_plural": "project secrets",
            },
        ),
        migrations.CreateModel(
            name="SessionToken",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="ses", primary_key=True, serialize=False
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="session_tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to="teams.team"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("member", "Member"), ("viewer", "Viewer")],
                        default="member",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("team", "user"), name="membership_once")],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="inv", primary_key=True, serialize=False
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="invitations", to="teams.team"
                    ),
                ),
                ("email", models.EmailField(max_length=254)),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("member", "Member"), ("viewer", "Viewer")], max_length=10
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                (
                    "invited_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("team", "email"), name="invitation_once")],
            },
        ),
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                (
                    "id",
                    fasthook.lib.model_fields.IdField(
                        db_collation="C", editable=False, prefix="aud", primary_key=True, serialize=False
                    ),
                ),
                (
                    "team_id",
                    fasthook.lib.model_fields.RefField(
                        db_collation="C",
                        help_text="Null: a sign-in of nobody's, or of somebody without a team.",
                        null=True,
                    ),
                ),
                ("action", models.TextField(help_text="Such as connection.paused.")),
                (
                    "actor_type",
                    models.TextField(
                        choices=[
                            ("member", "Member"),
                            ("api_key", "Api Key"),
                            ("staff", "Staff"),
                            ("system", "System"),
                            ("anonymous", "Anonymous"),
                        ]
                    ),
                ),
                ("actor_id", fasthook.lib.model_fields.RefField(db_collation="C", null=True)),
                ("actor_label", models.TextField(blank=True)),
                ("ip", models.TextField(null=True)),
                ("request_id", models.TextField(help_text="Of the call, as X-Request-Id of its answer.", null=True)),
                ("resource_type", models.TextField()),
                ("resource_id", fasthook.lib.model_fields.RefField(db_collation="C", null=True)),
                ("resource_name", models.TextField(blank=True)),
                ("before", fasthook.lib.model_fields.JSONTextField(null=True)),
                ("after", fasthook.lib.model_fields.JSONTextField(null=True)),
                ("meta", fasthook.lib.model_fields.JSONTextField(null=True)),
            ],
            options={
                "verbose_name_plural": "audit entries",
                "indexes": [
                    models.Index(fields=["team_id", "id"], name="audit_of_team"),
                    models.Index(fields=["team_id", "action", "id"], name="audit_by_action"),
                    models.Index(fields=["team_id", "resource_type", "id"], name="audit_by_type"),
                    models.Index(fields=["resource_id", "id"], name="audit_by_resource"),
                    models.Index(fields=["actor_id", "id"], name="audit_by_actor"),
                ],
            },
        ),
        migrations.RunSQL("INSERT INTO teams_configversion (id, version) VALUES (1, 0)", migrations.RunSQL.noop),
    ]
