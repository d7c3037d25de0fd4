"""A Letta server of 0.16.8's ways, as far as the bot uses it, with a scripted model behind it.

The shapes and the oddities were seen on a real 0.16.8: a list of agents shows no tools; a model's failure is
a 200 whose stream holds the error; a call of no tool of the client's is answered by the server itself; the
JSON of a call that was cut off is repaired; and a deleted conversation leaves its rows in the database until
its agent is deleted.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from support.brain_script import Cuts, Fails, Hangs, Says, answers_probes, strings
from support.loopback import Answer, Loopback

MODEL = "stub/jay-1"
TOKENS = (100, 20)  # in and out of every request to the model
BAD_REQUEST, TOO_LARGE, SUMMARIES = 400, 413, 3
CANARY = re.compile(r"kestrel[0-9a-f]+")


@dataclass(frozen=True)
class Breaks:
    """The model fails, which Letta tells inside a stream of status 200. `text` was streamed before."""

    kind: str = "llm_error"
    text: str = ""


@dataclass
class Fault:
    """An answer that the server itself gives in place of its own, `left` times; `fired` counts them."""

    method: str
    path: re.Pattern[str]
    answer: Answer
    left: int
    fired: int = 0


@dataclass
class Conversation:
    id: str
    agent: str
    summary: str | None
    made_at: datetime
    messages: list[dict] = field(default_factory=list)
    pending: list[dict] = field(default_factory=list)


class LettaDouble:
    """`seen` is what the model was shown, request by request; `rows` is all the text that the database holds.

    `obeys` false: it ignores `override_system`. `fired` counts the sick steps of the script as they happened.
    """

    def __init__(self, clock=lambda: datetime.now(UTC), *, obeys: bool = True, models=(MODEL,)) -> None:
        self.obeys = obeys
        self.agents: dict[str, dict] = {}
        self.tools: dict[str, list[str]] = {}
        self.blocks: dict[str, list[str]] = {}
        self.conversations: dict[str, Conversation] = {}
        self.rows: list[tuple[str, str]] = []
        self.seen: list[dict] = []
        self.probes = 0
        self.sent: list[dict] = []
        self.fired: list[object] = []
        self._models = models
        self._clock = clock
        self._script: list[object] = [Says(text="hello")]
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)
        self._lock = threading.RLock()

    def script(self, *steps: object) -> None:
        """One step a request to the model, the last for ever; a function makes it of what the model sees."""
        self._script = list(steps)

    def fail(self, method: str, path: str, answer: Answer, times: int = 1) -> Fault:
        """Give this answer to the next requests whose whole path matches."""
        fault = Fault(method, re.compile(path), answer, times)
        self._faults.append(fault)
        return fault

    def add_agent(self, name: str, *, tools=(), blocks=(), **fields: object) -> str:
        """An agent as an operator might have made it."""
        made = self._new_agent({"name": name, "model": MODEL, "metadata": None, **fields})
        self.tools[made], self.blocks[made] = list(tools), list(blocks)
        return made

    def add_conversation(self, summary: str | None, agent: str | None = None) -> str:
        made = f"conv-{next(self._ids)}"
        agent = agent or next(iter(self.agents))
        self.conversations[made] = Conversation(made, agent, summary, self._clock())
        return made

    # HTTP

    def answer(self, request) -> Answer:
        url = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        with self._lock:
            for fault in self._faults:
                if fault.left and fault.method == request.method and fault.path.fullmatch(url.path):
                    fault.left -= 1
                    fault.fired += 1
                    return _closing(fault.answer)
            parts = url.path.strip("/").split("/")[1:]
            route = self._of_agents if parts[0] == "agents" else self._of_conversations
            answer = route(request.method, parts, query, request.json or {})
            return _closing(answer or Answer({"detail": f"{parts[0]}: not found"}, status=404))

    def _of_agents(self, method: str, parts: list[str], query: dict, body: dict) -> Answer | None:
        match method, parts:
            case "GET", ["agents"]:
                newest = query.get("order", "desc") == "desc"
                found = sorted(
                    self._named(query.get("name")), key=lambda one: one["created_at"], reverse=newest
                )
                return Answer([{**one, "tools": [], "blocks": []} for one in found])
            case "POST", ["agents"]:
                return self._make_agent(body)
            case "DELETE", ["agents", agent] if agent in self.agents:
                return self._delete_agent(agent)
            case "GET", ["agents", agent, "tools"] if agent in self.agents:
                names = [] if "after" in query else self.tools[agent]
                return Answer([{"id": f"tool-{name}", "name": name} for name in names])
            case "GET", ["agents", agent, "core-memory", "blocks"] if agent in self.agents:
                labels = [] if "after" in query else self.blocks[agent]
                return Answer([{"id": f"block-{label}", "label": label, "value": ""} for label in labels])
        return None

    def _of_conversations(self, method: str, parts: list[str], query: dict, body: dict) -> Answer | None:
        match method, parts:
            case "POST", ["conversations"] if query.get("agent_id") in self.agents:
                made = self.add_conversation(body.get("summary"), query["agent_id"])
                return Answer(self._shown(self.conversations[made]))
            case "GET", ["conversations"]:
                held = [one for one in self.conversations.values() if one.agent == query["agent_id"]]
                return Answer([self._shown(one) for one in held])
            case "DELETE", ["conversations", one] if one in self.conversations:
                del self.conversations[one]  # the rows stay
                return Answer(None)
            case "POST", ["conversations", one, "messages"] if one in self.conversations:
                self.sent.append(body)
                return self._take(self.conversations[one], body)
        return None

    def _named(self, name: str | None) -> list[dict]:
        return [agent for agent in self.agents.values() if agent["name"] == name]

    def _make_agent(self, body: dict) -> Answer:
        if body["model"] not in self._models:
            return Answer({"detail": f"NOT_FOUND: Handle {body['model']} not found"}, status=404)
        made = self._new_agent(body)
        base = ["conversation_search", "memory_insert", "memory_replace"]
        self.tools[made] = base if body.get("include_base_tools", True) else []
        self.blocks[made] = [block["label"] for block in body.get("memory_blocks") or []]
        return Answer(self.agents[made])

    def _new_agent(self, body: dict) -> str:
        made = f"agent-{next(self._ids)}"
        known = {"agent_type": "letta_v1_agent", "enable_sleeptime": False, "sources": [], "tags": []}
        told = {key: body.get(key) for key in ("name", "model", "system", "metadata", "parallel_tool_calls")}
        extra = {key: body[key] for key in ("enable_sleeptime",) if key in body}
        self.agents[made] = {**known, **told, **extra, "id": made, "created_at": self._clock().isoformat()}
        self.tools[made], self.blocks[made] = [], []
        return made

    def _delete_agent(self, agent: str) -> Answer:
        del self.agents[agent]
        self.conversations = {key: one for key, one in self.conversations.items() if one.agent != agent}
        self.rows = [row for row in self.rows if row[0] != agent]
        return Answer(None)

    def _shown(self, one: Conversation) -> dict:
        at = one.made_at.isoformat()
        return {"id": one.id, "agent_id": one.agent, "summary": one.summary, "created_at": at}

    # the step loop

    def _take(self, on: Conversation, body: dict) -> Answer:
        given, kept, steps = body["messages"][0], list(on.messages), body.get("max_steps", 50)
        if given.get("type") == "approval":
            if not on.pending:
                return Answer({"detail": "No tool call is currently awaiting approval"}, status=400)
            theirs = [call for call in on.pending if call["name"] not in _names(body)]
            kept += [{"role": "tool", "content": one["tool_return"]} for one in given["approvals"]]
            kept += [{"role": "tool", "content": "Tool not found"} for _ in theirs]
            steps -= 1
        elif on.pending:
            return _stream([], "error", broken=("internal_error", "CONFLICT: waiting for approval"))
        else:
            kept.append({"role": "user", "content": given["content"]})
        return self._steps(on, body, kept, steps)

    def _steps(self, on: Conversation, body: dict, kept: list[dict], steps: int, before=()) -> Answer:
        events: list[dict] = [*before]
        for spent in range(1, steps + 1):
            step = self._ask(on, body, kept)
            match step:
                case Fails(status) if status in {BAD_REQUEST, TOO_LARGE}:
                    return self._refused(on, body, kept, events, status)
                case Fails(status, retry_after):
                    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
                    return Answer({"error": {"type": "llm_error"}}, status=status, headers=headers)
                case Hangs():
                    return Answer(hangs=True)
                case Breaks(kind, text):
                    return _stream([_assistant(text)] if text else [], "llm_api_error", broken=(kind, "no"))
            said = step if isinstance(step, Says) else Says(text="This would have been a good one.")
            pending = self._said(said, events, kept, body, on.agent)
            if pending or not said.calls or step == Cuts():
                return self._whole(on, kept, events, pending, said.finish, spent, cut=step == Cuts())
        return self._whole(on, kept, events, [], "max_steps", steps)

    def _refused(self, on, body: dict, kept: list[dict], events: list[dict], status: int) -> Answer:
        """What 0.16.8 streams if its provider refuses a request. Of one that is too large it lets the model
        make a summary, in three ways, and asks again with that alone."""
        if status == BAD_REQUEST:
            broken = ("llm_error", "An error occurred.", "INVALID_ARGUMENT: Bad request to the endpoint: 400")
            return _stream(events, "llm_api_error", broken=broken)
        for _ in range(SUMMARIES):
            match self._next(None):
                case Says(text=summary):  # told as such only where it is not a conversation that streams
                    events.append(_event("user_message", content=f"The following is a summary: {summary}"))
                    return self._steps(on, body, [{"role": "user", "content": summary}], 1, events)
        broken = ("internal_error", "An error occurred.", "CONTEXT_WINDOW_EXCEEDED: Request too large")
        return _stream(events, "error", broken=broken)

    def _ask(self, on: Conversation, body: dict, kept: list[dict]) -> object:
        system = body.get("override_system") if self.obeys else self.agents[on.agent]["system"]
        if (found := CANARY.search(body.get("override_system") or "")) and not body.get("client_tools"):
            self.probes += 1
            if not answers_probes(self._script[0]):
                return self._next(None)
            return Says(text=found[0] if self.obeys else "I am a helpful assistant.")
        shown = {"system": system, "messages": list(kept), "tools": body.get("client_tools") or []}
        self.seen.append(shown)
        return self._next(shown)

    def _next(self, shown: dict | None) -> object:
        step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        step = step(shown) if callable(step) else step
        if not isinstance(step, Says):
            self.fired.append(step)
        return step

    def _said(self, said: Says, events: list, kept: list, body: dict, agent: str) -> list[dict]:
        """Tell what the model said; return the calls that wait, if one of them is the client's."""
        if said.text:
            events.append(_assistant(said.text))
            kept.append({"role": "assistant", "content": said.text})
        client, parallel = _names(body), self.agents[agent]["parallel_tool_calls"]
        calls = [self._call(call, body) for call in (said.calls if parallel else said.calls[:1])]
        if calls:
            calls[0]["arguments"] = repaired(calls[0]["arguments"])
            kept.append({"role": "assistant", "tool_calls": calls})
        ours = [call for call in calls if call["name"] in client]
        theirs = [call for call in calls if call["name"] not in client]
        events += [_event("tool_call_message", tool_call=call, tool_calls=[call]) for call in theirs]
        if ours:
            events.append(_event("approval_request_message", tool_call=ours[0], tool_calls=ours))
            return calls
        for call in theirs:
            answer = (
                f"[ToolConstraintError] Cannot call {call['name']}, valid tools include: {sorted(client)}."
            )
            kept.append({"role": "tool", "content": answer})
            events.append(_event("tool_return_message", tool_return=answer, status="error"))
        return []

    def _call(self, call, body: dict) -> dict:
        parameters = {tool["name"]: tool["parameters"] for tool in body.get("client_tools") or []}
        raw = call.json(parameters.get(call.name))
        return {"name": call.name, "arguments": raw, "tool_call_id": f"call_{next(self._ids)}"}

    def _whole(self, on, kept, events, pending, finish, spent, *, cut=False) -> Answer:
        self.rows += [(on.agent, strings(message)) for message in kept[len(on.messages) :]]
        on.messages, on.pending = kept, pending
        stops = {"length": "max_tokens_exceeded", "max_steps": "max_steps"}
        stop = "requires_approval" if pending else stops.get(finish, "end_turn")
        return _stream(events, stop, spent=spent, cut=cut)


def repaired(arguments: str) -> str:
    """What 0.16.8 makes of the JSON of an answer's first call, if it was cut off.

    What is missing at the end replaces as many characters: the closing quote, then the braces.
    """
    try:
        json.loads(arguments)
    except json.JSONDecodeError:
        braces = "}" * (arguments.count("{") - arguments.count("}"))
        end = '"' * (arguments.count('"') % 2) + braces
        closed = arguments[: -len(end)] + end
        with suppress(json.JSONDecodeError):
            json.loads(closed)
            return closed
    return arguments


def _names(body: dict) -> set[str]:
    return {tool["name"] for tool in body.get("client_tools") or []}


def _event(kind: str, **fields: object) -> dict:
    return {"id": "message-1", "date": "2026-11-22T12:00:00Z", "message_type": kind, **fields}


def _assistant(text: str) -> dict:
    return _event("assistant_message", content=text)


def _stream(events: list[dict], stop: str, *, spent=0, broken=None, cut=False) -> Answer:
    """Server-sent events, as Letta ends them: a reason, then usage or an error."""
    told = [*events, {"message_type": "stop_reason", "stop_reason": stop}]
    if not broken:
        used = {"prompt_tokens": spent * TOKENS[0], "completion_tokens": spent * TOKENS[1]}
        told.append({"message_type": "usage_statistics", "step_count": spent, **used})
    lines = [f"data: {json.dumps(one)}\n\n" for one in told]
    if broken:
        error = dict(zip(("error_type", "message", "detail"), broken, strict=False))
        error["message_type"] = "error_message"
        lines.append(f"event: error\ndata: {json.dumps({**error, 'run_id': 'run-1'})}\n\n")
    return Answer("".join([*lines, "data: [DONE]\n\n"]).encode(), kind="text/event-stream", cut=cut)


def _closing(answer: Answer) -> Answer:
    """Without a connection kept alive, so that a brain may live through several event loops."""
    headers = {**answer.headers, "connection": "close"}
    return Answer(answer.body, answer.status, headers, answer.hangs, answer.cut, answer.kind)


@contextmanager
def serving(double: LettaDouble):
    """Yield the URL of the double, served on loopback."""
    with Loopback(double.answer) as server:
        yield server.url
