"""Which record key a part of a reply has, and what of the bot's stands under it already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain import reply
from bot.errors import PermanentNetworkError

if TYPE_CHECKING:
    from bot.domain.mention import Post
    from bot.ports import Network

MAX_SALTS = 8  # nobody occupies eight of the bot's keys by chance


async def find_record_key(
    network: Network, mention_uri: str, parent_uri: str, part: int
) -> tuple[str, Post | None]:
    """Return the record key of this part, and the bot's post under it if that answers `parent_uri` already.

    A key that another record occupies is skipped (salt + 1). Raises NetworkError.
    """
    for salt in range(MAX_SALTS):
        rkey = reply.reserved_key(network.did, mention_uri, part, salt)
        post = await network.own(rkey)
        if post is None or reply.is_reply_to(post.record, parent_uri):
            return rkey, post
    raise PermanentNetworkError(f"all {MAX_SALTS} record keys of part {part} are occupied")
