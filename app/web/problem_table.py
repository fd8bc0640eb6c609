"""Every error code with its status and what to do about it: the source of answers, pages and docs alike."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One code. A status of None marks a code that stands at one place (a pointer) inside another problem."""

    code: str
    status: int | None
    title: str
    advice: str


_KINDS = (
    # the request
    ProblemKind("invalid_json", 400, "The body is not JSON", "Send one JSON value, without trailing text."),
    ProblemKind("not_utf8", 400, "The body is not UTF-8", "Encode the body as UTF-8, without a byte order mark."),
    ProblemKind(
        "duplicate_key", 400, "A key stands twice in one object", "Send each key once; the pointers name them."
    ),
    ProblemKind(
        "nesting_too_deep", 400, "The body is nested too deeply", "No request here needs more than a few levels."
    ),
    ProblemKind(
        "too_many_names",
        400,
        "The body has too many names",
        "An object holds at most 300 names, a whole body 50,000: no form comes near.",
    ),
    ProblemKind("unknown_parameter", 400, "Unknown query parameter", "Send only the parameters of the OpenAPI file."),
    ProblemKind("invalid_parameter", 400, "Invalid query parameter", "See the parameter's schema in the OpenAPI file."),
    ProblemKind(
        "idempotency_key_missing",
        400,
        "The Idempotency-Key header is missing",
        "Make a fresh key (a UUID, say) for each form and send the same one with every retry of that form.",
    ),
    ProblemKind(
        "idempotency_key_invalid",
        400,
        "The Idempotency-Key header can't be used",
        "Use 1 to 255 visible ASCII characters.",
    ),
    ProblemKind("bad_request", 400, "The request can't be understood", "Check it against the OpenAPI file."),
    ProblemKind(
        "unauthenticated",
        401,
        "No valid credentials",
        "Send `Authorization: Bearer` with a live API key. One that is revoked or over is refused at once; so is every "
        "key where the organisation takes tokens only: get one from `POST /oauth/token`.",
    ),
    ProblemKind(
        "missing_scope", 403, "The application lacks a scope", "`scope` names it; ask the operator for a key with it."
    ),
    ProblemKind(
        "not_found",
        404,
        "Nothing is there",
        "Absent, malformed and another organisation's look the same. A new client exists from the first form on.",
    ),
    ProblemKind(
        "acting_user_required",
        403,
        "The person for whom you ask is not named",
        "Send `Acting-User` with your own id of that person. Safety checks need it always, reading about clients, "
        "erasing them and revoking invitations where the organisation wants to know who does, and break-glass always.",
    ),
    ProblemKind(
        "access_reason_required",
        403,
        "The reason for break-glass is not given",
        "Send `Access-Reason`: why this person has to read about this client now, in 1 to 500 characters.",
    ),
    ProblemKind(
        "rater_not_allowed",
        403,
        "The credential takes one person's own forms only",
        "It opens one client: send forms with the rater `client`; with one that acts as a parent, `parent`.",
    ),
    ProblemKind(
        "not_a_recipient",
        403,
        "The person does not read safety checks",
        "The operator names those who do: `alliance safeguarding recipients add`.",
    ),
    ProblemKind(
        "invitation_needed",
        403,
        "The operation is for who was invited",
        "Send the token of an invitation. An API key or an access token does not open it.",
    ),
    ProblemKind(
        "method_not_allowed", 405, "The method is not allowed here", "The `Allow` header names those that are."
    ),
    ProblemKind(
        "already_exists",
        412,
        "The id stands for another form",
        "Make a fresh UUID for each form. To change a stored form, post a correction.",
    ),
    ProblemKind(
        "precondition_failed",
        412,
        "It was changed since you read it",
        "Read it again, look at the change, and send the new `ETag` in `If-Match`.",
    ),
    ProblemKind(
        "precondition_required",
        428,
        "The header with the precondition is missing",
        "A PUT of a form needs `If-None-Match: *`, any other PUT `If-Match` with the `ETag` that you read.",
    ),
    ProblemKind(
        "headers_timeout",
        408,
        "The headers did not come in time",
        "Nothing was stored: send the request again, whole. The connection is closed.",
    ),
    ProblemKind(
        "body_timeout",
        408,
        "The body did not come in time",
        "Nothing was stored: send it again with the same key. The connection is closed.",
    ),
    ProblemKind("too_large", 413, "The body is too large", "A body holds at most 1 MiB; the connection may be closed."),
    ProblemKind(
        "headers_too_large", 431, "The headers are too large", "Line and headers hold at most 32 KiB together."
    ),
    ProblemKind(
        "rate_limited",
        429,
        "Too many requests",
        "Nothing was stored: try again with the same key after `Retry-After` seconds. `RateLimit` says how it stands, "
        "but for safety checks.",
    ),
    ProblemKind(
        "unsupported_media_type", 415, "The body is not declared as JSON", "Send `Content-Type: application/json`."
    ),
    # the form against what is stored
    ProblemKind(
        "in_progress",
        409,
        "The same key or episode is being worked on",
        "Nothing is lost: try again with the same key after a second.",
    ),
    ProblemKind(
        "source_conflict",
        409,
        "The source id is bound to another form",
        "`submission_id` names the stored form. One source id stands for one form with one content.",
    ),
    ProblemKind(
        "session_already_rated",
        409,
        "This session is already rated",
        "A rater fills in an instrument once a session. `submission_id` names the form that is there, if the key may "
        "know of it.",
    ),
    ProblemKind(
        "not_current",
        409,
        "The form is not the current one",
        "It was corrected (`submission_id` names the current form) or withdrawn.",
    ),
    ProblemKind(
        "later_episode_open",
        409,
        "A later episode of the two is open",
        "Without this form's report of an ending the episode would be open again. End the later one first.",
    ),
    ProblemKind(
        "episode_therapist_mismatch",
        409,
        "The episode belongs to another therapist",
        "A change of therapist starts a new episode: send another `episode_ref`.",
    ),
    ProblemKind(
        "invitation_used",
        409,
        "The invitation has had its form",
        "It brings one form, and what was revoked brings none. Make another invitation for another form.",
    ),
    ProblemKind(
        "invitation_not_open",
        409,
        "The form was filled in too early",
        "`opens_at` of the invitation says from when on its answers count.",
    ),
    ProblemKind(
        "invitation_expired",
        410,
        "The invitation has expired",
        "Filled in after `expires_at`, or sent more than 30 days later. Ask whoever has sent it to renew it.",
    ),
    ProblemKind(
        "instrument_not_enabled",
        409,
        "The instrument is not enabled",
        "Its key is from recall. Ask the operator to check it against a copy and run `alliance instruments enable`.",
    ),
    ProblemKind(
        "instrument_key_not_available",
        409,
        "The scoring key of this instrument is not available",
        "It is known but not shipped; `GET /v1/instruments` says why. A site can supply its own definition.",
    ),
    ProblemKind(
        "safeguarding_not_configured",
        409,
        "No safety check is offered",
        "Nobody is named who would read it, or nothing is said before the question. Tell the client whom else to ask.",
    ),
    ProblemKind(
        "safety_check_closed",
        409,
        "The safety check is closed",
        "Somebody else closed it, or with another reason. Open it to see who.",
    ),
    ProblemKind(
        "safety_check_unreadable",
        409,
        "The safety check does not open",
        "It was damaged where it is stored. Tell the operator its id: a backup may have it whole.",
    ),
    ProblemKind(
        "legal_hold",
        409,
        "A legal hold stands",
        "Nothing of this client may be erased until the organisation releases it: `alliance people release`.",
    ),
    ProblemKind(
        "idempotency_key_reused",
        422,
        "The key was used for another form",
        "One key stands for one form. Use a fresh key for other content.",
    ),
    ProblemKind(
        "key_repeated_in_batch",
        422,
        "The key stands twice in the batch",
        "The first item with the key was taken. Each form has a key of its own.",
    ),
    ProblemKind(
        "validation_failed", 422, "The body has faults", "`errors` names each place with its code. Nothing was stored."
    ),
    ProblemKind("no_answers", 422, "No item is answered", "At least one item needs a number."),
    # the service
    ProblemKind(
        "internal_error", 500, "Something went wrong here", "Nothing was acknowledged: try again with the same key."
    ),
    ProblemKind(
        "client_erased",
        410,
        "The client was erased",
        "The client was erased after this was filled in, or is to be invited. Nothing was stored; don't send it again.",
    ),
    ProblemKind(
        "storage_damaged",
        500,
        "Something stored can't be opened",
        "What was sealed does not open. Sending it again does not help: tell the operator the `trace_id`.",
    ),
    ProblemKind("storage_busy", 503, "The database is busy", "Nothing was stored: try again with the same key."),
    ProblemKind(
        "too_many_bodies",
        503,
        "Too many large bodies are under way",
        "Nothing was stored: try again with the same key after `Retry-After` seconds, or send smaller batches. "
        "Up to 64 KiB are always taken.",
    ),
    ProblemKind(
        "too_many_exports",
        503,
        "Too many exports are under way",
        "Export one client after the other: an organisation has three at once. Try again after `Retry-After` seconds.",
    ),
    ProblemKind(
        "too_many_connections",
        503,
        "Too many connections are open",
        "Nothing was stored: keep connections open and use them again; try again after `Retry-After` seconds.",
    ),
    ProblemKind(
        "storage_unavailable",
        503,
        "The database can't be used",
        "Nothing was acknowledged: try again with the same key.",
    ),
    ProblemKind(
        "misconfigured", 503, "The service is not set up", "The operator finds out more with `alliance doctor`."
    ),
    # places
    ProblemKind(
        "differs_from_corrected",
        None,
        "A correction stays with its form",
        "Client, therapist, episode, instrument and rater can't change: withdraw the form and post another one.",
    ),
    ProblemKind("required", None, "A required field is absent", "Send it."),
    ProblemKind("unknown_field", None, "A field that the schema lacks", "Remove it or mend its name."),
    ProblemKind("unknown_item", None, "An item that the instrument lacks", "See the instrument's items."),
    ProblemKind("unknown_instrument", None, "No such instrument", "See `GET /v1/instruments`."),
    ProblemKind("unknown_version", None, "No such version of the instrument", "Leave it out for the newest one."),
    ProblemKind("wrong_type", None, "A value of the wrong type", 'An answer is an integer, null or "not_applicable".'),
    ProblemKind("wrong_rater", None, "The instrument is not for this rater", "See the instrument's `raters`."),
    ProblemKind(
        "unknown_therapist",
        None,
        "A therapist whom nobody has named for this client",
        "A client's own key begins with nobody new: the organisation's system names them by a form or an invitation.",
    ),
    ProblemKind(
        "not_modelled",
        None,
        "Groups, couples, families and co-therapy are not modelled",
        "A form has one client and one therapist: don't send forms of such treatments as if they were of two people.",
    ),
    ProblemKind("out_of_range", None, "A value outside its range", "See the item's options, or the field's limits."),
    ProblemKind("not_allowed", None, "A value outside its list", "See the list in the OpenAPI file."),
    ProblemKind("invalid_text", None, "A text that can't be kept", "No control characters and no lone surrogates."),
    ProblemKind("invalid_format", None, "A text of the wrong form", "See the pattern in the OpenAPI file."),
    ProblemKind("too_long", None, "Too long", "See the limit in the OpenAPI file."),
    ProblemKind("too_short", None, "Too short", "See the limit in the OpenAPI file."),
    ProblemKind("invalid_time", None, "Not a time", "RFC 3339 with a zone, such as 2026-11-20T14:05:00+01:00."),
    ProblemKind("invalid_date", None, "Not a date", "RFC 3339, such as 2026-11-20."),
    ProblemKind("too_early", None, "A time before the year 2000", "Check the sender's clock."),
    ProblemKind("in_the_future", None, "More than a day ahead of our clock", "Check the sender's clock and zone."),
    ProblemKind(
        "comment_not_allowed",
        None,
        "Comments are not allowed here",
        "Leave it out: the organisation has not allowed free text.",
    ),
    ProblemKind("invalid", None, "A value that can't be used", "See the field in the OpenAPI file."),
)

PROBLEMS: dict[str, ProblemKind] = {kind.code: kind for kind in _KINDS}
