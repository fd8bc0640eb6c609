"""The settings of the service, read from the environment (prefix ALLIANCE_)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every setting, with the default that `make serve` uses."""

    model_config = SettingsConfigDict(env_prefix="ALLIANCE_", frozen=True)

    env: Literal["development", "production"] = Field(
        default="development",
        description="In `development` secrets are made at first use; in `production` missing ones stop the service.",
    )
    database_url: str = Field(
        default="sqlite:///var/alliance.db", description="`sqlite:///PATH` or `postgresql://...`."
    )
    migration_database_url: str | None = Field(
        default=None, description="The owner's URL for `alliance migrate`, where the service's own role owns nothing."
    )
    secrets_dir: Path = Field(
        default=Path("var/secrets"),
        description="Holds `api-key-pepper`, `reference-key` and `content-key`, each a file of 64 hexadecimal digits.",
    )
    instruments_dir: Path | None = Field(
        default=None,
        description="A site's own definitions and texts, laid out as KEY/VERSION.yaml and KEY/VERSION.LOCALE.yaml.",
    )
