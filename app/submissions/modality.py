"""Which kinds of therapy are not modelled: a form has one client and one therapist."""

from __future__ import annotations

import re
from typing import Final

#: Words that say of a treatment that there are more than two in it, in the languages of our texts. Parts of a code are
#: compared, so that `cbt-group` is found; what stands together without a separator stands here too.
_WORDS: Final = frozenset(
    {
        "group", "groups", "grouptherapy", "couple", "couples", "coupletherapy", "couplestherapy", "marital",
        "maritaltherapy", "family", "families", "familytherapy", "cotherapy", "cotherapist", "cotherapists",
        "multifamily", "gruppe", "gruppen", "gruppentherapie", "gruppenanalyse", "paar", "paare", "paartherapie",
        "familie", "familien", "familientherapie", "kotherapie", "kotherapeut", "kotherapeutin",
        "grupo", "grupos", "grupal", "pareja", "parejas", "familia", "familias", "familiar", "coterapia",
    }
)  # fmt: skip
#: Words of which the first part stands apart: `co-therapy`.
_TOGETHER: Final = re.compile(r"(^|[^a-z])(co|ko)[^a-z]+(therap|terap)")
#: Therapies of one person that have such a word in their name.
_OF_ONE: Final = re.compile(r"internal[^a-z]*family[^a-z]*systems?|family[^a-z]*of[^a-z]*origin|non[^a-z]*group")
_PARTS: Final = re.compile(r"[^a-z]+")


def is_modelled(modality: str) -> bool:
    """Say whether a code is of one client with one therapist, as far as the words of the code tell."""
    code = _OF_ONE.sub("", modality.casefold())
    return _TOGETHER.search(code) is None and _WORDS.isdisjoint(_PARTS.split(code))
