"""The command `alliance` and the commands below it."""

from __future__ import annotations

import typer

from app.cli import (
    apps,
    audit,
    backup,
    demo,
    doctor,
    instruments,
    issuers,
    keys,
    norms,
    orgs,
    people,
    retention,
    safeguarding,
    score,
    serve,
    shut_out,
    teams,
    validate,
)

app = typer.Typer(
    name="alliance",
    help="Measure the therapeutic alliance: forms in; scores, stage and advice out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("migrate")(serve.migrate)
app.add_typer(orgs.app, name="orgs")
app.add_typer(apps.app, name="apps")
app.add_typer(issuers.app, name="issuers")
app.add_typer(shut_out.app, name="shut-out")
app.add_typer(teams.app, name="teams")
app.add_typer(instruments.app, name="instruments")
app.add_typer(norms.app, name="norms")
app.add_typer(keys.app, name="keys")
app.add_typer(safeguarding.app, name="safeguarding")
app.add_typer(audit.app, name="audit")
app.add_typer(people.app, name="people")
app.add_typer(retention.app, name="retention")
app.add_typer(backup.app, name="backup")
app.command("score")(score.score)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.add_typer(validate.app, name="validate")


def run() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    run()
