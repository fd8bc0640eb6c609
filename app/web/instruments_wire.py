"""Instruments on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from app.instruments.catalog import Catalog
from app.instruments.model import Direction, Facet, Instrument, Item, ItemRole, KeyStatus, Rater
from app.instruments.texts import TextStatus
from app.instruments.unavailable import Unavailable
from app.web.scores_wire import Count, Items, Key, Prose, Scores
from app.web.submissions_wire import EXAMPLE, InstrumentRefOut
from app.web.wire import AnswersIn, In, Out

Value = Annotated[int, Field(ge=-1000, le=1000)]
Number = Annotated[float, Field(ge=-1000, le=1000)]
Digest = Annotated[str, Field(max_length=80)]
#: A whole visual scale has 101 options, and the finest one 1,001.
Options = 1001


class OptionOut(Out):
    """One possible answer; the label is null where we don't own the text."""

    value: Value
    label: Prose | None


class ItemOut(Out):
    """One question. The text is null where it belongs to others: a site loads what it is licensed to use."""

    id: Key
    text: Prose | None
    role: ItemRole
    components: Items
    reversed: bool
    stage: Key | None = Field(
        description="For session-focus items: the stage they are about; null for a client's own key."
    )
    topic: Key | None = Field(description="For items reported beside the scores: what they are about.")
    options: Annotated[list[OptionOut], Field(max_length=Options)]


class ComponentOut(Out):
    """A part that is scored."""

    key: Key
    kind: Literal["component", "rollup", "total"]
    facet: Annotated[list[Facet], Field(max_length=4)]
    items: Items
    minimum_answered: Count


class MissingRuleOut(Out):
    """What happens when answers are missing: enough of them and the mean stands for the rest, else not scored."""

    method: Literal["person_mean"]
    total_needs_components: bool
    source: Prose


class SourceOut(Out):
    """Where a fact of the definition comes from."""

    says: Prose
    doi: Annotated[str, Field(max_length=200)] | None


class CutOffOut(Out):
    """A cut-off published for this instrument, in the value of its component. It holds for no other instrument."""

    component: Key
    value: Annotated[float, Field(ge=-1e6, le=1e6)]
    direction: Direction
    source: SourceOut


class TranslationOut(Out):
    """Texts in one language beside those of the definition, with a digest of their own: they change no score."""

    locale: Key
    status: TextStatus = Field(description="`checked` by a second speaker, or a `draft`.")
    license: Prose
    digest: Digest


class InstrumentOut(Out):
    """An instrument: its items, its scoring key, its sources and what is doubtful about it."""

    key: Key
    version: Key
    digest: Digest
    title: Prose
    rater: Rater = Field(description="Who usually answers; `raters` has all.")
    raters: Annotated[list[Rater], Field(max_length=4)]
    status: Literal["available", "needs_enabling"] = Field(
        description="`needs_enabling`: posts get 409 until the organisation enables it."
    )
    license: Prose
    key_status: KeyStatus
    validated: bool
    notes: Annotated[list[Prose], Field(max_length=40)]
    sources: Annotated[list[SourceOut], Field(max_length=40)]
    convention: Literal["mean", "sum"]
    min: Number = Field(description="Lowest answer to an item.")
    max: Number = Field(description="Highest answer to an item.")
    divisor: Annotated[int, Field(ge=1, le=100)] = Field(
        description="Answers are divided by it before they are counted: 10 for a visual scale in tenths."
    )
    instructions: dict[Key, Prose]
    items: Annotated[list[ItemOut], Field(max_length=200)]
    components: Annotated[list[ComponentOut], Field(max_length=60)]
    missing_rule: MissingRuleOut
    norms: Annotated[list[None], Field(max_length=0, description="Empty: no norm comes with the service.")]
    cut_offs: Annotated[
        list[CutOffOut],
        Field(
            max_length=20,
            description="Published ones: a total that meets one raises a signal, for this instrument only.",
        ),
    ]
    locale: Key | None = Field(description="Language of the texts in this answer; null where it has none.")
    locales: Annotated[list[Key], Field(max_length=40, description="Languages there are texts in.")]
    translations: Annotated[list[TranslationOut], Field(max_length=40)]


class UnavailableOut(Out):
    """An instrument that is known, and whose scoring key is not here: nothing can be posted to it."""

    key: Key
    version: None
    title: Prose
    rater: Rater = Field(description="Who usually answers; `raters` has all.")
    raters: Annotated[list[Rater], Field(max_length=4)]
    status: Literal["key_not_available"]
    reason: Prose = Field(description="Why the key is not here. A site can supply a definition of its own.")
    license: Prose
    sources: Annotated[list[SourceOut], Field(max_length=40)]
    items: Annotated[list[None], Field(max_length=0)]
    components: Annotated[list[None], Field(max_length=0)]
    locales: Annotated[list[None], Field(max_length=0)]


AnyInstrumentOut = Annotated[InstrumentOut | UnavailableOut, Field(discriminator="status")]


class InstrumentListOut(Out):
    """Every instrument in its newest version, then those that are known without a key."""

    items: Annotated[list[AnyInstrumentOut], Field(max_length=400)]
    next_cursor: None


class ScoreIn(In):
    """Answers to score; absent items count as unanswered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"answers": EXAMPLE["answers"]}]})

    answers: AnswersIn


class ScoredAnswersOut(Out):
    """The scores; nothing is stored."""

    instrument: InstrumentRefOut
    scores: Scores


def instrument_out(instrument: Instrument, catalog: Catalog, *, allowed: set[str]) -> InstrumentOut:
    """Write an instrument as it is told: in the language that its texts are in."""
    waiting = instrument.needs_enabling and instrument.key not in allowed
    return InstrumentOut(
        key=instrument.key,
        version=instrument.version,
        digest=instrument.digest,
        title=instrument.title,
        rater=instrument.raters[0],
        raters=list(instrument.raters),
        status="needs_enabling" if waiting else "available",
        license=instrument.license,
        key_status=instrument.key_status,
        validated=instrument.validated,
        notes=list(instrument.notes),
        sources=[SourceOut(says=s.says, doi=s.doi) for s in instrument.sources],
        convention=instrument.convention,
        min=instrument.minimum,
        max=instrument.maximum,
        divisor=instrument.divisor,
        instructions=instrument.instructions,
        items=[_item_out(instrument, item) for item in instrument.items],
        components=_components_out(instrument),
        missing_rule=MissingRuleOut(
            method="person_mean",
            total_needs_components=instrument.missing_rule.total_needs_components,
            source=instrument.missing_rule.source,
        ),
        norms=[],
        cut_offs=[
            CutOffOut(
                component=cut.component,
                value=cut.value,
                direction=cut.direction,
                source=SourceOut(says=cut.source.says, doi=cut.source.doi),
            )
            for cut in instrument.cut_offs
        ],
        locale=instrument.language,
        locales=catalog.locales(catalog.get(instrument.key, instrument.version)),
        translations=[
            TranslationOut(locale=texts.locale, status=texts.status, license=texts.license, digest=texts.digest)
            for texts in catalog.texts_of(instrument)
        ],
    )


def unavailable_out(known: Unavailable) -> UnavailableOut:
    """Write what is known of an instrument without a key."""
    return UnavailableOut(
        key=known.key,
        version=None,
        title=known.title,
        rater=known.raters[0],
        raters=list(known.raters),
        status="key_not_available",
        reason=known.reason,
        license=known.license,
        sources=[SourceOut(says=s.says, doi=s.doi) for s in known.sources],
        items=[],
        components=[],
        locales=[],
    )


def _components_out(instrument: Instrument) -> list[ComponentOut]:
    return [
        ComponentOut(
            key=c.key,
            kind=c.kind,
            facet=list(c.facets),
            items=list(c.items),
            minimum_answered=instrument.missing_rule.minimum[c.key],
        )
        for c in instrument.components
    ]


def _item_out(instrument: Instrument, item: Item) -> ItemOut:
    return ItemOut(
        id=item.id,
        text=item.text,
        role=item.role,
        components=[c.key for c in instrument.components if c.kind == "component" and item.id in c.items],
        reversed=item.reversed,
        stage=item.stage,
        topic=item.topic,
        options=[OptionOut(value=option.value, label=option.label) for option in item.options],
    )


def without_stages(told: InstrumentOut) -> InstrumentOut:
    """Leave out which stage an item is about: it is not for a client."""
    return told.model_copy(update={"items": [item.model_copy(update={"stage": None}) for item in told.items]})
