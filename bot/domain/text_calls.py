"""Tool calls that a model wrote as text, in the dialects of the models' chat templates. Pure.

Only exact tool names and plain literals make a call. Whatever looks like a call and is none is left to the
model to write again (`bot.domain.call_signs`).
"""

from __future__ import annotations

import ast
import re
import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.domain.call_values import FENCE, MALFORMED, CallValues, TextCall, all_of, read_arguments
from bot.domain.data_text import MAX_LITERAL, json_and_rest, json_values, literal
from bot.domain.model_text import mask_quoted, plain_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MARKER = re.compile(
    r"(?P<open><(?:[a-z]+:)?(?:tool_calls?|toolcall|function_calls?|tool_use)>"
    r"|<\|(?:python_tag|tool_calls?|tool_calls?_(?:section_)?(?:begin|start)|action_start|plugin|interpreter"
    r"|start_action|tools_prefix|tool_use|function_calls?|function_call_start|tool_call_start)\|>"
    r"|<\|tool_call>|\[tool_calls?\]|\[function_calls?\]|functools(?=\s*\[))"
    r"|(?P<close></(?:[a-z]+:)?(?:tool_calls?|toolcall|function_calls?|tool_use)>"
    r"|<\|/?(?:tool_calls?_(?:section_)?end|action_end|end_action|tools_suffix|function_call_end)\|>"
    r"|<\|/(?:tool_calls?|function_calls?|tool_use)\|>|<tool_call\|>|\[/(?:tool_calls?|function_calls?)\]"
    r"|<\|(?:eom_id|eot_id|im_end|end|end_of_text|endoftext|end_of_sentence|return|call)\|>|</s>)",
    re.IGNORECASE,
)
SEPARATOR = re.compile(
    r"<\|tool_(?:sep|call_argument_begin)\|>|\[args\]|<tool_sep>|\[call_id\]\w+", re.IGNORECASE
)
DSML = re.compile(r"(</?)[|｜]\s*DSML\s*[|｜]", re.IGNORECASE)  # noqa: RUF001 - as DeepSeek writes it
QWEN_AGENT = MappingProxyType(
    {"FUNCTION": "Action", "ARGS": "Action Input", "RESULT": "Observation", "RETURN": "Final Answer"}
)
QWEN_LABEL = re.compile(r"✿(FUNCTION|ARGS|RESULT|RETURN)✿")
NAMED_JSON = re.compile(
    r"(?:function\s+)?(?:call:)?(?P<name>[\w.:/]*[A-Za-z_])(?::\d+)?:?\s*(?:json\s*)?(?P<json>\{.*\})",
    re.DOTALL,
)
NEXT_NAMED = re.compile(r"(?<=\})\s+(?=[\w.:]+\s*\{)")
BODY_FENCE = re.compile(r"```\w*\s*(?P<text>\{.*?\})\s*```", re.DOTALL)
FENCED = re.compile(r"(?:```|~~~)[ \t]*[\w+.-]*[ \t]*\n?(?P<text>.*?)(?:```|~~~|\Z)", re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
RECIPIENT = re.compile(
    r"\bto=(?P<name>[\w.]+)"
    r"(?:\s|json\b|code\b|commentary\b|analysis\b|<\|(?:channel|constrain|message)\|>)*(?:json)?"
)
ENDS = re.compile(
    r"(?:\s*(?:</s>|<\|(?:eom_id|eot_id|im_end|end|end_?of_?text|end_of_sentence|return|call)\|>))+\Z",
    re.IGNORECASE,
)
REACT = re.compile(
    r"^[ \t]*(?:\*\*)?Action(?:\*\*)?[ \t]*:[ \t]*(?:\*\*)?[ \t]*`?(?P<name>\w+)`?[ \t]*\n+"
    r"[ \t]*(?:\*\*)?Action[ _]Input(?:\*\*)?[ \t]*:[ \t]*(?:\*\*)?[ \t]*(?P<input>.*?)\s*"
    r"(?=^[ \t]*(?:\*\*)?(?:Observation|Thought|Action|Final Answer)\b|\Z)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
ACTION_JSON = re.compile(
    r"^[ \t]*(?:Action|Tool|Tool[ _]calls?|Function[ _]calls?|Call)[ \t]*:\s*(?P<json>(?:```.*|[\[{].*))",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
FUNCTION_TAG = re.compile(
    r"<(?P<tag>function|tool)(?:=|\s+name=)[\"']?(?P<name>[\w.]+)[\"']?\s*>(?P<body>.*?)(?:</(?P=tag)>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
INVOKE_TAG = re.compile(
    r"<(?:[a-z]+:)?(?:invoke|tool_call|tool_use)\s+(?:name|tool)=[\"'](?P<name>[\w.]+)[\"']\s*>(?P<body>.*?)"
    r"</(?:[a-z]+:)?(?:invoke|tool_call|tool_use)>",
    re.DOTALL | re.IGNORECASE,
)
PARAMETER_TAG = re.compile(
    r"<(?:[a-z]+:)?(?:parameter|param|arg)(?:=|\s+name=)[\"']?(?P<key>\w+)[\"']?(?:\s[^<>]*)?>(?P<value>.*?)"
    r"</(?:[a-z]+:)?(?:parameter|param|arg)(?:=\w+)?>",
    re.DOTALL | re.IGNORECASE,
)
ARGUMENT_PAIR = re.compile(
    r"<arg_key>\s*(?P<key>\w+)\s*</arg_key>\s*<arg_value>(?P<value>.*?)</arg_value>",
    re.DOTALL | re.IGNORECASE,
)
FIELD_TAG = re.compile(r"<(?P<key>\w+)>(?P<value>.*?)</(?P=key)>", re.DOTALL)
LINE_START = re.compile(r"^(?=[ \t]*(?:[\[{]|(?:print\(|await )?[\w.]+\())", re.MULTILINE)
OBSERVATION = re.compile(r"^[ \t]*(?:Observation|Tool result|Result)[ \t]*:.*\Z", re.DOTALL | re.MULTILINE)


def find(text: str, names: Iterable[str]) -> tuple[TextCall, ...]:
    """The calls that a text makes for certain; () if it makes none, or if one of them is uncertain.

    Words before the calls, and after calls in tags, are left aside.
    """
    reader = _Reader(frozenset(names))
    text = ENDS.sub("", in_plain_dialect(text)).strip()
    for read in (
        reader.harmony,
        reader.marked,
        reader.react,
        reader.tags,
        reader.labelled,
        reader.whole,
        reader.lines,
    ):
        if calls := read(text):
            return tuple(calls)
    return ()


def begins_with_call(text: str) -> bool:
    """Whether the text may begin with a call."""
    text = in_plain_dialect(text).lstrip()
    return text.startswith(("{", "[")) or bool(MARKER.match(text))


def has_recipient(text: str) -> bool:
    """Whether a message of harmony names the tool that it is for."""
    return bool(RECIPIENT.search(text))


def in_plain_dialect(text: str) -> str:
    """`text` with plain tokens, without the prefix of DeepSeek's tags, and with ReAct's labels for Qwen's."""
    labelled = QWEN_LABEL.sub(lambda found: f"\n{QWEN_AGENT[found[1]]}", text)
    return plain_tokens(DSML.sub(r"\1", labelled))


class _Reader:
    """Reads the dialects, for tools of these names. Each method returns None or [] where it reads no call."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._values = CallValues(names)

    # --- dialects of a whole text

    def harmony(self, text: str) -> list[TextCall] | None:
        """`to=functions.reply <|message|>{...}<|call|>`, also where a server dropped the tokens."""
        calls = list[TextCall | None]()
        for recipient in RECIPIENT.finditer(mask_quoted(text)):
            value, _ = json_and_rest(text[recipient.end() :]) or (MALFORMED, "")
            calls.append(self._values.call(recipient["name"], value))
        return all_of(calls)

    def marked(self, text: str) -> list[TextCall] | None:
        """What stands between the tokens or tags of a template, such as `<tool_call>...</tool_call>`."""
        depth, start, bodies = 0, 0, list[str]()
        for marker in MARKER.finditer(mask_quoted(text)):
            if depth:
                bodies.append(text[start : marker.start()])
            depth = depth + 1 if marker["open"] else max(0, depth - 1)
            start = marker.end()
        if depth:
            bodies.append(text[start:])
        calls = [self._body(body) for body in bodies if body.strip()]
        return [call for each in calls if each for call in each] if all(calls) else None

    def react(self, text: str) -> list[TextCall] | None:
        """`Action: reply` and `Action Input: {...}` on lines of their own."""
        calls = [self._values.call(one["name"], read_arguments(one["input"])) for one in REACT.finditer(text)]
        return [call for call in calls if call] if all(calls) else None

    def tags(self, text: str) -> list[TextCall] | None:
        """`<function=reply>`, `<invoke name="reply">`, and `<reply><text>...</text></reply>`."""
        masked = mask_quoted(text)
        for pattern in (FUNCTION_TAG, INVOKE_TAG):
            if found := list(pattern.finditer(text)) if pattern.search(masked) else []:
                return all_of(self._values.call(one["name"], _tag_arguments(one["body"])) for one in found)
        whole = re.fullmatch(r"<(?P<name>\w+)>(?P<body>.*)</(?P=name)>", text, re.DOTALL)
        return all_of([self._values.call(whole["name"], _field_arguments(whole["body"]))]) if whole else None

    def labelled(self, text: str) -> list[TextCall] | None:
        """`Action: [{...}]`, as Command-R and Jamba have it."""
        found = ACTION_JSON.search(text)
        return self._body(found["json"]) if found else None

    def whole(self, text: str) -> list[TextCall] | None:
        """A text that is nothing but calls."""
        if text in self._names and "_" in text:
            return [TextCall(text)]
        span = SPAN.fullmatch(text)
        return self._body(span[1] if span else text)

    def lines(self, text: str) -> list[TextCall] | None:
        """Words, then calls on lines of their own, perhaps in a fence, up to the end."""
        text = OBSERVATION.sub("", text).strip()
        fences = [one for one in FENCED.finditer(text) if not text[one.end() :].strip()]
        if fences:
            return self._body(fences[-1]["text"])
        for begin in list(LINE_START.finditer(text))[:50]:
            if calls := self._body(text[begin.start() :]):
                return calls
        return None

    # --- one body

    def _body(self, body: str) -> list[TextCall] | None:
        body = body.strip()
        if fence := FENCE.fullmatch(body):
            body = fence["text"].strip()
        for read in (self._json, self._python, self._named, self._pairs, self.tags):
            if calls := read(body):
                return calls
        return None

    def _json(self, body: str) -> list[TextCall] | None:
        if not body.startswith(("{", "[")):
            return None
        try:
            values = list(json_values(body))
        except ValueError:
            values = []
        return self._values.calls_in(values) if values else self._literal(body)

    def _literal(self, body: str) -> list[TextCall] | None:
        try:
            return self._values.calls_in([literal(body)])
        except ValueError:
            return None

    def _named(self, body: str) -> list[TextCall] | None:
        """`reply{...}`, or the name and the JSON with a separator between."""
        body = BODY_FENCE.sub(r" \g<text> ", SEPARATOR.sub(" ", body)).strip()
        found = [NAMED_JSON.fullmatch(piece.strip()) for piece in NEXT_NAMED.split(body)]
        calls = (
            self._values.call(one["name"], read_arguments(one["json"])) if one else None for one in found
        )
        return all_of(calls)

    def _pairs(self, body: str) -> list[TextCall] | None:
        """GLM's `reply<arg_key>text</arg_key><arg_value>...</arg_value>`."""
        name, _, rest = SEPARATOR.sub("", body).partition("<arg_key>")
        if not rest:
            return None
        rest = f"<arg_key>{rest}"
        pairs = {one["key"]: one["value"].strip() for one in ARGUMENT_PAIR.finditer(rest)}
        return (
            None if ARGUMENT_PAIR.sub("", rest).strip() else all_of([self._values.call(name.strip(), pairs)])
        )

    def _python(self, body: str) -> list[TextCall] | None:
        """`reply(text="...")`, one or several, in a list, within `print(...)`, or assigned."""
        if not re.match(r"\s*\[?\s*[\w.]+\s*(?:=\s*[\w.]+)?\(", body) or len(body) > MAX_LITERAL:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of odd escapes
                parsed = ast.parse(body.strip())
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None
        values = [one.value if isinstance(one, ast.Expr | ast.Assign) else None for one in parsed.body]
        return all_of(call for value in values for call in self._python_calls(value))

    def _python_calls(self, node: ast.expr | None) -> Iterator[TextCall | None]:
        match node:
            case ast.List(elts) | ast.Tuple(elts):
                yield from (call for each in elts for call in self._python_calls(each))
            case ast.Await(value) | ast.Call(ast.Name("print"), [value], []):
                yield from self._python_calls(value)
            case ast.Call(function, positional, keywords):
                yield self._values.call(ast.unparse(function), _python_arguments(positional, keywords))
            case _:
                yield None


def _tag_arguments(body: str) -> object:
    """The arguments of a call in tags: parameters in tags of their own, or JSON."""
    if found := list(PARAMETER_TAG.finditer(body)):
        pairs = {one["key"]: one["value"].strip() for one in found}
        return MALFORMED if PARAMETER_TAG.sub("", body).strip() or len(pairs) < len(found) else pairs
    body = body.strip()
    return read_arguments(body) if body.startswith(("{", "`")) else (MALFORMED if body else {})


def _field_arguments(body: str) -> object:
    """Cline's `<text>...</text>` within the tag of the tool, or the one text itself."""
    if found := list(FIELD_TAG.finditer(body)):
        return (
            {one["key"]: one["value"].strip() for one in found}
            if not FIELD_TAG.sub("", body).strip()
            else MALFORMED
        )
    body = body.strip()
    return MALFORMED if "<" in body else read_arguments(body) if body.startswith("{") else body or {}


def _python_arguments(positional: list[ast.expr], keywords: list[ast.keyword]) -> object:
    try:
        if positional:
            return ast.literal_eval(positional[0]) if len(positional) == 1 and not keywords else MALFORMED
        return {one.arg or "": ast.literal_eval(one.value) for one in keywords}
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return MALFORMED
