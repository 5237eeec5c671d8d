"""Destinations: what is refused, and how."""

from __future__ import annotations

from tests.refusals.case import Refused

CASES = [
    Refused("POST destinations", {"name": "new"}, error="config.url: is required for an HTTP destination"),
    Refused("PUT destinations", {}, error="name: is required (or id)"),
    Refused("POST destinations", {"name": "new", "type": "FTP"}, error="type: must be one of HTTP, MOCK_API"),
    Refused(
        "POST destinations",
        {"name": "{destination_name}", "config": {"url": "https://example.com"}},
        error="there is already a destination with this name; update it (PUT), or choose another name",
        status=409,
        code="RESOURCE_ALREADY_EXISTS",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"path": "/mock/a"}},
        error="config.path: belongs to MOCK_API destinations; an HTTP destination has url",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"url": "ftp://example.com"}},
        error="config.url: must begin with http:// or https://",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"url": "nonsense"}},
        error="config.url: must begin with http:// or https://",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"url": "http://[fe80::1%25eth0]/"}},
        error="config.url: must not contain an IPv6 zone",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"url": "https://user:pass@example.com"}},
        error="config.url: must not contain a user name or password; use auth_type BASIC_AUTH",
    ),
    Refused("PATCH destinations/{destination}", {"config": {"url": ""}}, error="config.url: must not be empty"),
    Refused(
        "PATCH destinations/{destination}", {"config": {"rate_limit": 0}}, error="config.rate_limit: must be at least 1"
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"rate_limit": 1.5}},
        error="config.rate_limit: must be an integer",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"rate_limit": True}},
        error="config.rate_limit: must be an integer",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"rate_limit_period": "week"}},
        error="config.rate_limit_period: must be one of second, minute, hour",
    ),
    Refused(
        "PATCH destinations/{destination}", {"config": {"timeout": 100}}, error="config.timeout: must be at most 60"
    ),
    Refused("PATCH destinations/{destination}", {"config": {"timeout": "x"}}, error="config.timeout: must be a number"),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"max_concurrency": 0}},
        error="config.max_concurrency: must be at least 1",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"http_method": "FETCH"}},
        error="config.http_method: must be one of GET, POST, PUT, PATCH, DELETE",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"auth_type": "MAGIC"}},
        error=(
            "config.auth_type: must be one of FASTHOOK_SIGNATURE, BASIC_AUTH, BEARER_TOKEN, API_KEY, "
            "CUSTOM_HEADER, CUSTOM_SIGNATURE, OAUTH2_CLIENT_CREDENTIALS, AWS_SIGNATURE"
        ),
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"auth_type": "BEARER_TOKEN", "auth": {}}},
        error="config.auth.token: is required",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"auth_type": "API_KEY", "auth": {"key": "a b", "api_key": "x"}}},
        error="config.auth.key: must be a header name: letters, digits and hyphens",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"auth_type": "CUSTOM_HEADER", "auth": {"header_name": "host", "header_value": "x"}}},
        error="config.auth.header_name: host is written by FastHook itself; choose another header",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {
            "config": {
                "auth_type": "OAUTH2_CLIENT_CREDENTIALS",
                "auth": {"token_url": "x", "client_id": "a", "client_secret": "b"},
            }
        },
        error="config.auth.token_url: must begin with http:// or https://",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"auth_type": "AWS_SIGNATURE", "auth": {}}},
        error="config.auth.access_key_id: is required",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"config": {"path_forwarding_disabled": "no"}},
        error="config.path_forwarding_disabled: must be true or false",
    ),
    Refused(
        "PATCH destinations/{destination}",
        {"type": "MOCK_API", "config": {"url": "https://example.com"}},
        error="config.url: must begin with http://127.0.0.1:8000/mock/, or leave it out",
    ),
    Refused(
        "POST destinations",
        {"name": "m", "type": "MOCK_API", "config": {"path": "/a"}},
        error="config.path: must begin with /mock/ and have no spaces or fragment",
    ),
    Refused(
        "POST destinations",
        {"name": "m", "type": "MOCK_API", "config": {"path": "/mock/a", "url": "/mock/b"}},
        error="config.url: names another place than path; send one of them",
    ),
    Refused(
        "POST destinations",
        {"name": "m", "type": "MOCK_API", "config": {"url": "https://x.example"}},
        error="config.url: must begin with http://127.0.0.1:8000/mock/, or leave it out",
    ),
    Refused(
        "DELETE destinations/{destination}",
        error="1 connection leads to this destination; delete it first, or together with the destination by"
        " ?cascade=true",
        status=409,
        code="HAS_CONNECTIONS",
    ),
    Refused(
        "GET destinations/des_none",
        error="there is no destination 'des_none' in this team",
        status=404,
        code="NOT_FOUND",
    ),
]
