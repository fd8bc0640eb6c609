"""From the text of a bearer credential to the application that calls."""

from __future__ import annotations

from app.access.api_key import PREFIX
from app.access.by_invitation import caller_of_invitation
from app.access.by_issuer import caller_of_issuer
from app.access.by_key import caller_of_key
from app.access.by_token import caller_of_token
from app.access.caller import Caller
from app.access.invitation_token import PREFIX as INVITATION
from app.access.jose import peek
from app.storage.runtime import Runtime


async def authenticate(runtime: Runtime, credential: str) -> Caller:
    """Return the caller behind an API key, a token or an invitation, or raise Unauthenticated.

    What the credential hangs on is looked up on every request, so that a revoked one is refused by the next, and a
    supervisor who has left a team sees nothing more of it.
    """
    if credential.startswith(PREFIX):
        return await caller_of_key(runtime, credential)
    if credential.startswith(INVITATION):
        return await caller_of_invitation(runtime, credential)
    claimed = peek(credential)
    if claimed.claims.get("iss") == runtime.issuer:
        return await caller_of_token(runtime, credential, claimed)
    return await caller_of_issuer(runtime, credential, claimed)
