"""An OpenAI-compatible server on loopback, behind the real model brain."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from datetime import timedelta

from pydantic import SecretStr

from bot.brains.llm import Model, ModelOptions
from support.brain_script import Cuts, Fails, Hangs, Says, strings
from support.loopback import Answer, Loopback

KEY = "sk-canary-of-the-key"


class ModelRig:
    """`timeout` is what the brain gives its model, seconds."""

    def __init__(self, *, timeout: float = 20.0, model: str = "openai-compatible:double") -> None:
        self._steps: list[object] = [Says(text="hello")]
        self._numbers = itertools.count()
        self.server = Loopback(self._answer)
        self.brain = Model(
            ModelOptions(
                name=model,
                url=f"{self.server.url}/v1",
                key=SecretStr(KEY),
                max_tokens=400,
                timeout=timedelta(seconds=timeout),
            )
        )

    @property
    def requests(self) -> list[str]:
        return [strings(request.json) for request in self.server.requests]

    def script(self, *steps: object) -> None:
        self._steps = list(steps)

    def _answer(self, request):
        step = self._steps[0] if len(self._steps) == 1 else self._steps.pop(0)
        match step:
            case Says():
                return Answer(self._completion(step, request.json.get("tools")))
            case Fails(status, retry_after):
                headers = {} if retry_after is None else {"retry-after": str(retry_after)}
                return Answer({"error": {"message": "no", "type": "error"}}, status, headers)
            case Hangs():
                return Answer(hangs=True)
            case Cuts():
                return Answer(self._completion(Says(text="a good answer")), cut=True)

    def _completion(self, says: Says, tools=None):
        """The body as OpenAI's reference of `POST /chat/completions` has it."""
        parameters = {one["function"]["name"]: one["function"].get("parameters") for one in tools or ()}
        calls = [
            {
                "id": f"call_{next(self._numbers)}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.json(parameters.get(call.name))},
            }
            for call in says.calls
        ]
        message = {
            "role": "assistant",
            "content": says.text or None,
            **({"tool_calls": calls} if calls else {}),
        }
        finish = "tool_calls" if calls and says.finish == "stop" else says.finish
        return {
            "id": f"chatcmpl-{next(self._numbers)}",
            "object": "chat.completion",
            "created": 1795000000,
            "model": "double",
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        }


@contextmanager
def model_rig(**options):
    rig = ModelRig(**options)
    with rig.server:
        yield rig
