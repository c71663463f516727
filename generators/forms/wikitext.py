"""Whether texts are wikitext: parsed by mwparserfromhell, which leaves as text what opens or closes nothing."""

import re
from collections.abc import Sequence

import mwparserfromhell
from mwparserfromhell import nodes

LEFT = re.compile(r"[\[\]{}<]|''")  # marks that a parser makes something of, where they open or close it
HEADING = re.compile(r"^=", re.MULTILINE)


def faults(texts: Sequence[str]) -> list[str]:
    """Return what keeps each text from being wikitext all of whose marks mean something, "" where nothing does."""
    return [_fault(text) for text in texts]


def _fault(text: str) -> str:
    parsed = mwparserfromhell.parse(text)
    if str(parsed) != text:
        return "is another text after parsing"
    if len(HEADING.findall(text)) != len(parsed.filter_headings()):
        return "a heading does not close"
    return next(filter(None, map(_fault_of_node, parsed.ifilter(recursive=True))), "")


def _fault_of_node(node: nodes.Node) -> str:
    if isinstance(node, nodes.Text):
        left = LEFT.search(str(node))
        return f"{left[0]} opens or closes nothing" if left else ""
    if isinstance(node, nodes.Heading):
        uneven = str(node.title).startswith("=") or str(node.title).endswith("=")
        return "a heading does not close" if uneven else ""
    if isinstance(node, nodes.Tag):
        if node.wiki_markup in ("''", "'''") and "\n" in str(node.contents):
            return f"{node.wiki_markup} goes on after its line"
        return f"<{node.tag}> does not close" if node.invalid else ""
    return ""
