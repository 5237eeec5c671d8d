"""Calls made up from the published OpenAPI document, by schemathesis, against the running product."""
