"""Sources: what is refused, and how."""

from __future__ import annotations

from tests.refusals.case import Refused

CASES = [
    Refused("POST sources", {}, error="name: is required"),
    Refused("POST sources", {"name": "a b"}, error="name: must be made of letters, digits, '-', '_' and '.'"),
    Refused("POST sources", {"name": ""}, error="name: must not be empty"),
    Refused("POST sources", {"name": "a" * 156}, error="name: must have at most 155 characters"),
    Refused("POST sources", {"name": 5}, error="name: must be a string"),
    Refused(
        "POST sources",
        {"id": "src_1", "name": "new"},
        error="id: is given by FastHook when it creates; leave it out, or use PUT to update",
    ),
    Refused(
        "POST sources",
        {"name": "{source_name}"},
        error="there is already a source with this name; update it (PUT), or choose another name",
        status=409,
        code="RESOURCE_ALREADY_EXISTS",
    ),
    Refused("PUT sources", {}, error="name: is required (or id)"),
    Refused("PUT sources/{source}", {"id": "src_other"}, error="id: is not the id in the path; ids do not change"),
    Refused(
        "PATCH sources/{source}",
        {"team_id": "tm_other"},
        error="team_id: is not the team that this call works on; see the x-team-id header",
    ),
    Refused(
        "PATCH sources/{source}",
        {"status": "enabled", "disabled_at": "2026-05-29T10:00:00Z"},
        error="status: says enabled, disabled_at says the opposite; send one of them",
    ),
    Refused("PATCH sources/{source}", {"status": "off"}, error="status: must be one of enabled, disabled"),
    Refused(
        "PATCH sources/{source}",
        {"disabled_at": "yesterday"},
        error="disabled_at: must be an ISO 8601 time such as 2026-05-29T10:00:00Z, or now-15m, now-24h, now",
    ),
    Refused(
        "PATCH sources/{source}",
        {"disabled_at": 5},
        error="disabled_at: must be an ISO 8601 time such as 2026-05-29T10:00:00Z, or null",
    ),
    Refused(
        "PATCH sources/{source}", {"disabled_at": "1960-01-01T00:00:00Z"}, error="disabled_at: must not lie before 1970"
    ),
    Refused("PATCH sources/{source}", {"nmae": "x"}, error="nmae: unknown field, did you mean name?"),
    Refused(
        "PATCH sources/{source}",
        {"config": {"auth_type": "HMCA"}},
        error="config.auth_type: must be one of HMAC, BASIC_AUTH, API_KEY, PROVIDER_SIGNATURE",
    ),
    Refused(
        "PATCH sources/{source}",
        {"type": "STRIPEE"},
        error=(
            "type: must be one of WEBHOOK, GITHUB, STRIPE, SHOPIFY, SLACK, SVIX, TWILIO, META, "
            "MICROSOFT_GRAPH, GITLAB, HUB..."
        ),
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"allowed_http_methods": []}},
        error=("config.allowed_http_methods: must name at least one method; disable the source to accept nothing"),
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"allowed_http_methods": ["PSOT"]}},
        error=("config.allowed_http_methods[0]: must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    ),
    Refused("PATCH sources/{source}", {"config": {"auth_type": "HMAC"}}, error="config.auth.secret: is required"),
    Refused(
        "PATCH sources/{source}",
        {"config": {"auth_type": "HMAC", "auth": {"secret": "whsec_****abcd", "signature_header": "x"}}},
        error="config.auth.secret: is a masked value of another secret; send the secret itself",
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"auth_type": "PROVIDER_SIGNATURE", "auth": {}}},
        error=(
            "config.auth.provider: is required: one of ADYEN, ASANA, AUTH0, AWS_SNS, BITBUCKET, "
            "BREVO, BRIDGE, CALENDLY, CH..."
        ),
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"auth": {"secret": "x"}}},
        error=(
            "config.auth_type: is required when auth is given: one of HMAC, BASIC_AUTH, API_KEY, PROVIDER_SIGNATURE"
        ),
    ),
    Refused("PATCH sources/{source}", {"config": []}, error="config: must be an object"),
    Refused(
        "PATCH sources/{source}", {"description": "a" * 2001}, error="description: must have at most 2000 characters"
    ),
    Refused(
        "DELETE sources/{source}",
        error="1 connection leads from this source; delete it first, or together with the source by ?cascade=true",
        status=409,
        code="HAS_CONNECTIONS",
    ),
    Refused("DELETE sources/{source}?cascade=yes", error="cascade: must be true or false"),
    Refused("GET sources/src_none", error="there is no source 'src_none' in this team", status=404, code="NOT_FOUND"),
    Refused("GET sources/a%00b", error="there is no source 'a\\x00b' in this team", status=404, code="NOT_FOUND"),
    Refused(
        "PATCH sources/{stripe}",
        {"type": "SHOPIFY"},
        error="type: the source verifies STRIPE; send the config.auth of SHOPIFY as well, or null",
    ),
]
