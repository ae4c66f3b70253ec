"""Logs: structured lines on standard error, never with a secret in them."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal

import structlog

from api.redaction import redacted

_LEVELS = {"uvicorn": logging.WARNING, "psycopg.pool": logging.ERROR}


def configure_logging(log_format: Literal["json", "console"], *, level: int = logging.INFO) -> None:
    """Set up this process: lines of structlog and of the standard library leave in the same form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name, level in _LEVELS.items():
        logging.getLogger(name).setLevel(level)


def _redact(_: object, __: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    for key, value in event.items():
        if not key.startswith("_"):  # structlog's own, which are not written
            event[key] = _without_secrets(value)
    return event


def _without_secrets(value: Any) -> Any:
    """The value as it will be written: what is not plain is written by its text."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redacted(value)
        case Mapping():
            return {str(key): _without_secrets(one) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_without_secrets(one) for one in value]
        case _:
            return redacted(str(value))
