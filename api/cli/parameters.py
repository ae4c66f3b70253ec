"""Kinds of values that several commands take."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import click

from api.client_address import Network


class Text(click.ParamType[str]):
    """Text that can be stored: what a shell hands on of other bytes is none."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not text or any("\ud800" <= character <= "\udfff" for character in text):
            self.fail("must be text in UTF-8 and not empty", param, ctx)
        return text


class Scope(click.ParamType[str]):
    """One scope (RFC 6749 section 3.3)."""

    name = "scope"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if re.fullmatch(r"[!#-\[\]-~]{1,64}", value) is None:
            self.fail(f"{value!r} is not a scope such as audit:read; one an option", param, ctx)
        return str(value)


class Moment(click.ParamType[datetime]):
    """RFC 3339 with a zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        return self.fail(f"{value!r} is not a time such as 2026-11-23T18:00:00Z", param, ctx)


class AddressOrNetwork(click.ParamType[Network]):
    """An address is the network of itself."""

    name = "network"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Network:
        try:
            return ip_network(value)
        except ValueError:
            self.fail(f"{value!r} is not an address or a network such as 203.0.113.0/24", param, ctx)
