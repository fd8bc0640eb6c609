"""What can go wrong, as one small tree. A code never changes; the HTTP status is the business of the web.

AllianceError
├── InvalidSubmission        a form that can't be scored as sent (with the places)
├── Conflict                 the form is fine, what is stored says no
│   ├── KeyReused, KeyRepeated, KeyInProgress, SourceConflict
│   ├── SessionAlreadyRated, NotCurrent, LaterEpisodeOpen, EpisodeTherapistMismatch
│   ├── InvitationUsed, InvitationNotOpen
│   ├── InstrumentNotEnabled, InstrumentKeyNotAvailable
│   └── SafeguardingNotConfigured, SafetyCheckClosed, SafetyCheckUnreadable, LegalHold
├── AlreadyExists            the id that the sender made is bound to other content
├── PreconditionFailed       what is to be changed is not as the sender knows it
├── InvalidParameter         a parameter that only the use case can judge
├── NotFound                 absent, malformed or another organisation's, alike
│   └── ErasedMeanwhile      the client was erased by somebody else while this was under way
├── Unauthenticated, Forbidden, RaterNotAllowed, ActingRequired, NotARecipient
├── ClientErased             a late repeat of what was said about somebody who was erased since
├── InvitationNeeded, InvitationOver
├── GrantRefused             a token is not given out
├── FetchRefused             another site's document can't be had, or must not be asked for
├── StorageBusy, StorageUnavailable
├── SealBroken               what was sealed does not open: damaged, moved, or of a key that is not there
│   └── KeyDestroyed
└── Misconfigured            the operator has to act
    ├── DefinitionFault, CatalogueFault
    └── LimitReached
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

#: Why nothing can be written: the database is away, its disk is full, or it may only be read.
Trouble = Literal["unavailable", "full", "read_only"]
GrantError = Literal[
    "invalid_request", "invalid_client", "invalid_scope", "unauthorized_client", "unsupported_grant_type"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong at one place of what was sent: a JSON pointer and a code, never a value."""

    pointer: str
    code: str


class AllianceError(Exception):
    """Base of everything that Alliance refuses on purpose."""

    code: ClassVar[str] = "error"


class InvalidSubmission(AllianceError):
    """A form that cannot be taken as it was sent; nothing of it is stored."""

    code = "validation_failed"

    def __init__(self, *faults: Fault, code: str | None = None) -> None:
        super().__init__(code or self.code)
        self.faults = faults
        self.specific_code = code or self.code


class InvitationNeeded(AllianceError):
    """The operation is for who was invited: no key and no other token opens it."""

    code = "invitation_needed"


class InvitationOver(AllianceError):
    """The invitation has expired; whoever has sent it may renew it."""

    code = "invitation_expired"


class Conflict(AllianceError):
    """The form is well made, but what is already stored forbids it."""

    code = "conflict"


class KeyReused(Conflict):
    """The idempotency key was already bound to other content."""

    code = "idempotency_key_reused"


class KeyRepeated(Conflict):
    """The idempotency key of an earlier item of the same batch."""

    code = "key_repeated_in_batch"


class KeyInProgress(Conflict):
    """Another request with the same key, or on the same episode, is still under way."""

    code = "in_progress"


class SourceConflict(Conflict):
    """The sender's own id is already bound to other content; `told` says whether the caller may know of that form."""

    code = "source_conflict"

    def __init__(self, *, submission_id: str, told: bool) -> None:
        super().__init__(self.code)
        self.submission_id = submission_id
        self.told = told


class SessionAlreadyRated(Conflict):
    """This rater's form of this session is already there; `told` says whether the caller may know of that form."""

    code = "session_already_rated"

    def __init__(self, *, submission_id: str, told: bool) -> None:
        super().__init__(self.code)
        self.submission_id = submission_id
        self.told = told


class NotCurrent(Conflict):
    """The form to correct or withdraw was superseded or withdrawn before."""

    code = "not_current"

    def __init__(self, *, submission_id: str | None) -> None:
        super().__init__(self.code)
        self.submission_id = submission_id


class LaterEpisodeOpen(Conflict):
    """Without this form the episode would be open again, and a later one of the two is open already."""

    code = "later_episode_open"


class AlreadyExists(AllianceError):
    """The id that the sender made is bound to other content."""

    code = "already_exists"

    def __init__(self, *, submission_id: str) -> None:
        super().__init__(self.code)
        self.submission_id = submission_id


class PreconditionFailed(AllianceError):
    """What is to be changed was changed since the sender read it."""

    code = "precondition_failed"


class InvalidParameter(AllianceError):
    """A parameter, such as a cursor, that was not made by this service or not for this question."""

    code = "invalid_parameter"

    def __init__(self, *, parameter: str) -> None:
        super().__init__(self.code)
        self.parameter = parameter


class EpisodeTherapistMismatch(Conflict):
    """The episode is known with another therapist."""

    code = "episode_therapist_mismatch"


class InvitationUsed(Conflict):
    """The invitation has brought another form already, or was revoked, and can't be changed."""

    code = "invitation_used"


class InvitationNotOpen(Conflict):
    """The form was filled in before the time for which it was asked."""

    code = "invitation_not_open"


class InstrumentNotEnabled(Conflict):
    """The key of this instrument is from recall and the organisation has not enabled it."""

    code = "instrument_not_enabled"


class InstrumentKeyNotAvailable(Conflict):
    """The instrument is known, but its scoring key is not shipped: a site has to supply it."""

    code = "instrument_key_not_available"


class SafeguardingNotConfigured(Conflict):
    """Nobody is named who may read a safety check, or nothing is said before the question: it is not offered."""

    code = "safeguarding_not_configured"


class SafetyCheckClosed(Conflict):
    """The safety check was closed before, by somebody else or with another reason."""

    code = "safety_check_closed"


class SafetyCheckUnreadable(Conflict):
    """The safety check is there and does not open: it was damaged where it is stored."""

    code = "safety_check_unreadable"


class LegalHold(Conflict):
    """A legal hold stands: nothing of the client may be erased."""

    code = "legal_hold"


class NotFound(AllianceError):
    """Absent, malformed or another organisation's: the same answer."""

    code = "not_found"


class ErasedMeanwhile(NotFound):
    """The client was there when this began, and is not any more."""


class Unauthenticated(AllianceError):
    """No valid credentials."""

    code = "unauthenticated"


class Forbidden(AllianceError):
    """The application lacks the scope."""

    code = "missing_scope"

    def __init__(self, *, scope: str) -> None:
        super().__init__(self.code)
        self.scope = scope


class GrantRefused(AllianceError):
    """A token is not given out; `error` says why, in the words of OAuth (RFC 6749, section 5.2)."""

    code = "grant_refused"

    def __init__(self, error: GrantError) -> None:
        super().__init__(error)
        self.error = error


class FetchRefused(AllianceError):
    """A document of another site that can't be had, or whose address leads home."""

    code = "fetch_refused"


class RaterNotAllowed(AllianceError):
    """A key that opens one client takes the own forms of that client only, or of a parent, as whom it acts."""

    code = "rater_not_allowed"


class ActingRequired(AllianceError):
    """The request does not name the person for whom the application asks."""

    code = "acting_user_required"


class NotARecipient(AllianceError):
    """The person whom the request names is none of those who read safety checks."""

    code = "not_a_recipient"


class StorageBusy(AllianceError):
    """The database was locked for too long; nothing was stored, try again."""

    code = "storage_busy"


class StorageUnavailable(AllianceError):
    """The database can't be reached or can't be written; nothing was acknowledged, try again."""

    code = "storage_unavailable"

    def __init__(self, *, reason: Trouble = "unavailable") -> None:
        super().__init__()
        self.reason = reason


class ClientErased(AllianceError):
    """The client was erased after this form was filled in, or a credential is for them; nothing was stored."""

    code = "client_erased"


class SealBroken(AllianceError):
    """What was sealed does not open: it was damaged or moved, or its key is not there."""

    code = "storage_damaged"


class KeyDestroyed(SealBroken):
    """The client's key that it was sealed with was destroyed."""


class Misconfigured(AllianceError):
    """Something the operator has to mend before the service can go on."""

    code = "misconfigured"


class DefinitionFault(Misconfigured):
    """An instrument definition that breaks its format or its own rules."""

    code = "definition_fault"


class CatalogueFault(Misconfigured):
    """A recommendation catalogue that breaks its format or its own rules."""

    code = "catalogue_fault"


class LimitReached(Misconfigured):
    """A limit on what an operator may make, such as two keys alive at a time."""

    code = "limit_reached"
