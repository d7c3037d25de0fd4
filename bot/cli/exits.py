"""The exit codes of every command, the daemon's among them. `docs/operating.md` tells what they mean."""

from __future__ import annotations

from enum import IntEnum

import click

from bot.cli import output
from bot.errors import AccountTrouble, PermanentBrainError, SettingsError, StoreMoved
from memory.errors import DatabaseUrlWrong, EncoderMissing, SchemaNewer

# What the operator has to change: the same start fails again until then, and systemd makes none.
CONFIGURATION_ERRORS = (
    *(SettingsError, AccountTrouble, PermanentBrainError),
    *(DatabaseUrlWrong, EncoderMissing, SchemaNewer, StoreMoved),
)


class Exit(IntEnum):
    GOOD = 0
    TROUBLE = 1
    USAGE = 2  # click's own
    CONFIGURATION = 78  # EX_CONFIG of sysexits.h


class ConfigurationWrong(click.ClickException):
    exit_code = Exit.CONFIGURATION


def told(error: Exception, message: str) -> click.ClickException:
    """What ends the command because of this error: one message on stderr, and its exit code."""
    kind = ConfigurationWrong if isinstance(error, CONFIGURATION_ERRORS) else click.ClickException
    return kind(output.escape(message))
