"""Features of C, from the tree of a real parser: it knows a brace in a string from one that opens a block."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from corpora.errors import UserError

if TYPE_CHECKING:
    from tree_sitter import Node


def comment_or_string(text: str) -> NDArray[np.bool_]:
    """Label what is inside a comment, a string or a character's quotes, once its beginning is read."""
    begin = {"comment": 2, "string_literal": 1, "char_literal": 1}
    labels, places = np.zeros(len(text), bool), _places(text)
    for node in _nodes(text):
        if node.type in begin:
            line = node.type == "comment" and node.text is not None and node.text.startswith(b"//")
            start, end = places[node.start_byte], places[node.end_byte]
            labels[start + begin[node.type] - 1 : end if line else end - 1] = True  # a line's end closes `//`
    return labels


def condition(text: str) -> NDArray[np.bool_]:
    """Label what is inside the parentheses after `if`."""
    labels, places = np.zeros(len(text), bool), _places(text)
    for node in _nodes(text):
        if node.type == "if_statement" and (inside := node.child_by_field_name("condition")):
            labels[places[inside.start_byte] : places[inside.end_byte] - 1] = True
    return labels


def braces(text: str) -> NDArray[np.float32]:
    """Count the braces that are open."""
    turns, places = np.zeros(len(text), np.float32), _places(text)
    for node in _nodes(text):
        if node.type in "{}" and node.end_byte > node.start_byte:  # one that is missing has no length
            turns[places[node.start_byte]] = 1 if node.type == "{" else -1
    return np.cumsum(turns, dtype=np.float32)


def _nodes(text: str) -> Iterator["Node"]:
    """Yield every node of the tree."""
    try:
        from tree_sitter import Language, Parser
        from tree_sitter_c import language
    except ModuleNotFoundError as error:
        raise UserError("Features of C need tree-sitter: `make train` installs it (pip install '.[train]').") from error
    tree = Parser(Language(language())).parse(text.encode())
    left = [tree.root_node]
    while left:
        node = left.pop()
        yield node
        left.extend(node.children)


def _places(text: str) -> NDArray[np.int64]:
    """Return the character to which each byte of the text's UTF-8 belongs, and its end."""
    sizes = [len(character.encode()) for character in text]
    return np.append(np.repeat(np.arange(len(text)), sizes), len(text))
