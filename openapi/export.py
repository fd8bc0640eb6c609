"""Write openapi.json as the service serves it, or check that the committed one still is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from uuid_utils.compat import uuid7

from app.instruments.catalog import shipped
from app.main import create_app
from app.storage.database import open_database
from app.storage.keyring import KeyRing
from app.storage.master import MasterKeys
from app.storage.runtime import Runtime, utc_now
from app.storage.signing_keys import SigningKeys
from app.storage.vault import Vault

FILE = Path(__file__).parent / "openapi.json"


def document() -> str:
    """Build the document; no database is opened and no secret is read for it."""
    blank = bytes(32)
    runtime = Runtime(
        database=open_database("sqlite:///never-opened.db"),
        keys=KeyRing(pepper=blank, reference_key=blank, content_key=blank, audit_key=blank),
        vault=Vault(MasterKeys(Path("never-read")), now=utc_now, new_id=uuid7),
        catalog=shipped(),
        signing=SigningKeys(Path("never-opened")),
    )
    return json.dumps(create_app(runtime).openapi(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write, or check with --check."""
    if "--check" not in sys.argv[1:]:
        FILE.write_text(document(), "utf-8")
        return 0
    if FILE.exists() and FILE.read_text("utf-8") == document():
        return 0
    sys.stderr.write("openapi/openapi.json differs from what the service serves: run `make openapi`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
