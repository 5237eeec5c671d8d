"""Examples of the calls that people make first, by operation id. A test holds them against the schemas beside them."""

from __future__ import annotations

from typing import Any, Final

_SOURCE: Final = {
    "name": "stripe-production",
    "type": "WEBHOOK",
    "config": {
        "auth_type": "HMAC",
        "auth": {"secret": "whsec_provider_secret", "signature_header": "stripe-signature"},
        "allowed_http_methods": ["POST"],
    },
}
_DESTINATION: Final = {
    "name": "billing-api-production",
    "type": "HTTP",
    "config": {
        "url": "https://api.example.com/webhooks/stripe",
        "http_method": "POST",
        "rate_limit": 60,
        "rate_limit_period": "minute",
        "auth_type": "FASTHOOK_SIGNATURE",
        "auth": {},
    },
}
_RULES: Final = [
    {"type": "deduplicate", "window": 300000, "include_fields": ["body.id"]},
    {"type": "filter", "body": {"type": "invoice.paid"}},
    {"type": "retry", "strategy": "exponential", "interval": 30000, "count": 5, "response_status_codes": ["500-599"]},
]
_CONNECTION: Final = {
    "name": "stripe-to-billing",
    "source_id": "src_01k0a8v3c4e5f6g7h8j9kamnpq",
    "destination_id": "des_01k0a8v3c4e5f6g7h8j9kamnpr",
    "rules": _RULES,
}
_INLINE_CONNECTION: Final = {
    "name": "stripe-to-billing",
    "source": {"name": "stripe-production"},
    "destination": {
        "name": "billing-api-production",
        "type": "HTTP",
        "config": {"url": "https://api.example.com/webhooks"},
    },
}
_CODE: Final = 'request.body.received_by = "fasthook";\nreturn request;'
_REQUEST: Final = {"method": "POST", "headers": {"content-type": "application/json"}, "body": {"type": "invoice.paid"}}

# Operation id -> name of the example -> body.
REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "login": {"a person": {"email": "operator@example.com", "password": "correct horse battery staple"}},
    "rotate_project_secrets": {"both": {}, "only what signs deliveries": {"rotate": ["signing_secret"]}},
    "create_source": {"Stripe": _SOURCE},
    "upsert_source": {"by name": _SOURCE},
    "update_source": {"switched off": {"status": "disabled"}},
    "create_destination": {"sixty a minute": _DESTINATION},
    "upsert_destination": {"by name": _DESTINATION},
    "update_destination": {"another rate": {"config": {"rate_limit": 20, "rate_limit_period": "second"}}},
    "create_connection": {"between what exists": _CONNECTION, "with both its ends": _INLINE_CONNECTION},
    "upsert_connection": {"by source and name": _CONNECTION, "with both its ends": _INLINE_CONNECTION},
    "update_connection": {"rules": {"rules": _RULES}, "paused": {"paused_at": "2026-05-29T17:30:00.000Z"}},
    "create_transformation": {"a field more": {"name": "stamp", "code": _CODE, "env": {}}},
    "run_transformation": {"on a request": {"code": _CODE, "request": _REQUEST}},
    "validate_transformation": {"valid": {"code": _CODE}, "not JavaScript": {"code": "return {"}},
    "test_filter": {"matches": {"filter": {"body": {"type": "invoice.paid"}}, "input": _REQUEST}},
    "test_connection": {"the latest input": {}, "other rules": {"rules": _RULES, "input": _REQUEST}},
    "start_rehearsal": {"other rules over a day": {"rules": _RULES, "from": "now-24h"}},
}

_TIME: Final = "2026-05-29T10:00:00.000Z"
# Operation id -> status -> answer.
RESPONSES: Final[dict[str, dict[str, Any]]] = {
    "list_events": {
        "200": {
            "pagination": {"order_by": "created_at", "dir": "desc", "limit": 100, "next": None, "prev": None},
            "count": 1,
            "total": 1,
            "total_exact": True,
            "applied_range": {"from": "2026-04-29T10:00:00.000Z", "to": _TIME},
            "models": [
                {
                    "id": "evt_01k0a8v3c4e5f6g7h8j9kamnps",
                    "team_id": "tm_01k0a8v3c4e5f6g7h8j9kamnpt",
                    "request_id": "req_01k0a8v3c4e5f6g7h8j9kamnpv",
                    "source_id": "src_01k0a8v3c4e5f6g7h8j9kamnpq",
                    "connection_id": "conn_01k0a8v3c4e5f6g7h8j9kamnpw",
                    "webhook_id": "conn_01k0a8v3c4e5f6g7h8j9kamnpw",
                    "destination_id": "des_01k0a8v3c4e5f6g7h8j9kamnpr",
                    "status": "SUCCESSFUL",
                    "attempts": 1,
                    "response_status": 200,
                    "error_code": None,
                    "failure_message": None,
                    "ignored_cause": None,
                    "next_attempt_at": None,
                    "last_attempt_at": _TIME,
                    "successful_at": _TIME,
                    "batch_operation_id": None,
                    "transformed": False,
                    "created_at": _TIME,
                    "updated_at": _TIME,
                }
            ],
        }
    },
    "test_filter": {"200": {"matched": True, "failed_targets": []}},
}
