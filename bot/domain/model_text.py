"""What a model wrote as text: thoughts, tokens of its template, and the sentence that is left. Pure.

Models leave thoughts and tokens in their answers when a server's chat template or parser does not fit them.
The forms are those of Qwen, DeepSeek, Llama, Mistral, Gemma, Kimi, Granite, Command and gpt-oss (harmony).
A form in a code span or alone in quotes is only mentioned, and stays.
"""

from __future__ import annotations

import re

MAX_PASSES = 20

THOUGHT = (  # names of tags
    r"[\w-]{0,20}(?:think(?:s|ing)?|thoughts?|reasoning)|(?:thought|thinking)_process|reasoning_content"
    r"|(?:inner_?|internal_?)?monologue|reason|reflection|reflect|scratch_?pad|analysis"
    r"|internal|cot|rationale|deliberation|planning|plan"
)
ROLE = "assistant|model|bot|chatbot"
OTHERS = "user|human|system|developer|tool|ipython|observation"

OPENING = (
    rf"[<＜]\s*(?:[a-z]+:)?(?:{THOUGHT})(?:\s[^<>＜＞]{{0,200}})?(?<!/)[>＞]"  # noqa: RUF001 - as models write it
    r"|<\|\s*(?:begin_of_|start_|begin_)?(?:thought|thoughts|thinking|think|reasoning)(?:_start|_begin)?\s*\|>"
    r"|◁(?:think|thinking)▷|\[(?:think|thinking|reasoning|thought)\]|<unused94>(?:thought)?"
    r"|<\|channel>\s*(?:thought|analysis)"
)
CLOSING = (
    rf"[<＜]\s*/\s*(?:[a-z]+:)?(?:{THOUGHT})\s*[>＞]"  # noqa: RUF001
    r"|<\|\s*(?:end_of_|end_|/\s*)(?:thought|thoughts|thinking|think|reasoning)\s*\|>"
    r"|<\|\s*(?:thought|thinking|think|reasoning)_end\s*\|>"
    r"|◁/(?:think|thinking)▷|\[/(?:think|thinking|reasoning|thought)\]|<unused95>|<channel\|>"
)
EMPTY = rf"<\s*(?:[a-z]+:)?(?:{THOUGHT})\s*/\s*>"
THOUGHT_TAG = re.compile(f"(?P<open>{OPENING})|(?P<close>{CLOSING})|(?P<empty>{EMPTY})", re.IGNORECASE)
THOUGHT_FENCE = re.compile(
    rf"^[ \t]*(```|~~~)[ \t]*(?:{THOUGHT})[ \t]*\n.*?(?:^[ \t]*\1[ \t]*$|\Z)",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
LABEL = r"[ \t]*(?:\*\*|__|#+[ \t]*)?(?:{})(?:\*\*|__)?[ \t]*:(?:\*\*|__)?"
THOUGHT_LABEL = re.compile(
    r"\s*+"  # gives nothing back: thousands of blanks would be tried again and again
    + LABEL.format(
        r"here(?: is|['’]s) my (?:thought|thinking|reasoning) process"  # noqa: RUF001
        r"|thought|thinking|reasoning|scratchpad"
        r"|(?:my )?(?:internal|inner) (?:thoughts?|monologue)|chain of thought"
        r"|(?:my )?th(?:ought|inking) process"
    ),
    re.IGNORECASE,
)
HEADING = re.compile(  # over the answer
    r"\s*(?:(?:sure|certainly|of course|absolutely|ok(?:ay)?|great)(?: thing)?[,.!]*\s+)?(?:\*\*|__)?"
    r"(?:here(?: is|['’]s) (?:(?:my|a|an|the|your|one) (?:[\w,]+ ){0,3}(?:response|answer|reply|draft)"  # noqa: RUF001
    r"|what i(?:['’]d| would) (?:say|reply|post|answer))[^.!?:\n]{0,40}:(?:\*\*|__)?[ \t]*\n"  # noqa: RUF001
    r"|(?:reply|response)[ \t]*:(?:\*\*|__)?[ \t]+)",
    re.IGNORECASE,
)
WHOLE_FENCE = re.compile(
    r"(```|~~~)(?:text|txt|markdown|md|plaintext)?[ \t]*\n(?P<text>[^`~]*?)\n?\1", re.IGNORECASE
)
ANSWER_LABEL = re.compile(
    r"(?:^|\n)"
    + LABEL.format(
        r"here(?: is|['’]s) my (?:response|answer|reply)|final (?:answer|response|reply)"  # noqa: RUF001
    ),
    re.IGNORECASE,
)

CHANNEL = re.compile(r"<\|channel\|>", re.IGNORECASE)
CHANNEL_MESSAGE = re.compile(
    r"<\|channel\|>\s*(?P<channel>\w+)[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>"
    r"(?P<text>.*?)(?=<\|(?:end|return|call|start|channel)\|>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
CHANNEL_NAME = re.compile(r"\s*(?P<name>\w+)\s*<\|message\|>")
BARE_CHANNELS = re.compile(
    r"\s*(?:assistant\s*)?(?:analysis|commentary)(?=[A-Z\"“']|.*assistantfinal)", re.DOTALL
)
BARE_FINAL = re.compile(r"(?:assistant\s*)+final(?=\S)")

HEADER = re.compile(
    rf"<\|start_header_id\|>\s*(?:{ROLE})?\s*<\|end_header_id\|>"
    rf"|<\|start_of_role\|>\s*(?:{ROLE})?\s*<\|end_of_role\|>"
    rf"|<\|(?:im_start|start|turn)(?:\|>|>)[ \t]*(?:(?:{ROLE})\b)?|<start_of_turn>[ \t]*(?:(?:{ROLE})\b)?"
    r"|<\|(?:assistant|model|bot|chatbot(?:_token)?|start_of_turn_token|start_response|start_text|message"
    r"|begin_of_(?:solution|sentence|text|box)|startoftext|bos|im_middle)\|>"
    r"|<(?:bos|s|sop|bos_token)>|\[(?:gmask|bos)\]|\[/inst\]|</?assistant>",
    re.IGNORECASE,
)
TURN_OF = (
    r"<\|(?:im_start|start|turn)(?:\|>|>)[ \t]*(?:{0})\b|<start_of_turn>[ \t]*(?:{0})\b"
    r"|<\|start_(?:header_id|of_role)\|>\s*(?:{0})\b|<\|(?:{0})\|>"
)
OTHERS_TURN = re.compile(
    rf"\s*(?:{TURN_OF.format(OTHERS)}|\[inst\]).*?(?=\[/inst\]|{TURN_OF.format(ROLE)}|\Z)",
    re.DOTALL | re.IGNORECASE,
)
END_TOKEN = re.compile(
    rf"</s>|<(?:eos|pad|unk|eod|eot|end_of_turn|end_of_utterance|eos_token|turn\|)>|<\|(?:{OTHERS})\|>"
    r"|<\|(?:im_end|eot_id|eom_id|end_?of_?text|end_?of_?turn(?:_token)?|end|return|call|eos|eot|eod|pad|im_sep"
    r"|end_of_(?:sentence|solution|box|message|response|role)|end_(?:response|text)|endofprompt)\|>"
    rf"|{TURN_OF.format(OTHERS)}"
    r"|\[(?:eos|inst|pad|unused_token_\d+)\]|<<sys>>|<reserved_\d+>|<extra_id_\d+>|<0x0a>"
    r"|(?:\[(?:/s|eot|done)\]|<(?:end|stop|sep)>)(?=\s*\Z)",
    re.IGNORECASE,
)
LEFT_HEADER = re.compile(r"\s*(?:assistant|model)[ \t]*\n\s*(?=\S)")  # where its tokens were dropped
ROLE_LABEL = re.compile(
    r"\A\s*(?:\*\*)?(?:assistant|### ?(?:response|assistant))(?:\*\*)?[ \t]*:"
    r"|^(?:user|human)[ \t]*:|^### ?(?:instruction|input|human|user|response)[ \t]*:",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
ANSWER_TAG = re.compile(
    r"<(?P<tag>answer|response|final_answer|final_response|final|output|solution|message)>"
    r"(?P<text>.*)</(?P=tag)>",
    re.IGNORECASE | re.DOTALL,
)
MARKUP = re.compile(
    r"<\|[^<>|\n]{1,80}\|?>|<\w[\w ]{0,40}\|>|</?s>|<</?sys>>|\[/?inst\]"
    r"|<unused\d+>|<reserved_\d+>|<0x[0-9a-f]{2}>"
    r"|</?(?:eos|bos|pad|unk|eod|sop|(?:end|start)_of_turn)>|\[gmask\]|\[unused_token_\d+\]|◁/?\w{1,20}▷"
    r"|\[/?(?:tool_calls?|tool_results?|tool_content|available_tools|call_id|args|system_prompt)\]"
    r"|</?(?:[a-z]+:)?(?:tool_calls?|tool_response|tool_results?|tool_use|tools?|toolcall|function_calls?"
    r"|functions?"
    r"|function_results?|invoke|parameters?|arg_key|arg_value|tool_sep|answer|response|final_answer|final_response"
    r"|final|output|assistant|system|user|human|instructions?|system_prompt|system-reminder|commentary|message)"
    r"(?:[\s=][^<>\n]{0,200})?/?>"
    rf"|{OPENING}|{CLOSING}|{EMPTY}"
    rf"|<\|[^<>|\n]{{0,60}}\Z|</?(?:{THOUGHT}|tool_calls?|function_calls?|invoke)\Z"  # cut at the end
    r"|<extra_id_\d+>|<!doctype html|<!--|</?(?:html|details|summary)[\s>]"
    r"|</?[a-z]{1,30}(?:_[a-z0-9]{1,30}){1,5}(?:[\s=][^<>\n]{0,200})?/?>|\\boxed\{"
    r"|\A\s*<\w+\s*/?>\s*\Z|\A\s*<(?P<all>\w+)>.*</(?P=all)>\s*\Z",  # nothing but one tag
    re.IGNORECASE | re.DOTALL,
)
WIDE_TOKEN = re.compile(r"[<＜][|｜]([^<>＜＞|｜\n]{1,80})[|｜][>＞]")  # noqa: RUF001 - DeepSeek's
LESS, MORE = (
    re.compile(rf"&{name};|&#0*{number};|&#x0*{number:x};|\\u00{number:x}", re.IGNORECASE)
    for name, number in (("lt", 60), ("gt", 62))
)
CODE = re.compile(r"(?P<ticks>`{1,2})(?=[^\s`])[^`\n]{0,200}(?<=[^\s`])(?P=ticks)(?!`)")
QUOTED = re.compile(
    r"(?<![\w=:{,\[(\\])(?:[\"'“‘«„])[<\[◁][^<>\[\]\n\"“”]{1,60}[>\]▷]"  # noqa: RUF001
    r"[\"'”’»“](?!\s*[:}\]])"  # noqa: RUF001
)


def unescape(text: str) -> str:
    """`text` with angle brackets in place of those that HTML or JSON escapes."""
    return MORE.sub(">", LESS.sub("<", text))


def plain_tokens(text: str) -> str:
    """`text` with ASCII bars and underscores within tokens, where DeepSeek writes others."""
    return WIDE_TOKEN.sub(lambda found: f"<|{found[1].replace('▁', '_')}|>", text)


def mask_quoted(text: str) -> str:
    """`text`, as long as before, with blanks in place of code spans and of tags alone in quotes."""
    for pattern in (CODE, QUOTED):
        text = pattern.sub(lambda found: " " * len(found[0]), text)
    return text


def sentence(text: str) -> str:
    """`text` without thoughts, tokens, a tag or fence around the whole and a heading over it. Idempotent."""
    text = text.strip()
    for _ in range(MAX_PASSES):
        rest = without_tokens(without_thoughts(text)).strip()
        if wrapped := ANSWER_TAG.fullmatch(rest):
            rest = wrapped["text"].strip()
        if fenced := WHOLE_FENCE.fullmatch(rest):
            rest = fenced["text"].strip()
        if heading := HEADING.match(rest):
            rest = rest[heading.end() :].strip()
        if rest == text:
            return text
        text = rest
    return ""


def without_thoughts(text: str) -> str:
    """What stands outside of thoughts, be they in tags, in harmony's channels, or labelled."""
    return _without_labelled_thought(without_tagged_thoughts(_final_channel(plain_tokens(text))))


def without_tagged_thoughts(text: str) -> str:
    """What stands outside of thoughts in tags.

    A closing tag alone ends a thought that began before the text. An opening tag alone begins one that goes
    on to the end.
    """
    kept, depth, start = list[str](), 0, 0
    for tag in THOUGHT_TAG.finditer(mask_quoted(text)):
        if depth == 0:
            kept.append(text[start : tag.start()])
        if tag["close"] and depth == 0:
            kept.clear()
        depth = max(0, depth + bool(tag["open"]) - bool(tag["close"]))
        start = tag.end()
    if depth == 0:
        kept.append(text[start:])
    return THOUGHT_FENCE.sub("", "".join(kept))


def without_tokens(text: str) -> str:
    """`text` up to where the model's turn ends, without the tokens before it."""
    masked, start = mask_quoted(text), 0
    for leading in (OTHERS_TURN, LEFT_HEADER):
        if found := leading.match(masked, start):
            start = found.end()
    while (token := _token_at(masked, start)) and token.end() > start:
        start = token.end()
    ends = [found.start() for kind in (END_TOKEN, HEADER) if (found := kind.search(masked, start))]
    return text[start : min(ends, default=len(text))]


def is_labelled_thought(text: str) -> bool:
    """Whether the text begins with the label of a thought, as in ReAct."""
    return bool(THOUGHT_LABEL.match(text))


def has_markup(text: str) -> bool:
    """Whether a tag or token of some model's template stands in the text, escaped or not."""
    forms = {text, unescape(text)}
    labelled = bool(ROLE_LABEL.search(text))
    return labelled or any(MARKUP.search(mask_quoted(plain_tokens(form))) for form in forms)


def _final_channel(text: str) -> str:
    """The text of harmony's channel `final`, which alone is for people; `text` if it has no channels."""
    if CHANNEL.search(mask_quoted(text)):
        found = CHANNEL_MESSAGE.finditer(text)
        finals = [one["text"] for one in found if one["channel"].casefold() == "final"]
        return finals[-1] if finals else ""
    if named := CHANNEL_NAME.match(text):
        return text[named.end() :] if named["name"].casefold() in {"final", "assistant"} else ""
    if BARE_CHANNELS.match(text) or BARE_FINAL.match(text):
        return BARE_FINAL.split(text)[-1] if BARE_FINAL.search(text) else ""
    return text


def _without_labelled_thought(text: str) -> str:
    if THOUGHT_LABEL.match(text) and (answers := list(ANSWER_LABEL.finditer(text))):
        return text[answers[-1].end() :]
    return text


def _token_at(text: str, start: int) -> re.Match[str] | None:
    while start < len(text) and text[start].isspace():
        start += 1
    return HEADER.match(text, start) or END_TOKEN.match(text, start)
