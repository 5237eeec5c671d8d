"""The `config` of a channel: a URL, or addresses. URLs of this installation's own sources are refused.

An alert that is delivered to a source of the installation that it is about could become an event that fails, and so an
alert.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from alerts.models import CHANNEL_SECRETS, AlertChannel, ChannelType
from destinations.outbound.address import AddressPolicy
from destinations.outbound.url import normalise_destination_url
from fasthook.lib.config_fields import ObjectReader
from fasthook.lib.errors import invalid
from fasthook.lib.masking import mask_auth, unmask_auth
from sources.models import Source
from sources.services import SLUG_LENGTH

MAX_ADDRESSES: Final = 20
# What may be the slug of a source, in the path or the host name.
_SLUG = re.compile(rf"(?<![0-9a-z])[0-9a-z]{{{SLUG_LENGTH}}}(?![0-9a-z])")


def read_channel_config(
    channel_type: str, given: Mapping[str, Any] | None, *, stored: AlertChannel | None
) -> dict[str, Any]:
    """The config as it is kept; a masked secret stands for the stored one. None keeps what is stored. InvalidInput."""
    before: Any = stored.config if stored is not None and stored.type == channel_type else None
    if given is None:
        if before is None:
            missing = "to" if channel_type == ChannelType.EMAIL else "url"
            raise invalid(f"config.{missing}", f"is required for a channel of type {channel_type}")
        return dict(before)
    given = unmask_auth(given, before, CHANNEL_SECRETS.get(channel_type, ()), at="config")
    if channel_type == ChannelType.EMAIL:
        return {"to": _read_addresses(ObjectReader(given, at="config", known=["to"]).require("to"))}
    url = ObjectReader(given, at="config", known=["url"]).require("url")
    if before is not None and url == before["url"]:
        return dict(before)
    return {"url": _read_url(url)}


def shown_channel_config(channel: AlertChannel) -> dict[str, Any]:
    config: Any = channel.config
    return mask_auth(config, CHANNEL_SECRETS.get(channel.type, ())) or {}


def channel_warnings(channel_type: str) -> list[str]:
    if channel_type == ChannelType.EMAIL and not settings.EMAIL_URL:
        return ["EMAIL_URL is not set: mail goes to the log of the process that sends it, and to nobody"]
    return []


def _read_url(value: object) -> str:
    policy = AddressPolicy(settings.DELIVERY_ALLOWED_NETWORKS)
    url = normalise_destination_url(value, at="config.url", policy=policy)
    slugs = set(_SLUG.findall(url))
    if slugs and Source.objects.filter(slug__in=slugs).exists():
        raise invalid(
            "config.url",
            "is the URL of a source of this installation: alerts sent there could cause alerts without end;"
            " send them to the receiver itself",
        )
    return url


def _read_addresses(value: object) -> list[str]:
    if not isinstance(value, list) or not value:
        raise invalid("config.to", "must be a list of at least one email address")
    if len(value) > MAX_ADDRESSES:
        raise invalid("config.to", f"must not have more than {MAX_ADDRESSES} addresses")
    addresses = [_read_address(each, at=f"config.to[{index}]") for index, each in enumerate(value)]
    return list(dict.fromkeys(addresses))


def _read_address(value: object, *, at: str) -> str:
    address = value.strip() if isinstance(value, str) else ""
    try:
        validate_email(address)
    except ValidationError:
        raise invalid(at, "must be an email address such as oncall@example.com") from None
    return address
