"""Operations of the OpenAPI document: what is the same for all, so that no view repeats it."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc

from fasthook.api.parsers import JSONParser
from fasthook.openapi.errors import NAMES, RATE_HEADERS, error_statuses
from fasthook.openapi.examples import REQUESTS, RESPONSES
from teams.auth.permissions import TeamPermission

# They compute and change nothing, so nothing clashes.
COMPUTES: Final = frozenset(
    {"test_filter", "run_transformation", "validate_transformation", "test_connection", "login"}
)
TEAM_PARAMETERS: Final = ("TeamHeader", "TeamQuery")
BY_POST: Final = "_by_post"


class ApiSchema(AutoSchema):
    """Adds error answers, the choice of the team and examples to what the view declares."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        identifier = operation["operationId"]
        self._add_errors(operation, identifier)
        self._add_rate_headers(operation)
        if self._is_of_a_team():
            operation["parameters"] = [
                *operation.get("parameters", []),
                *({"$ref": f"#/components/parameters/{name}"} for name in TEAM_PARAMETERS),
            ]
        _add_examples(operation, identifier)
        if self._repeats_put():
            operation["operationId"] = identifier + BY_POST
            operation["summary"] = f"The same as PUT ({identifier})"
        else:
            operation.setdefault("summary", identifier.replace("_", " ").capitalize())
        return operation

    def _is_list_view(self, serializer: Any = None) -> bool:
        """The shape of a list is an object that says so itself (`list_answer`), never a bare array."""
        return False

    def _is_secured(self) -> bool:
        return bool(self.view.authentication_classes)

    def _is_of_a_team(self) -> bool:
        permissions: list[Any] = list(self.view.permission_classes)
        return any(issubclass(permission, TeamPermission) for permission in permissions)

    def _repeats_put(self) -> bool:
        """Some clients cannot PUT without a body: the action routes take POST for the same."""
        actions = getattr(self.view, "action_map", None) or {}
        return self.method == "POST" and "put" in actions and actions["put"] == actions.get("post")

    def get_description(self) -> str:  # type: ignore[override]
        """Of the view's method alone: what a class says of itself is for who reads the code."""
        method = getattr(self.view, getattr(self.view, "action", None) or self.method.lower(), None)
        return get_doc(method) if method is not None else ""

    def _add_errors(self, operation: dict[str, Any], identifier: str) -> None:
        statuses = error_statuses(
            secured=self._is_secured(),
            has_id="{" in self.path,
            reads_body="requestBody" in operation and any(issubclass(p, JSONParser) for p in self.view.parser_classes),
            changes=self.method != "GET" and identifier not in COMPUTES,
        )
        # A view may name further ones; how they look is the same everywhere.
        declared = [int(status) for status in operation["responses"] if int(status) in NAMES]
        for status in sorted({*statuses, *declared}):
            operation["responses"][str(status)] = {"$ref": f"#/components/responses/{NAMES[status]}"}
        operation["responses"] = dict(sorted(operation["responses"].items()))

    def _add_rate_headers(self, operation: dict[str, Any]) -> None:
        if not self._is_secured():
            return
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                headers = response.setdefault("headers", {})
                headers.update({name: {"$ref": f"#/components/headers/{name}"} for name in RATE_HEADERS})


def _add_examples(operation: dict[str, Any], identifier: str) -> None:
    if identifier in REQUESTS:
        for content in operation["requestBody"]["content"].values():
            content["examples"] = {name: {"value": value} for name, value in REQUESTS[identifier].items()}
    for status, value in RESPONSES.get(identifier, {}).items():
        for content in operation["responses"][status]["content"].values():
            content["example"] = value
