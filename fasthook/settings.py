"""Settings, all of them, and the only reader of the environment. `.env.example` has a line on every variable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import environ
from django.core.exceptions import ImproperlyConfigured

from fasthook.lib.browsers.cookies import cookie_names
from fasthook.telemetry import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env", overwrite=False)


def required(name: str, hint: str) -> str:
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set: {hint}. ./script/up sets it for a local installation.")
    return value


# ---- Where things are

DEBUG: bool = env.bool("DEBUG", default=False)
SECRET_KEY = required("SECRET_KEY", "any long random text, kept for good")
ENCRYPTION_KEYS: list[str] = [
    key.strip()
    for key in required("ENCRYPTION_KEYS", "one or more Fernet keys, newest first, comma separated").split(",")
    if key.strip()
]
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data")))
PORT: int = env.int("PORT", default=8000)
BASE_URL: str = env.str("BASE_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
INGRESS_URL_TEMPLATE: str = env.str("INGRESS_URL_TEMPLATE", default="{base}/in/{slug}/")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]", "testserver"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", default=[])

# ---- Postgres and Redis

DATABASE_URL: str = required("DATABASE_URL", "postgres://user:password@host:5432/name")
REDIS_URL: str = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")

_database: dict[str, Any] = env.db_url_config(DATABASE_URL)
_database["ENGINE"] = "django.db.backends.postgresql"
_database["HOST"] = unquote(_database.get("HOST") or "")
_database["CONN_HEALTH_CHECKS"] = True
_database["OPTIONS"] = {
    **_database.get("OPTIONS", {}),
    "application_name": env.str("DATABASE_APPLICATION_NAME", default="fasthook"),
}
# The web process answers each call on a thread of its own, so it shares a pool (asgi.py asks for it); workers keep one
# connection each.
DATABASE_POOL_SIZE: int = env.int("DATABASE_POOL_SIZE", default=20)
if "FASTHOOK_WEB" in os.environ:
    _database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 10}
else:
    _database["CONN_MAX_AGE"] = None
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

# ---- Limits

MAX_BODY_BYTES: int = env.int("MAX_BODY_BYTES", default=10 * 1024 * 1024)
MAX_HEADER_BYTES: int = env.int("MAX_HEADER_BYTES", default=64 * 1024)
MAX_API_BODY_BYTES: int = env.int("MAX_API_BODY_BYTES", default=1024 * 1024)
REJECTED_EVIDENCE_PER_MINUTE: int = env.int("REJECTED_EVIDENCE_PER_MINUTE", default=120)
CAPTURE_GROUP_REQUESTS: int = env.int("CAPTURE_GROUP_REQUESTS", default=256)
CAPTURE_GROUP_BYTES: int = env.int("CAPTURE_GROUP_BYTES", default=8 * 1024 * 1024)
CAPTURE_QUEUE_BYTES: int = env.int("CAPTURE_QUEUE_BYTES", default=128 * 1024 * 1024)
ROUTE_BATCH: int = env.int("ROUTE_BATCH", default=250)
ROUTE_LEASE_S: float = env.float("ROUTE_LEASE_S", default=10.0)
DELIVER_IN_FLIGHT: int = env.int("DELIVER_IN_FLIGHT", default=1000)
DELIVER_CLAIM: int = env.int("DELIVER_CLAIM", default=250)
DELIVER_CLAIM_BYTES: int = env.int("DELIVER_CLAIM_BYTES", default=32 * 1024 * 1024)
DELIVER_LEASE_S: float = env.float("DELIVER_LEASE_S", default=15.0)
DELIVERY_ALLOWED_NETWORKS: list[str] = env.list("DELIVERY_ALLOWED_NETWORKS", default=[])
TRANSFORM_CPU_S: float = env.float("TRANSFORM_CPU_S", default=1.0)
TRANSFORM_WALL_S: float = env.float("TRANSFORM_WALL_S", default=2.0)
TRANSFORM_MEMORY_BYTES: int = env.int("TRANSFORM_MEMORY_BYTES", default=64 * 1024 * 1024)
TRANSFORM_TRIALS: int = env.int("TRANSFORM_TRIALS", default=2)
RETENTION_DAYS: int = env.int("RETENTION_DAYS", default=30)
# By table of evidence; events/storage/checks.py refuses what makes no sense.
RETENTION_DAYS_BY_TABLE: dict[str, int] = {
    "requests": env.int("RETENTION_DAYS_REQUESTS", default=RETENTION_DAYS),
    "events": env.int("RETENTION_DAYS_EVENTS", default=RETENTION_DAYS),
    "attempts": env.int("RETENTION_DAYS_ATTEMPTS", default=RETENTION_DAYS),
    "transformation_executions": env.int("RETENTION_DAYS_TRANSFORMATION_EXECUTIONS", default=RETENTION_DAYS),
}
RETENTION_DAYS_AUDIT: int = env.int("RETENTION_DAYS_AUDIT", default=365)
# Rollups outlive the evidence they were counted from; metrics/checks.py refuses less than that.
RETENTION_DAYS_METRICS: int = env.int("RETENTION_DAYS_METRICS", default=max(90, *RETENTION_DAYS_BY_TABLE.values()))
SESSION_TOKEN_DAYS: int = env.int("SESSION_TOKEN_DAYS", default=30)
SIGNING_SECRET_GRACE_S: int = env.int("SIGNING_SECRET_GRACE_S", default=24 * 3600)
API_RATE_PER_MINUTE: int = env.int("API_RATE_PER_MINUTE", default=30_000)
LOGIN_ATTEMPTS_PER_MINUTE: int = env.int("LOGIN_ATTEMPTS_PER_MINUTE", default=10)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_API_BODY_BYTES

# ---- Django

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "fasthook.support.apps.SupportAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "fasthook.apps.FastHookConfig",
    "teams",
    "sources",
    "destinations",
    "connections",
    "events",
    "metrics",
    "alerts.apps.AlertsConfig",
    "seeding",
]

MIDDLEWARE = [
    "fasthook.lib.browsers.sandbox.raw_bodies_middleware",
    "teams.audit.request_context.request_context_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "fasthook.urls"
ASGI_APPLICATION = "fasthook.asgi.application"
APPEND_SLASH = False
AUTH_USER_MODEL = "teams.User"
AUTHENTICATION_BACKENDS = ["teams.auth.backends.ThrottledBackend"]
LOGIN_REDIRECT_URL = "admin:index"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
DATETIME_FORMAT = "Y-m-d H:i:s"
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
# Served from where they lie: WhiteNoise asks the finders, so nothing has to be collected.
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True

# ---- Browsers

_https = BASE_URL.startswith("https://")
# Django's defaults are the rest: path /, no Domain, SameSite=Lax, HttpOnly for the session; nosniff, no frames.
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = cookie_names(secure=_https)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
# Not in a third cookie.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
if _https:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# ---- The API

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["teams.auth.bearer.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["teams.auth.permissions.TeamPermission"],
    "DEFAULT_THROTTLE_CLASSES": ["teams.auth.call_rate.CredentialThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["fasthook.api.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["fasthook.api.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "fasthook.openapi.operations.ApiSchema",
    "EXCEPTION_HANDLER": "fasthook.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "URL_FORMAT_OVERRIDE": None,
}
UNFOLD = {
    "SITE_TITLE": "FastHook support",
    "SITE_HEADER": "FastHook",
    "SITE_SUBHEADER": "Support",
    "SITE_URL": "/v1/docs",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/favicon.svg"}],
    "STYLES": ["/static/support/support.css"],
    "SHOW_HISTORY": False,
    "SIDEBAR": {"show_search": True, "navigation": "fasthook.support.navigation.navigation"},
}
SPECTACULAR_SETTINGS = {
    "TITLE": "FastHook",
    "DESCRIPTION": (
        "Receive, route, deliver and replay webhooks.\n\nEvery route works without /v1 too. Bodies are JSON objects;"
        " unknown fields and parameters are refused. Errors have one shape (`Error`). Lists are read page by page with"
        " the cursors `next` and `prev`."
    ),
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/v1",
    "PREPROCESSING_HOOKS": ["fasthook.openapi.document.versioned"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "fasthook.openapi.document.complete",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "ResourceStatus": ["enabled", "disabled"],
        "RequestStatus": "events.models.RequestStatus",
        "EventStatus": "events.states.Status",
        "AttemptStatus": "events.models.AttemptStatus",
        "AlertStatus": "alerts.models.AlertStatus",
        "AlertRuleType": "alerts.api.serializers.RULE_TYPES",
        "AlertObjectType": "alerts.api.serializers.OBJECT_TYPES",
        "AlertChannelType": "alerts.models.ChannelType",
        "AlertNotificationKind": "alerts.models.NotificationKind",
        "AlertNotificationStatus": "alerts.models.NotificationStatus",
        "AlertResolution": "alerts.models.Resolution",
        "ActorType": "teams.models.ActorType",
        "DestinationType": "destinations.models.DestinationType",
        "BackgroundStatus": "events.models.bulk.BulkStatus",
        "BulkType": ["event_bulk_retry", "event_bulk_cancel", "request_bulk_retry"],
    },
}

# ---- Celery

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 5, "socket_keepalive": True}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# ---- Alerts and mail

ALERTS_EVERY_S: float = env.float("ALERTS_EVERY_S", default=15.0)
RETENTION_DAYS_ALERTS: int = env.int("RETENTION_DAYS_ALERTS", default=90)
EMAIL_URL: str = env.str("EMAIL_URL", default="")
_email: dict[str, Any] = env.email_url_config(EMAIL_URL or "consolemail://")
EMAIL_BACKEND: str = _email["EMAIL_BACKEND"]
EMAIL_HOST: str = _email.get("EMAIL_HOST") or "localhost"
EMAIL_PORT: int = _email.get("EMAIL_PORT") or 25
EMAIL_HOST_USER: str = _email.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD: str = _email.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS: bool = _email.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL: bool = _email.get("EMAIL_USE_SSL", False)
EMAIL_FILE_PATH: str | None = _email.get("EMAIL_FILE_PATH") or None
EMAIL_TIMEOUT = 10
EMAIL_FROM: str = env.str("EMAIL_FROM", default="FastHook <fasthook@localhost>")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = EMAIL_FROM

# ---- Logs and faults

LOG_FORMAT: str = env.str("LOG_FORMAT", default="text")
LOG_LEVEL: str = env.str("LOG_LEVEL", default="INFO")
LOGGING = logging_config(log_format=LOG_FORMAT, level=LOG_LEVEL)
SENTRY_DSN: str = env.str("SENTRY_DSN", default="")

# ---- Metrics

METRICS_DIR = DATA_DIR / "metrics"
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")
METRICS_PORT: int = env.int("METRICS_PORT", default=0)
