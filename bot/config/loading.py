"""Where settings come from, and how their problems and their table are told. Knows no setting by name."""

from __future__ import annotations

import difflib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from bot.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TypeAlias

    from pydantic import ValidationError
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    Kind: TypeAlias = type[BaseSettings]

T = TypeVar("T")
PREFIX = "SCRUBJAY_"
CONFIG, SECRETS, CREDENTIALS = "SCRUBJAY_CONFIG", "SCRUBJAY_SECRETS_DIR", "CREDENTIALS_DIRECTORY"
SHOWN = 60
HEAD = """\
# Settings of scrubjay: copy to scrubjay.toml and take the # off what you change. The environment is stronger:
# SCRUBJAY_SPACING=5.0 for `spacing`. Secrets ({secrets}) are better kept in a file each:
# SCRUBJAY_PASSWORD_FILE=/run/secrets/scrubjay, or a directory of them: SCRUBJAY_SECRETS_DIR=/run/secrets
"""


class Environment(EnvSettingsSource):
    """The variables that were passed in."""

    def __init__(self, kind: Kind, variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(kind)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._variables.items() if value}


@dataclass(frozen=True, slots=True)
class Layer:
    """One place of settings: `where` tells which, `toml` how a setting is written there."""

    source: PydanticBaseSettingsSource
    where: str = ""
    toml: bool = False

    def spell(self, field: str, value: str) -> str:
        return f"{field} = {value}" if self.toml else f"{PREFIX}{field.upper()}={value}"


def gather(kind: Kind, env: Mapping[str, str], config: Path | None, home: Path) -> tuple[Layer, ...]:
    """All places, the strongest first.

    Raises SettingsError for a file that cannot be read.
    """
    environment = Environment(kind, env)
    dotenv = _read(home / ".env", lambda path: _dotenv(kind, path))
    found = {**dotenv.env_vars, **environment.env_vars}
    named = config or found.get(CONFIG.lower())
    toml = Path(named) if named else home / "scrubjay.toml"
    if named and not toml.is_file():
        raise SettingsError(
            f"{CONFIG}: there is no file {toml}. Example: {CONFIG}=/etc/scrubjay/scrubjay.toml"
        )
    return (
        Layer(environment),
        Layer(dotenv, " in .env"),
        Layer(_read(toml, lambda path: TomlConfigSettingsSource(kind, path)), f" in {toml.name}", toml=True),
        Layer(InitSettingsSource(kind, _files(kind, found)), " (from its file)"),
        *_directories(kind, found.get(SECRETS.lower()), env.get(CREDENTIALS)),
    )


def _dotenv(kind: Kind, path: Path) -> DotEnvSettingsSource:
    return DotEnvSettingsSource(kind, path, dotenv_filtering="only_existing")


def _read(path: Path, make: Callable[[Path], T]) -> T:
    try:
        return make(path)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}. Example of a line: spacing = 5.0") from error


def _files(kind: Kind, found: Mapping[str, str | None]) -> dict[str, str]:
    names = {field: f"{PREFIX}{field.upper()}_FILE" for field in kind.model_fields}
    paths = {field: found.get(name.lower()) for field, name in names.items()}
    return {field: _content(names[field], Path(path)) for field, path in paths.items() if path}


def _content(name: str, path: Path) -> str:
    try:
        return path.expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(
            f"{name}: {path} cannot be read: {why}. Example: {name}=/run/secrets/name"
        ) from error


def _directories(kind: Kind, own: str | None, systemd: str | None) -> Iterator[Layer]:
    for name, path in ((SECRETS, own), (CREDENTIALS, systemd)):
        if path is None:
            continue
        if not Path(path).is_dir():
            raise SettingsError(f"{name}: there is no directory {path}. Example: {name}=/run/secrets")
        source = SecretsSettingsSource(kind, secrets_dir=path, env_prefix="")
        try:
            source()
        except (OSError, UnicodeDecodeError, SourceError) as error:
            why = f"a file in {path} cannot be read ({type(error).__name__})"
            raise SettingsError(
                f"{name}: {why}. One text file a setting. Example: {path}/password"
            ) from error
        yield Layer(source, f" (from {path})")


def unknown_variables(kind: Kind, layers: tuple[Layer, ...]) -> list[str]:
    """A line for each SCRUBJAY_ variable that is no setting."""
    known = {f"{PREFIX}{field.upper()}{end}" for field in kind.model_fields for end in ("", "_FILE")}
    known |= {CONFIG, SECRETS}
    lines = []
    for layer in layers:
        if isinstance(layer.source, EnvSettingsSource):
            names = [name.upper() for name in layer.source.env_vars if name.upper().startswith(PREFIX)]
            lines += [_unknown(f"{name}{layer.where}", name, known) for name in names if name not in known]
    return lines


def problems(kind: Kind, layers: tuple[Layer, ...], error: ValidationError) -> list[str]:
    """A line for each problem: the setting where it was set, what is wrong, an example. No secret's value."""
    return [_problem(kind, layers, detail) for detail in error.errors(include_url=False)]


def _problem(kind: Kind, layers: tuple[Layer, ...], detail: ErrorDetails) -> str:
    name = str(detail["loc"][0])
    layer, given = next((layer, given) for layer in layers if name in (given := layer.source()))
    field = kind.model_fields.get(name)
    if field is None:
        return _unknown(f"{name}{layer.where}", name, kind.model_fields)
    said = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    shown = "(hidden)" if _secret(field) else _short(given[name])
    example = layer.spell(name, spelled((field.examples or [""])[0], toml=layer.toml))
    return f"{layer.spell(name, shown)}{layer.where} {said}. Example: {example}"


def _unknown(place: str, name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else "docs/settings.md lists them all."
    return f"{place} is no setting. {hint}"


def _secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def spelled(value: Any, *, toml: bool) -> str:
    """How a value is written in TOML (JSON's way, for what settings are), or in a variable."""
    if isinstance(value, list | tuple):
        return json.dumps(list(value)) if toml else ",".join(value)
    return json.dumps(value if isinstance(value, int | float) else str(value)) if toml else str(value)


def table(kind: Kind) -> str:
    rows = ["| setting | default | what it is | example |", "|---|---|---|---|"]
    for name, field in kind.model_fields.items():
        default = "none" if field.default in (None, ()) else f"`{spelled(field.default, toml=False)}`"
        example = spelled((field.examples or [""])[0], toml=False)
        rows.append(f"| `{name}` | {default} | {field.description} | `{example}` |")
    return "\n".join(rows)


def example_toml(kind: Kind) -> str:
    """A file with every setting but the secrets, each with its default, or an example where there is none."""
    secrets = [name for name, field in kind.model_fields.items() if _secret(field)]
    lines = [HEAD.format(secrets=", ".join(secrets))]
    for name, field in kind.model_fields.items():
        if name not in secrets:
            value = field.default if field.default not in (None, ()) else (field.examples or [""])[0]
            lines.append(f"# {field.description}\n# {name} = {spelled(value, toml=True)}\n")
    return "\n".join(lines)
