"""The OpenAPI document is complete: every route, its body, its answers, the errors it may give, and names that stay."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.route_table import ROUTES, Route
from tests.schema_checks import answer_schema, faults, operations, published, resolved

METHODS_WITH_BODY = {"POST", "PUT", "PATCH"}
# Names that clients were generated from. One may be added, none may go or be given to another call.
_OPERATION_IDS = """
    cancel_event cancel_rehearsal count_connections count_destinations count_events count_requests count_sources
    count_transformations create_connection create_destination create_source create_transformation delete_connection
    delete_destination delete_source delete_transformation disable_connection disable_destination disable_source
    enable_connection enable_destination enable_source get_attempt get_connection get_destination get_event
    get_event_raw_body get_latest_input get_project_secrets get_rehearsal get_request get_request_raw_body
    get_request_trace get_source get_transformation get_transformation_execution list_attempts list_audit_entries
    list_connections list_destinations list_events list_rehearsals list_request_events list_request_ignored_events
    list_requests list_source_types list_sources list_transformation_executions list_transformations login logout
    pause_connection put_project_secrets replace_connection replace_destination replace_source
    replace_transformation retry_event retry_request rotate_project_secrets run_transformation start_rehearsal
    test_connection test_filter unpause_connection update_connection update_destination update_source
    update_transformation upsert_connection upsert_destination upsert_source upsert_transformation
    validate_transformation who_am_i
"""

OPERATIONS = operations()


def successes(operation: dict[str, Any]) -> dict[str, Any]:
    return {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}


def test_every_route_is_described_and_nothing_else() -> None:
    assert {(route.method, route.template) for route in ROUTES} == set(OPERATIONS)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_an_operation_says_what_goes_in_and_what_comes_out(route: Route) -> None:
    operation = OPERATIONS[route.method, route.template]
    assert operation["summary"]
    assert len(operation["tags"]) == 1
    declared = {(each["in"], each["name"]) for each in map(resolved, operation.get("parameters", []))}
    assert {("path", name) for name in re.findall(r"{(\w+)}", route.template)} <= declared
    assert (("header", "x-team-id") in declared) == route.is_of_a_team
    assert ("security" in operation) == (not route.is_open)
    assert "requestBody" not in operation or route.method in METHODS_WITH_BODY
    for content in operation.get("requestBody", {}).get("content", {}).values():
        assert "properties" in resolved(content["schema"])
    assert successes(operation), "no 2xx"
    for status, answer in successes(operation).items():
        described = [resolved(each["schema"]) for each in answer.get("content", {}).values()]
        assert (status == "204") == (not described)
        assert all(each.get("properties") or each.get("format") == "binary" for each in described)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_every_error_of_an_operation_is_the_one_envelope(route: Route) -> None:
    operation = OPERATIONS[route.method, route.template]
    errors = [status for status in operation["responses"] if not status.startswith("2")]
    wanted = {"401", "422", "429", "503"} | ({"403"} if not route.is_open else set())
    wanted |= {"404"} if route.places else set()
    wanted |= {"400", "413", "415"} if "requestBody" in operation else set()
    assert set(errors) >= wanted
    for status in errors:
        assert answer_schema(operation, int(status)) == {"$ref": "#/components/schemas/Error"}


def test_operation_ids_are_readable_unique_and_stay() -> None:
    named = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(named)) == len(named)
    assert [each for each in named if not re.fullmatch(r"[a-z]+(_[a-z]+)*", each)] == []
    assert set(re.findall(r"\w+", _OPERATION_IDS)) - set(named) == set()


def test_what_post_does_like_put_is_named_so() -> None:
    twins = [route for route in ROUTES if route.repeats_put]
    assert len(twins) >= 13
    for route in twins:
        by_post, by_put = (OPERATIONS[method, route.template]["operationId"] for method in ("POST", "PUT"))
        assert by_post == f"{by_put}_by_post"


def test_the_error_envelope_is_one_component() -> None:
    schemas = published()["components"]["schemas"]
    alike = [name for name, schema in schemas.items() if {"error", "code"} <= set(schema.get("properties", {}))]
    assert [name for name in alike if "fields" in schemas[name]["properties"]] == ["Error"]
    for response in published()["components"]["responses"].values():
        content = response["content"]["application/json"]
        assert faults(content["schema"], content["example"]) == []


def test_the_one_scheme_is_a_bearer_token() -> None:
    (scheme,) = published()["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_every_reference_leads_somewhere() -> None:
    text = str(published())
    for reference in set(re.findall(r"'\$ref': '([^']+)'", text)):
        assert resolved({"$ref": reference}), reference


def examples() -> list[tuple[str, str, Any, Any]]:
    found = []
    for operation in OPERATIONS.values():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for name, example in content.get("examples", {}).items():
                found.append((operation["operationId"], name, content["schema"], example["value"]))
        for status, answer in successes(operation).items():
            for content in answer.get("content", {}).values():
                if "example" in content:
                    found.append((operation["operationId"], status, content["schema"], content["example"]))
    return found


EXAMPLES = examples()


def test_every_example_is_what_its_schema_says() -> None:
    wrong = {(operation_id, name): faults(schema, value) for operation_id, name, schema, value in EXAMPLES}
    assert {each: found for each, found in wrong.items() if found} == {}


def test_the_calls_that_people_make_first_have_examples() -> None:
    assert {operation_id for operation_id, *_ in EXAMPLES} >= {
        "login",
        "create_source",
        "upsert_destination",
        "upsert_connection",
        "update_connection",
        "list_events",
        "test_filter",
    }
