"""Why a client stands where they stand in a caseload: one line, a prompt to look, never a diagnosis.

What somebody said in a form is not repeated here: a report of a rupture and a wish to talk are the same line. The texts
in Spanish and German are drafts, until a second speaker has checked them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

About = Literal["rupture", "decline", "low", "cut_off", "report", "signal"]
Code = Literal[
    "rupture_alert",
    "rupture_watch",
    "rupture_acknowledged",
    "decline_alert",
    "decline_watch",
    "decline_acknowledged",
    "low_alert",
    "low_watch",
    "low_acknowledged",
    "cut_off_alert",
    "cut_off_watch",
    "cut_off_acknowledged",
    "report_alert",
    "report_watch",
    "report_acknowledged",
    "signal_alert",
    "signal_watch",
    "signal_acknowledged",
    "missing_form",
    "no_attention",
]
CODES: Final[tuple[Code, ...]] = get_args(Code)

#: What each rule is about; a rule that is not here is told as a signal, without more.
ABOUT: Final[dict[str, About]] = {
    "RUP-1": "rupture",
    "DECLINE": "decline",
    "LOW": "low",
    "cut_off.published": "cut_off",
    "reported.rupture": "report",
    "reported.wish_to_talk": "report",
}

LANGUAGES: Final = ("en", "es", "de")

_ABOUT: Final[dict[str, dict[str, str]]] = {
    "en": {
        "rupture": "Possible rupture at session {session}",
        "decline": "Slow decline, noticed at session {session}",
        "low": "Low values at session {session}",
        "cut_off": "Below a published cut-off at session {session}",
        "report": "A form of session {session} asks for a conversation",
        "signal": "A signal at session {session}",
    },
    "es": {
        "rupture": "Posible ruptura en la sesión {session}",
        "decline": "Descenso lento, observado en la sesión {session}",
        "low": "Valores bajos en la sesión {session}",
        "cut_off": "Por debajo de un punto de corte publicado en la sesión {session}",
        "report": "Un formulario de la sesión {session} pide una conversación",
        "signal": "Una señal en la sesión {session}",
    },
    "de": {
        "rupture": "Mögliche Krise der Beziehung in Sitzung {session}",
        "decline": "Langsamer Rückgang, bemerkt in Sitzung {session}",
        "low": "Niedrige Werte in Sitzung {session}",
        "cut_off": "Unter einem veröffentlichten Grenzwert in Sitzung {session}",
        "report": "Ein Bogen zu Sitzung {session} bittet um ein Gespräch",
        "signal": "Ein Signal in Sitzung {session}",
    },
}
_LOOKED_AT: Final = {
    "en": {"alert": "not yet looked at", "watch": "not yet looked at", "acknowledged": "looked at, still open"},
    "es": {"alert": "aún sin revisar", "watch": "aún sin revisar", "acknowledged": "revisado, sigue abierto"},
    "de": {"alert": "noch nicht angesehen", "watch": "noch nicht angesehen", "acknowledged": "angesehen, noch offen"},
}
_OTHERS: Final = {
    "en": {
        "missing_form": "A form was expected some time ago, and none has come.",
        "no_attention": "No signal is open, and no form is missing.",
    },
    "es": {
        "missing_form": "Se esperaba un formulario hace un tiempo y no ha llegado ninguno.",
        "no_attention": "No hay señales abiertas y no falta ningún formulario.",
    },
    "de": {
        "missing_form": "Ein Bogen war vor einiger Zeit fällig, und keiner ist gekommen.",
        "no_attention": "Kein Signal ist offen, und kein Bogen fehlt.",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The reason, by a code that never changes, and the session of the signal behind it."""

    code: Code
    session: int | None = None

    def told(self, language: str) -> str:
        """Say it in one line."""
        if self.code in _OTHERS[language]:
            return _OTHERS[language][self.code]
        about, _, how = self.code.rpartition("_")
        return f"{_ABOUT[language][about].format(session=self.session)}, {_LOOKED_AT[language][how]}."


def why_of(state: str, *, rule: str | None, session: int | None) -> Why:
    """Find the reason for a state of attention; that of a signal names what its rule is about."""
    if rule is None or state in {"missing_form", "none"}:
        return Why(code="missing_form" if state == "missing_form" else "no_attention")
    code = f"{ABOUT.get(rule, 'signal')}_{state}"
    return Why(code=next(one for one in CODES if one == code), session=session)
