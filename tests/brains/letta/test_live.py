"""What the letta brain relies on, asked of a live server: LETTA_BASE_URL, LETTA_MODEL, LETTA_API_KEY.

Any model will do: nothing is asserted of its wit. Where the model can be scripted (LETTA_STUB), the whole
conformance suite runs against that server too: `pytest tests/brains/test_conformance.py -k letta`.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

import pytest
from support.letta_brain import leave, live_brain
from support.talker import Talker

from bot.errors import PermanentBrainError, TransientBrainError

pytestmark = pytest.mark.skipif(
    not os.environ.get("LETTA_BASE_URL"), reason="LETTA_BASE_URL names no live Letta server"
)


@pytest.fixture
async def brain():
    brain = live_brain()
    await brain.start()
    yield brain
    await leave(brain)


async def turn(brain, text="Hello, how are you?", **talker):
    """One turn; a weak model may fail at it."""
    with suppress(TransientBrainError):
        return await Talker(brain, **talker).think(text)


async def test_the_server_heeds_the_system_prompt_of_a_request(brain):
    assert await brain.health() is None


async def test_the_agent_has_neither_tools_nor_blocks(brain):
    agent, client = brain._agent.id, brain._client
    assert [tool.name async for tool in client.agents.tools.list(agent)] == []
    assert [block.label async for block in client.agents.blocks.list(agent)] == []


async def test_a_turn_ends_in_a_reply_or_a_silence_and_tells_its_tokens(brain):
    if thought := await turn(brain):
        assert (thought.reply is None) == bool(thought.why)
        assert thought.usage.tokens_in > 0


async def test_a_turn_leaves_no_conversation(brain):
    await turn(brain)
    assert await brain._client.conversations.list(agent_id=brain._agent.id) == []


async def test_no_note_is_stored_with_the_agent(brain):
    canary = f"zebrafish{secrets.token_hex(4)}"
    await turn(brain, text="Say nothing of me.", knows=(f"has a parrot called {canary}",))
    state = await brain._client.agents.retrieve(brain._agent.id)
    assert canary not in state.model_dump_json()


async def test_forgetting_leaves_no_agent_and_the_next_turn_makes_one(brain):
    name = brain._options.agent
    await turn(brain)
    await brain.forget()
    assert (await brain._client.agents.list(name=name)).items == []
    await brain.start()
    assert len((await brain._client.agents.list(name=name)).items) == 1


async def test_a_server_side_tool_is_found_and_refused(brain):
    tools = (await brain._client.tools.list(limit=1)).items
    if not tools:
        pytest.skip("the server has no tool to attach")
    await brain._client.agents.tools.attach(tools[0].id, agent_id=brain._agent.id)
    brain._checked_at = None
    with pytest.raises(PermanentBrainError, match="detach"):
        await brain.start()


async def test_a_memory_block_is_found_and_refused(brain):
    block = await brain._client.blocks.create(label="human", value="nobody")
    await brain._client.agents.blocks.attach(block.id, agent_id=brain._agent.id)
    brain._checked_at = None
    with pytest.raises(PermanentBrainError, match="detach"):
        await brain.start()
    await brain._client.blocks.delete(block.id)
