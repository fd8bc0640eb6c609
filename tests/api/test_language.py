"""Which language a caller would rather read."""

from __future__ import annotations

import pytest

from app.web.language import preferred_language

HEADERS = [
    # header, offered, chosen
    (None, ["en", "de"], None),
    ("", ["en", "de"], None),
    ("de", ["en", "de"], "de"),
    ("DE", ["en", "de"], "de"),
    ("fr", ["en", "de"], None),
    ("*", ["en", "de"], "en"),
    ("fr, *;q=0.1", ["en", "de"], "en"),
    ("en;q=0.5, de;q=0.8", ["en", "de"], "de"),
    ("en, de", ["de", "en"], "en"),
    ("de, en", ["en", "de"], "de"),
    # ranges and regions
    ("de", ["en", "de-CH"], "de-CH"),
    ("de", ["den"], None),
    ("de-AT", ["en", "de"], "de"),
    ("de-AT, en;q=0.9", ["en", "de"], "de"),
    ("de-AT, de;q=0.5, en;q=0.8", ["en", "de"], "de"),
    ("pt-BR", ["pt-PT", "pt-BR"], "pt-BR"),
    ("pt", ["pt-PT", "pt-BR"], "pt-PT"),
    ("zh-Hant-TW", ["zh-Hans", "zh-Hant"], "zh-Hant"),
    # refusals
    ("de;q=0", ["en", "de"], None),
    ("de;q=0, *", ["de", "en"], "en"),
    ("*;q=0", ["en"], None),
    ("en, *;q=0", ["de", "en"], "en"),
    ("de;q=0, de-CH", ["de", "de-CH"], "de-CH"),
    ("de-CH;q=0, de", ["de-CH", "de"], "de"),
    # what can't be read is passed over
    ("de;q=2, en", ["de", "en"], "en"),
    ("de;q=0.1234, en;q=0.1", ["de", "en"], "en"),
    ("de;x=1, en;q=0.1", ["de", "en"], "en"),
    ("d e, !, en", ["de", "en"], "en"),
    (" de ; q = 0.3 , en;q=0.2", ["en", "de"], "de"),
    ("de;q=1.000, en;q=0.999", ["en", "de"], "de"),
    (",,,;;;===", ["en"], None),
    ("xx, " * 60 + "en", ["en"], None),
    # nothing on offer
    ("de, *", [], None),
]


@pytest.mark.parametrize(("header", "offered", "chosen"), HEADERS)
def test_the_language_is_the_one_the_caller_would_rather_read(
    header: str | None, offered: list[str], chosen: str | None
) -> None:
    """Quality first, then the order of the header; regions fall back to their language; 0 refuses."""
    assert preferred_language(header, offered) == chosen
