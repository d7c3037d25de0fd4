"""What the settings say of the bot, for its records about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.disclosure import Bot, Keeping, Operator, Rhythm
from bot.domain.embeds import as_text
from bot.domain.profiles import bio

if TYPE_CHECKING:
    from bot.config.settings import Settings
    from bot.domain.mention import Record


def disclosed(settings: Settings, profile: Record, operator: str, kept: tuple[int, int]) -> Bot:
    """The bot as its records tell of it.

    `profile` is its own app.bsky.actor.profile, `operator` the DID of who runs it, `kept` how many people and
    notes there are. Raises SettingsError if account or operator are not set.
    """
    handle, _ = settings.require_account()
    return Bot(
        handle=handle,
        name=as_text(profile.get("displayName")) or handle,
        description=bio(profile),
        operator=Operator(operator, settings.require_operator(), settings.operator_contact),
        services=_services(settings),
        keeping=Keeping(settings.consent, *kept, settings.keep_text, settings.keep_idle),
        rhythm=Rhythm(
            settings.tempo,
            settings.active_hours,
            settings.time_zone,
            settings.quiet_days,
            settings.per_hour,
            settings.per_day,
        ),
        url=settings.disclosure_url,
    )


def _services(settings: Settings) -> tuple[str, ...]:
    """Who reads what people write: the server of the agent, and the model."""
    match settings.brain:
        case "letta":
            return ("Letta", *filter(None, [settings.letta_model]))
        case "model":
            return tuple(filter(None, [settings.model]))
        case _:
            return ()
