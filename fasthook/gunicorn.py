"""Gunicorn's settings for the web role, whoever starts it. Address: --bind; number of workers: WEB_CONCURRENCY."""

from __future__ import annotations

import os

from fasthook.telemetry import logging_config

worker_class = "uvicorn_worker.UvicornWorker"
graceful_timeout = 5
timeout = 60
# Longer than the idle time of common load balancers, so that they and not we close a connection.
keepalive = 75
accesslog = None
# Before Django, and with it settings, is there: the arbiter's lines have the same shape as the workers'.
logconfig_dict = logging_config(
    log_format=os.environ.get("LOG_FORMAT") or "text", level=os.environ.get("LOG_LEVEL") or "INFO"
)
# The workers' heartbeat files: on a disk, a slow fsync of the database could stop a beat.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# Nothing uses it, and its path may be longer than a socket's can be.
control_socket_disable = True
# Who is behind a proxy is decided by TRUSTED_PROXIES alone (fasthook/asgi.py); uvicorn would believe any on loopback.
forwarded_allow_ips = ""
