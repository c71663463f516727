"""The novel's hooks: what a paragraph is."""

import re

HEADING = re.compile(r"(BOOK|CHAPTER|FIRST EPILOGUE|SECOND EPILOGUE)\b[^a-z]*")
MARK = re.compile(r" ?\*+(\(\d+\))?")


def clean(text: str) -> str:
    """Leave the novel's own paragraphs, a line each, without headings, footnotes and their marks."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.removeprefix("\ufeff").split("\n\n"))
    own = (p for p in paragraphs if p and not p.startswith("*") and not HEADING.fullmatch(p))
    return "".join(MARK.sub("", paragraph) + "\n" for paragraph in own)
