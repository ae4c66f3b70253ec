"""Parameters in a body of the type `application/x-www-form-urlencoded` (RFC 6749 appendix B)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from api.graphql_params import RequestRefusedError

_MOST_PARAMETERS = 50


def parse_form(content_type: str | None, body: bytes) -> Mapping[str, str]:
    """The parameters by name; one without a value counts as left out (RFC 6749 section 3.2).

    Raises:
        RequestRefusedError: 415 for another media type, 400 for what is not UTF-8 or stands twice.
    """
    kind, _, parameters = (content_type or "").partition(";")
    if kind.strip().lower() != "application/x-www-form-urlencoded" or not _is_utf8(parameters):
        raise RequestRefusedError(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "Send Content-Type: application/x-www-form-urlencoded, in UTF-8.",
        )
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except ValueError:
        raise _bad("The body must be percent-encoded UTF-8, with few parameters.") from None
    given = dict(pairs)
    if len(given) != len(pairs):
        raise _bad("Each parameter may stand once.")
    if any("\x00" in value for value in given.values()):
        raise _bad("A parameter holds a NUL.")
    return {name: value for name, value in given.items() if value}


def _is_utf8(parameters: str) -> bool:
    charsets = (
        value.strip(' "').lower()
        for name, _, value in (one.partition("=") for one in parameters.split(";"))
        if name.strip().lower() == "charset"
    )
    return all(one in ("utf-8", "utf8") for one in charsets)


def _bad(message: str) -> RequestRefusedError:
    return RequestRefusedError(400, "BAD_REQUEST", message)
