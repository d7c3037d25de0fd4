"""Where settings come from, and how problems and tables of them are written. Knows no setting by name."""

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

    Schema: TypeAlias = type[BaseSettings]

T = TypeVar("T")
PREFIX = "SCRUBJAY_"
CONFIG, SECRETS, CREDENTIALS = "SCRUBJAY_CONFIG", "SCRUBJAY_SECRETS_DIR", "CREDENTIALS_DIRECTORY"
MAX_SHOWN_CHARS = 60
EXAMPLE_HEADER = """\
# Settings of scrubjay: copy to scrubjay.toml and take the # off what you change. The environment is stronger:
# SCRUBJAY_SPACING=5.0 for `spacing`. Secrets ({secrets}) are better kept in a file each:
# SCRUBJAY_PASSWORD_FILE=/run/secrets/scrubjay, or a directory of them: SCRUBJAY_SECRETS_DIR=/run/secrets
"""


class Environment(EnvSettingsSource):
    """The environment variables that were passed in, instead of os.environ."""

    def __init__(self, schema: Schema, variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(schema)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._variables.items() if value}


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of settings. `where` names it in messages. `toml`: a setting is written as in TOML.

    `files` are those that it was read from.
    """

    source: PydanticBaseSettingsSource
    where: str = ""
    toml: bool = False
    files: tuple[Path, ...] = ()

    def spell(self, field: str, value: str) -> str:
        return f"{field} = {value}" if self.toml else f"{PREFIX}{field.upper()}={value}"


def load_layers(schema: Schema, env: Mapping[str, str], config: Path | None, home: Path) -> tuple[Layer, ...]:
    """All sources, the strongest first. Raises SettingsError for a file that cannot be read."""
    environment = Environment(schema, env)
    dotenv = _read(home / ".env", lambda path: _dotenv(schema, path))
    found = {**dotenv.env_vars, **environment.env_vars}
    named = config or found.get(CONFIG.lower())
    toml = Path(named) if named else home / "scrubjay.toml"
    if named and not toml.is_file():
        raise SettingsError(
            f"{CONFIG}: there is no file {toml}. Example: {CONFIG}=/etc/scrubjay/scrubjay.toml"
        )
    return (
        Layer(environment),
        Layer(dotenv, " in .env", files=(home / ".env",)),
        Layer(
            _read(toml, lambda path: TomlConfigSettingsSource(schema, path)),
            f" in {toml.name}",
            toml=True,
            files=(toml,),
        ),
        *_value_files(schema, found),
        *_directories(schema, found.get(SECRETS.lower()), env.get(CREDENTIALS)),
    )


def _dotenv(schema: Schema, path: Path) -> DotEnvSettingsSource:
    return DotEnvSettingsSource(schema, path, dotenv_filtering="only_existing")


def _read(path: Path, make: Callable[[Path], T]) -> T:
    try:
        return make(path)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}. Example of a line: spacing = 5.0") from error


def _value_files(schema: Schema, found: Mapping[str, str | None]) -> Iterator[Layer]:
    """A layer for each setting whose value is the content of a file (SCRUBJAY_PASSWORD_FILE)."""
    for field in schema.model_fields:
        name = f"{PREFIX}{field.upper()}_FILE"
        if path := found.get(name.lower()):
            value = {field: _content(name, Path(path))}
            yield Layer(
                InitSettingsSource(schema, value), " (from its file)", files=(Path(path).expanduser(),)
            )


def _content(name: str, path: Path) -> str:
    try:
        return path.expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(
            f"{name}: {path} cannot be read: {why}. Example: {name}=/run/secrets/name"
        ) from error


def _directories(schema: Schema, own: str | None, systemd: str | None) -> Iterator[Layer]:
    for name, path in ((SECRETS, own), (CREDENTIALS, systemd)):
        if path is None:
            continue
        if not Path(path).is_dir():
            raise SettingsError(f"{name}: there is no directory {path}. Example: {name}=/run/secrets")
        source = SecretsSettingsSource(schema, secrets_dir=path, env_prefix="")
        try:
            source()
        except (OSError, UnicodeDecodeError, SourceError) as error:
            why = f"a file in {path} cannot be read ({type(error).__name__})"
            raise SettingsError(
                f"{name}: {why}. One text file a setting. Example: {path}/password"
            ) from error
        yield Layer(source, f" (from {path})", files=tuple(Path(path).iterdir()))


def secret_files(schema: Schema, layers: tuple[Layer, ...]) -> tuple[Path, ...]:
    """The files that hold a secret of these settings, for example a password."""
    secrets = {name for name, field in schema.model_fields.items() if _is_secret(field)}
    return tuple(path for layer in layers if secrets & layer.source().keys() for path in layer.files)


def unknown_variables(schema: Schema, layers: tuple[Layer, ...]) -> list[str]:
    """A line for each SCRUBJAY_ variable that is no setting."""
    known = {f"{PREFIX}{field.upper()}{end}" for field in schema.model_fields for end in ("", "_FILE")}
    known |= {CONFIG, SECRETS}
    lines = []
    for layer in layers:
        if isinstance(layer.source, EnvSettingsSource):
            names = [name.upper() for name in layer.source.env_vars if name.upper().startswith(PREFIX)]
            lines += [_unknown(f"{name}{layer.where}", name, known) for name in names if name not in known]
    return lines


def problems(schema: Schema, layers: tuple[Layer, ...], error: ValidationError) -> list[str]:
    """A line for each problem: the setting and its source, what is wrong, an example. No secret's value."""
    return [_problem(schema, layers, detail) for detail in error.errors(include_url=False)]


def _problem(schema: Schema, layers: tuple[Layer, ...], detail: ErrorDetails) -> str:
    name = str(detail["loc"][0])
    layer, given = next((layer, given) for layer in layers if name in (given := layer.source()))
    field = schema.model_fields.get(name)
    if field is None:
        return _unknown(f"{name}{layer.where}", name, schema.model_fields)
    wrong = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    shown = "(hidden)" if _is_secret(field) else _shortened(given[name])
    example = layer.spell(name, spelled((field.examples or [""])[0], toml=layer.toml))
    return f"{layer.spell(name, shown)}{layer.where} {wrong}. Example: {example}"


def _unknown(place: str, name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else "docs/settings.md lists them all."
    return f"{place} is no setting. {hint}"


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[: MAX_SHOWN_CHARS - 3]}..."


def spelled(value: Any, *, toml: bool) -> str:
    """A value as it is written in TOML (for values of settings, the same as JSON), or in a variable."""
    if isinstance(value, list | tuple):
        return json.dumps(list(value)) if toml else ",".join(value)
    return json.dumps(value if isinstance(value, int | float) else str(value)) if toml else str(value)


def table(schema: Schema) -> str:
    rows = ["| setting | default | what it is | example |", "|---|---|---|---|"]
    for name, field in schema.model_fields.items():
        default = "none" if field.default in (None, ()) else f"`{spelled(field.default, toml=False)}`"
        example = spelled((field.examples or [""])[0], toml=False)
        rows.append(f"| `{name}` | {default} | {field.description} | `{example}` |")
    return "\n".join(rows)


def changed_toml(schema: Schema, settings: BaseSettings, kept_out: str) -> str:
    """A TOML file with every setting that is not its default; of secrets only that they are set."""
    lines = []
    for name, field in schema.model_fields.items():
        value = getattr(settings, name)
        if value in (field.default, None):
            continue
        lines.append(
            f"# {name}: {kept_out}" if _is_secret(field) else f"{name} = {spelled(value, toml=True)}"
        )
    return "".join(f"{line}\n" for line in lines)


def example_toml(schema: Schema) -> str:
    """A TOML file with every setting but the secrets, each with its default, or else its example."""
    secrets = [name for name, field in schema.model_fields.items() if _is_secret(field)]
    lines = [EXAMPLE_HEADER.format(secrets=", ".join(secrets))]
    for name, field in schema.model_fields.items():
        if name not in secrets:
            value = field.default if field.default not in (None, ()) else (field.examples or [""])[0]
            lines.append(f"# {field.description}\n# {name} = {spelled(value, toml=True)}\n")
    return "\n".join(lines)
