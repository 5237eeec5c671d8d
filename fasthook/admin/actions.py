"""Actions of support staff: one thing to one row, announced, confirmed, done by the service that the API uses.

The service writes the audit entry, with the member of staff as the one who acted. Only POST acts; GET asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from fasthook.lib.errors import FastHookError

PERMISSION: Final = "act"


@dataclass(frozen=True, slots=True)
class SafeAction:
    """`act` gets the row and raises a FastHookError when it cannot be done; `is_open`: there is something to do."""

    label: str
    effect: str
    done: str
    act: Callable[[Any], object]
    is_open: Callable[[Any], bool]


def confirmed(safe: SafeAction) -> Any:
    """As a method for `actions_detail` of an EvidenceAdmin or ReadOnlyAdmin."""

    def perform(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[quote(row.pk)])
        if request.method != "POST":
            context = {
                **self.admin_site.each_context(request),
                "title": f"{safe.label}: {row}",
                "safe": safe,
                "row": row,
                "kind": self.opts.verbose_name,
                "is_open": safe.is_open(row),
                "back": page,
                "opts": self.opts,
            }
            return TemplateResponse(request, "support/confirm.html", context)
        try:
            safe.act(row)
        except FastHookError as error:
            messages.error(request, f"Nothing was changed: {error.message}.")
        else:
            messages.success(request, safe.done)
        return HttpResponseRedirect(page)

    offered = action(description=safe.label, permissions=[PERMISSION], variant=ActionVariant.DANGER, icon="block")(
        perform
    )
    offered.safe = safe
    return offered
