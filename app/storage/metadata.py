"""What all tables are collected in, and how their keys are named."""

from __future__ import annotations

from sqlalchemy import Index, MetaData, text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def of_id(name: str, column: str) -> Index:
    """Index an organisation's rows by an id that is no key of theirs.

    PostgreSQL keeps it for ids that are not NULL, which none is: so a statement has to name the id before the index may
    be taken. On tables that were never analysed it takes any that begins with the organisation for foreign keys.
    """
    return Index(name, "organisation_id", column, postgresql_where=text(f"{column} IS NOT NULL"))
