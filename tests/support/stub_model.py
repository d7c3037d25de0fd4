"""The model behind a live Letta server, scripted from the process of the tests.

In tests/: `python -m support.stub_model 9911`. Then start Letta with OPENAI_API_KEY=any and
OPENAI_BASE_URL=http://127.0.0.1:9911/v1, and run the tests with LETTA_BASE_URL (Letta's own address) and
LETTA_STUB=http://127.0.0.1:9911.
"""

from __future__ import annotations

import pickle
import sys
import threading

import httpx

from support.brain_script import Says, answers_probes, strings
from support.letta_double import CANARY
from support.loopback import Answer, Loopback
from support.model_brain import ModelRig


class StubModel:
    def __init__(self, port: int) -> None:
        self._model = ModelRig()
        self._seen: list[str] = []
        self.server = Loopback(self._answer, port)

    def _answer(self, request) -> Answer:
        match request.method, request.path:
            case "GET", "/v1/models":
                return Answer({"object": "list", "data": [{"id": "stub", "object": "model"}]})
            case "GET", "/seen":
                return Answer(self._seen)
            case "POST", "/script":
                self._model.script(*pickle.loads(request.body))
                return Answer({})
        shown = request.json
        probed = CANARY.search(strings(shown["messages"]))
        if probed and answers_probes(self._model._steps[0]):
            return Answer(self._model._completion(Says(text=probed[0])))
        if not probed:
            self._seen.append(strings(shown))
        return self._model._answer(request)


class RemoteStub:
    """The same, from the side of one test."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._seen_before = 0
        self._seen_before = len(self.seen)
        self.script()

    def script(self, *steps: object) -> None:
        httpx.post(f"{self._url}/script", content=pickle.dumps(steps or (Says(text="hello"),)))

    @property
    def seen(self) -> list[str]:
        """What the model was shown since the test began, request by request."""
        return httpx.get(f"{self._url}/seen").json()[self._seen_before :]


if __name__ == "__main__":
    with StubModel(int(sys.argv[1])).server:
        threading.Event().wait()
