"""The guards of the service: what each keeps, how it is turned off, which tests are red then, and which test sees that.

A guard nobody has ever seen missing may keep nothing. `turned_off_by` names the tests that take the guard away and see
what stands in `red` find it; `test_guards.py` holds that all of them are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HERE = "tests/faults"
_OFF = f"{HERE}/test_guards.py::test_a_guard_that_is_off_turns_its_test_red"


@dataclass(frozen=True, kw_only=True)
class Guard:
    """Something that keeps a promise: `off` says how it is taken away, `red` what finds that it is gone."""

    off: str
    red: tuple[str, ...]
    turned_off_by: tuple[str, ...]


GUARDS: Mapping[str, Guard] = {
    "tenant criterion": Guard(
        off="statements read the rows of all organisations",
        red=("foreign_ids",),
        turned_off_by=(
            f"{HERE}/test_planted_in_requests.py::test_probes_find_a_tenant_criterion_that_was_removed",
            f"{HERE}/test_planted_in_requests.py::test_probes_find_a_read_of_safety_checks_without_its_criterion",
            "tests/architecture/test_tenancy.py::test_the_rule_finds_a_statement_without_an_organisation",
        ),
    ),
    "second wall": Guard(
        off="one table without row-level security, a policy for everybody, a binding that stays on the connection",
        red=(
            "wall",
            f"{HERE}/test_pgbouncer.py::test_two_organisations_share_connections_and_see_nothing_of_each_other",
        ),
        turned_off_by=(
            f"{HERE}/test_planted_in_wall.py::test_a_hole_in_the_wall_is_found",
            f"{HERE}/test_planted_in_wall.py::test_a_hole_shows_through_the_service_too",
            f"{HERE}/test_pgbouncer.py::test_a_binding_that_stays_on_the_connection_is_caught",
        ),
    ),
    "absent and foreign ids alike in time": Guard(
        off="5 ms more for what is there",
        red=("foreign_ids",),
        turned_off_by=(f"{HERE}/test_alike_in_time.py::test_probes_find_ids_that_are_there_by_their_time",),
    ),
    "idempotency key": Guard(
        off="forms are written without their keys; rows doubled",
        red=("killed_service", "one_key", "against_model"),
        turned_off_by=(
            f"{HERE}/test_planted_in_requests.py::test_races_find_keys_that_were_forgotten",
            f"{HERE}/test_planted_in_requests.py::test_the_model_finds_keys_that_were_forgotten",
            f"{HERE}/test_planted_in_kills.py::test_kills_find_planted_faults",
            f"{HERE}/test_kill.py::test_the_accounting_finds_planted_faults",
        ),
    ),
    "commit before the answer": Guard(
        off="answered when the rows are written, committed later",
        red=("killed_service", "killed_postgres"),
        turned_off_by=(
            f"{HERE}/test_planted_in_kills.py::test_kills_find_planted_faults",
            f"{HERE}/test_planted_in_kills.py::test_kills_of_postgresql_find_planted_faults",
        ),
    ),
    "one transaction": Guard(
        off="a rollback that commits",
        red=("struck_writes",),
        turned_off_by=(f"{HERE}/test_planted_in_requests.py::test_strikes_find_a_write_that_is_not_one_transaction",),
    ),
    "event in the same transaction": Guard(
        off="forms are written without their events",
        red=("killed_service", "struck_writes"),
        turned_off_by=(
            f"{HERE}/test_planted_in_kills.py::test_kills_find_planted_faults",
            f"{HERE}/test_planted_in_requests.py::test_strikes_find_events_that_are_skipped_the_second_time",
        ),
    ),
    "the database comes back": Guard(
        off="dead connections are kept; errors of the database are not known as such",
        red=("killed_postgres", "sick_storage"),
        turned_off_by=(
            f"{HERE}/test_planted_in_kills.py::test_kills_of_postgresql_find_planted_faults",
            f"{HERE}/test_planted_in_requests.py::test_sicknesses_find_a_service_that_does_not_know_them",
        ),
    ),
    "sealed for its place": Guard(
        off="no associated data; no tag compared",
        red=("sealing",),
        turned_off_by=(
            f"{HERE}/test_planted_in_sealing.py::test_a_place_that_binds_nothing_is_found",
            f"{HERE}/test_planted_in_sealing.py::test_a_tag_that_is_not_compared_is_found",
        ),
    ),
    "secret of an API key": Guard(
        off="the secret is not compared",
        red=("bad_credentials",),
        turned_off_by=(
            f"{HERE}/test_planted_in_requests.py::test_bad_credentials_find_a_service_that_takes_any_secret",
        ),
    ),
    "signature, type and audience of a token": Guard(
        off="one of them is not looked at",
        red=("bad_credentials", "tests/api/test_bad_tokens.py::test_every_operation_refuses_every_bad_token"),
        turned_off_by=("tests/api/test_bad_tokens.py::test_the_walk_finds_a_guard_that_is_off",),
    ),
    "expiry of a token": Guard(
        off="a token is read as of the moment when it was made",
        red=("tests/api/test_bad_tokens.py::test_every_operation_refuses_a_token_whose_time_is_over",),
        turned_off_by=(_OFF,),
    ),
    "scope": Guard(
        off="an operation takes any caller",
        red=("tests/api/test_access.py::test_a_scope_opens_exactly_its_operations",),
        turned_off_by=(_OFF,),
    ),
    "bound key": Guard(
        off="a key opens its whole organisation",
        red=("tests/api/test_bound_keys.py::test_the_ids_of_others_are_absent_ids",),
        turned_off_by=(_OFF,),
    ),
    "who sees what": Guard(
        off="one cell of the table opened",
        red=("tests/api/test_who_sees_what.py::test_series_hold_the_forms_that_the_table_names",),
        turned_off_by=("tests/api/test_every_cell.py::test_each_cell_decides",),
    ),
    "untold forms": Guard(
        off="a therapist sees them like others",
        red=("tests/api/test_untold_forms.py::test_the_feed_tells_no_ending_and_no_recount_of_an_untold_form",),
        turned_off_by=(_OFF,),
    ),
    "reader of a safety check": Guard(
        off="every recipient reads every check; checks are plain; their requests are seen",
        red=("tests/privacy/test_safety_canary.py::test_a_safety_check_is_seen_nowhere",),
        turned_off_by=(
            "tests/privacy/test_safety_canary.py::test_a_check_that_its_therapist_finds_is_found",
            "tests/privacy/test_safety_canary.py::test_a_check_that_is_not_sealed_is_found",
            "tests/privacy/test_safety_canary.py::test_a_request_that_is_seen_is_found",
        ),
    ),
    "glass of one's own organisation": Guard(
        off="broken, it opens another organisation",
        red=("foreign_ids",),
        turned_off_by=(
            f"{HERE}/test_planted_in_requests.py::test_probes_find_a_glass_that_opens_another_organisation",
        ),
    ),
    "size of a body": Guard(
        off="no limit",
        red=("tests/api/test_bad_bodies.py::test_a_large_body_is_refused_by_its_declared_length",),
        turned_off_by=(_OFF,),
    ),
    "deadlines of connections": Guard(
        off="an hour for each",
        red=(f"{HERE}/test_slow_sockets.py::test_200_slow_sockets_stop_nobody",),
        turned_off_by=(f"{HERE}/test_slow_sockets.py::test_the_harness_finds_deadlines_that_are_off",),
    ),
    "rate": Guard(
        off="nothing is too much",
        red=("tests/api/test_limits.py::test_too_much_is_refused_and_stores_nothing",),
        turned_off_by=(_OFF,),
    ),
    "entry in the log": Guard(
        off="none is written",
        red=("tests/api/test_audit.py::test_every_access_to_a_client_has_an_entry",),
        turned_off_by=(_OFF,),
    ),
    "entry before the answer": Guard(
        off="an entry that can't be written is forgotten",
        red=("tests/api/test_audit.py::test_nothing_is_told_when_the_entry_cant_be_written",),
        turned_off_by=(_OFF,),
    ),
    "chain of the log": Guard(
        off="a field is no part of the link; the end is the last link itself",
        red=("tampering",),
        turned_off_by=(
            f"{HERE}/test_tampering.py::test_a_proof_that_skips_a_field_is_caught",
            f"{HERE}/test_tampering.py::test_a_proof_that_forgets_the_end_is_caught",
        ),
    ),
    "whole erasure": Guard(
        off="one table is left out; what was counted stays counted",
        red=(
            "tests/usecases/test_erasure.py::test_nothing_about_the_client_is_left_in_any_table",
            "tests/usecases/test_erasure.py::test_what_their_forms_counted_is_subtracted_exactly",
        ),
        turned_off_by=(
            "tests/usecases/test_erasure.py::test_a_table_that_is_left_out_is_found",
            "tests/usecases/test_erasure.py::test_a_forgotten_subtraction_is_found",
        ),
    ),
    "tombstone": Guard(
        off="late repeats are not held against who was erased",
        red=("tests/usecases/test_erasure.py::test_replays_of_their_posts_bring_nobody_back",),
        turned_off_by=(_OFF,),
    ),
    "whole backups": Guard(
        off="a restore loses a row; a damaged backup verifies",
        red=("backups",),
        turned_off_by=(
            f"{HERE}/test_backups.py::test_the_harness_finds_a_restore_that_loses_a_row",
            f"{HERE}/test_backups.py::test_the_harness_finds_damage_that_is_not_found",
        ),
    ),
    "parsers": Guard(
        off="one raises what it should not",
        red=("fuzzing",),
        turned_off_by=(f"{HERE}/test_planted_in_requests.py::test_fuzzing_finds_what_a_parser_should_not_raise",),
    ),
}  # fmt: skip
