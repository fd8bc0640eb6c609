"""API5:2023, broken function level authorization: what is not an operation is none, for anybody.

That each scope opens exactly its operations stands in `tests/api/test_access.py`, that a supervisor only reads in
`tests/api/test_supervisors.py`.
"""

from __future__ import annotations

import pytest

from tests.api.operations import EVERY, SCOPE_OF, UNLISTED, Ids, call
from tests.api.refusals import nothing_stored, told
from tests.harness import Clinic
from tests.owasp.contract import DOCUMENT, METHODS

PATHS = sorted(path for path in DOCUMENT["paths"] if path.startswith("/v1/"))
#: Ways in which frameworks let a request be another one than it looks.
OVERRIDES = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_is_not_offered_does_nothing(clinic: Clinic, path: str) -> None:
    """405 with the methods there are, for a key with every scope, and nothing is changed."""
    ids = Ids.made(clinic)
    offered = {name.split(" ")[0] for name in EVERY if name.split(" ")[1] == path}
    assert offered
    with nothing_stored(clinic):
        for method in {*METHODS, "TRACE", "CONNECT", "PROPFIND"} - offered:
            answer = clinic.request(method, path.format(**vars(ids)))
            assert told(answer)[:2] == (405, "method_not_allowed"), method
            assert set(answer.headers["Allow"].split(", ")) - {"HEAD"} == offered


def test_no_header_makes_a_request_another_one(clinic: Clinic) -> None:
    """A read stays a read, and the path is the one that was asked for."""
    ids = Ids.made(clinic)
    headers = dict.fromkeys(OVERRIDES, "DELETE") | {"X-Original-URL": "/metrics", "X-Rewrite-URL": "/metrics"}
    clinic.get("/v1/changes?after=0")  # the first look at the feed numbers what happened, and notes where the log ends
    with nothing_stored(clinic):
        for name in (name for name in SCOPE_OF if name.startswith("GET ")):
            plain, dressed = call(clinic, name, ids), call(clinic, name, ids, headers)
            assert (dressed.status_code, dressed.content) == (plain.status_code, plain.content) or name.endswith(
                ("/caseload", "/export")  # which tell the moment they were asked at
            )


@pytest.mark.parametrize("name", UNLISTED)
@pytest.mark.parametrize("scope", sorted({*SCOPE_OF.values()}))
def test_what_is_for_operators_is_for_nobody_else(clinic: Clinic, name: str, scope: str) -> None:
    """Whatever else an application may do."""
    one = clinic.service.application(clinic.organisation, scopes=(scope,))
    method, path = name.split(" ")
    answer = one.request(method, path)
    assert told(answer)[:2] == (403, "missing_scope")
    assert answer.json()["scope"] == UNLISTED[name]


@pytest.mark.parametrize("path", ["/admin", "/v1/admin", "/v1/organisations", "/v1/applications", "/v1/keys", "/debug"])
def test_what_the_command_line_does_has_no_address(clinic: Clinic, path: str) -> None:
    """Organisations, applications and keys are made on the machine only: for every method there is nothing here."""
    for method in METHODS:
        assert clinic.request(method, path).status_code == 404
