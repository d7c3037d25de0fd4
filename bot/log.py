"""Logs: readable on a terminal, JSON otherwise. No secret and no text of people is logged."""

from __future__ import annotations

import logging
import os
import re
import sys
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import TextIO

    from structlog.typing import Processor

SECRET = re.compile(r"password|secret|authorization|cookie|jwt|session(?!s)|token(?!s)", re.IGNORECASE)
OWN_LOGGERS = ("bot", "memory")


def log_bug(event: str, error: Exception, **fields: object) -> None:
    """Log a bug: an exception's type and place. Its message is left out, as it may hold a person's words."""
    where = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in extract_tb(error.__traceback__)[-4:]]
    structlog.get_logger().error(event, error=type(error).__name__, where=where, **fields)


def configure(level: str = "info", fmt: str = "auto", stream: TextIO | None = None) -> None:
    """Send structlog's events, and warnings of the libraries, to `stream` (stderr).

    `fmt`: console, json, or auto: console on a terminal.
    """
    stream = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_common(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_common(),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(fmt, stream)],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(level.upper())


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]


def _renderers(fmt: str, stream: TextIO) -> list[Processor]:
    terminal = stream.isatty()
    if fmt == "console" or (fmt == "auto" and terminal):
        # rich's traceback would print local variables: secrets and what people wrote
        plain = structlog.dev.plain_traceback
        return [
            structlog.dev.ConsoleRenderer(
                colors=terminal and "NO_COLOR" not in os.environ, exception_formatter=plain
            )
        ]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=True)]


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide the value of every key that names a secret, at any depth."""
    for key, value in event.items():
        event[key] = _hidden(key, value)
    return event


def _hidden(key: object, value: Any) -> Any:
    if isinstance(key, str) and SECRET.search(key):
        return "(hidden)"
    if isinstance(value, dict):
        return {inner_key: _hidden(inner_key, inner) for inner_key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(None, item) for item in value]
    return value
