"""The settings of the service, read from the environment (prefix ALLIANCE_)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

#: A limit as people write it.
Rate = Annotated[str, Field(pattern=r"^(off|[1-9][0-9]{0,8}/(second|minute|hour))$")]
Seconds = Annotated[float, Field(gt=0, le=3600)]


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
        description="Holds the secrets, each in a file of its own: see the operators' page.",
    )
    issuer: str = Field(
        default="http://127.0.0.1:8000",
        pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$",
        max_length=200,
        description="The service's own public address, as callers know it: tokens and assertions name it.",
    )
    instruments_dir: Path | None = Field(
        default=None,
        description="A site's own definitions and texts, laid out as KEY/VERSION.yaml and KEY/VERSION.LOCALE.yaml.",
    )
    rate_limit_writes: Rate = Field(
        default="1000/second", description="What an application may send, for each worker, or `off`."
    )
    rate_limit_reads: Rate = Field(
        default="2000/second", description="What an application may read, for each worker, or `off`."
    )
    rate_limit_person_writes: Rate = Field(
        default="20/second",
        description="What a key or token of one person, or an invitation, may send, for each worker, or `off`.",
    )
    rate_limit_person_reads: Rate = Field(
        default="50/second",
        description="What a key or token of one person, or an invitation, may read, for each worker, or `off`.",
    )
    rate_limit_failed_logins: Rate = Field(
        default="100/minute", description="Wrong credentials from one address, for each worker, or `off`."
    )
    connections: int = Field(
        default=500, ge=1, le=100_000, description="Connections that a worker holds; more are answered 503."
    )
    headers_seconds: Seconds = Field(default=10, description="The time in which a request's headers must come.")
    body_seconds: Seconds = Field(default=10, description="The time in which a whole body must come.")
    answer_seconds: Seconds = Field(default=30, description="The time in which an answer must be taken.")
    idle_seconds: int = Field(
        default=30, ge=1, le=3600, description="How long a connection stays open between two requests."
    )
    log_format: Literal["auto", "json", "text"] = Field(
        default="auto", description="`auto`: text at a terminal in `development`, JSON otherwise."
    )
    log_level: Literal["info", "warning", "error"] = Field(
        default="info", description="From `warning` on there is no line for each request."
    )
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Serves `/metrics` on a port of its own, and no longer on the main one.",
    )
    metrics_host: str = Field(default="127.0.0.1", description="Where the port of the metrics listens.")
    traces_url: str | None = Field(
        default=None, description="Sends traces to an OTLP collector, as `http://HOST:4318/v1/traces`."
    )
