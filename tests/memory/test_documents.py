from __future__ import annotations

import pytest

from memory import documents
from memory.errors import ImportRefused


def test_documents_may_stand_on_a_line_each_or_on_many():
    assert list(documents.split('{"a":\n1}\n\n[2] {"b": 3}\n')) == [
        (1, '{"a":\n1}'),
        (4, "[2]"),
        (4, '{"b": 3}'),
    ]
    assert list(documents.split(" \n")) == []


@pytest.mark.parametrize(
    ("text", "line"), [('{"a": 1}\n{"b": }', 2), ("{}\n\n]", 3), ("\n" + "[" * 100_000, 2)]
)
def test_where_the_text_is_no_json_its_line_is_told(text: str, line: int):
    with pytest.raises(ImportRefused, match=f"line {line}: "):
        list(documents.split(text))
