"""YAML as JSON would have it: every key a string (a language code `no` is not False), none twice, no aliases."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.composer import Composer


class StrictLoader(yaml.SafeLoader):
    """A safe loader with our own mappings, for which everything is written out where it stands."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse an alias: a few of them could stand for a file without end."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "an alias: write it out", mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node


class QuickLoader(Composer, yaml.CSafeLoader):
    """The same on libyaml's parser: ten times as fast, at every start, but vague about where a fault is."""

    def __init__(self, text: str) -> None:
        """Set up the parser, and the composer that stands before its own."""
        yaml.CSafeLoader.__init__(self, text)
        Composer.__init__(self)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "an alias: write it out")
        return super().compose_node(parent, index)


def compose(text: str) -> tuple[StrictLoader | QuickLoader, yaml.Node | None]:
    """Read YAML into nodes, with the loader that constructs them, or raise yaml.YAMLError, which names the place."""
    try:
        quick = QuickLoader(text)
        return quick, quick.get_single_node()
    except (yaml.YAMLError, UnicodeEncodeError):  # libyaml takes UTF-8, which has no lone surrogates
        slow = StrictLoader(text)
        return slow, slow.get_single_node()


def load_strict(text: str) -> Any:
    """Read YAML, or raise yaml.YAMLError, which names the line."""
    loader, root = compose(text)
    return None if root is None else loader.construct_document(root)


def _mapping(loader: StrictLoader | QuickLoader, node: yaml.MappingNode) -> dict[str, Any]:
    keys = [str(key.value) for key, _ in node.value]
    if len(keys) != len(set(keys)):
        raise yaml.constructor.ConstructorError(None, None, "a key stands twice", node.start_mark)
    values = [loader.construct_object(value, deep=True) for _, value in node.value]
    return dict(zip(keys, values, strict=True))


for _loader in (StrictLoader, QuickLoader):
    _loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
