"""Values in JSON's types, and JSON that shows what it holds. Pure."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.domain.turn import TurnRecord


def to_json(value: Any) -> Any:
    """Return `value` in JSON's types: dataclasses become objects, times become text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, dict):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


def turn_json(record: TurnRecord) -> dict[str, Any]:
    """Return the turn in JSON's types, with the kind of each edit as `op`."""
    edits = [{"op": type(edit).__name__.lower(), **to_json(edit)} for edit in record.edits]
    return {**to_json(record), "edits": edits, "erased": record.erased}


def dumps(value: Any, *, indent: int | None = None) -> str:
    """JSON in which every invisible character is an escape. Without `indent` it is as short as it can be."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(to_json(value), ensure_ascii=False, indent=indent, separators=separators)
    return "".join(char if char.isprintable() or char == "\n" else escaped(char) for char in text)


def escaped(char: str) -> str:
    return "\\u007f" if char == "\x7f" else json.dumps(char)[1:-1]
