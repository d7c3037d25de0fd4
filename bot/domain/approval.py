"""What waits until the operator approves it, and what the operator may make of a draft. Pure."""

from __future__ import annotations

from enum import StrEnum

from bot.domain.reply import GRAPHEME, MAX_BYTES, MAX_GRAPHEMES, clean

BETWEEN = "\n---\n"  # the posts of one draft in an editor


class Approve(StrEnum):
    """Whose drafts, or notes, wait: nobody's, those of people who had no answer yet, or all."""

    NONE = "none"
    NEW_PEOPLE = "new-people"
    ALL = "all"

    def waits(self, *, is_new: bool) -> bool:
        """Whether what is for a person waits. `is_new`: they had no answer yet."""
        return self is Approve.ALL or (self is Approve.NEW_PEOPLE and is_new)


def edited(text: str, most: int, notice: str = "") -> tuple[str, ...]:
    """The texts of the posts, as the operator wrote them with a line `---` between two.

    `notice`: what has to stand under the first, because it tells the person that they are remembered. Raises
    ValueError with what to change.
    """
    parts = tuple(map(clean, f"\n{text}\n".split(BETWEEN)))
    if not all(parts):
        raise ValueError("A post without a text cannot be posted. `scrubjay post retract` withdraws a draft.")
    if len(parts) > most:
        raise ValueError(f"These are {len(parts)} posts; SCRUBJAY_REPLY_PARTS allows {most}.")
    for number, part in enumerate(parts, 1):
        length = len(GRAPHEME.findall(part))
        if length > MAX_GRAPHEMES or len(part.encode()) > MAX_BYTES:
            raise ValueError(
                f"Post {number} has {length} characters in {len(part.encode())} bytes; a post may have "
                f"{MAX_GRAPHEMES} in {MAX_BYTES}. A line `---` begins another post."
            )
    if notice and not parts[0].endswith(notice):
        raise ValueError(
            f"The first post has to end with its last paragraph, which tells who is remembered: {notice}"
        )
    return parts
