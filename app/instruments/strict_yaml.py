"""YAML as JSON would have it: every key a string (a language code `no` is not False), and none twice."""

from __future__ import annotations

from typing import Any

import yaml


class _Strict(yaml.SafeLoader):
    """A safe loader with our own mappings."""


def load_strict(text: str) -> Any:
    """Read YAML, or raise yaml.YAMLError, which names the line."""
    return yaml.load(text, Loader=_Strict)  # noqa: S506 - _Strict is a SafeLoader


def _mapping(loader: _Strict, node: yaml.MappingNode) -> dict[str, Any]:
    keys = [str(key.value) for key, _ in node.value]
    if len(keys) != len(set(keys)):
        raise yaml.constructor.ConstructorError(None, None, "a key stands twice", node.start_mark)
    values = [loader.construct_object(value, deep=True) for _, value in node.value]
    return dict(zip(keys, values, strict=True))


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
