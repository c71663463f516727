"""Whether texts are C: parsed by tree-sitter, which has its own grammar and the kernel's dialect in it."""

from collections.abc import Sequence

from tree_sitter import Language, Parser
from tree_sitter_c import language


def faults(texts: Sequence[str]) -> list[str]:
    """Return what keeps each text from being C, "" where nothing does."""
    parser = Parser(Language(language()))
    return ["has an ERROR node" if parser.parse(text.encode()).root_node.has_error else "" for text in texts]
