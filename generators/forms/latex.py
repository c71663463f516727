"""Whether texts are LaTeX: typeset by TeX, which is not a parser but has the last word."""

from collections.abc import Sequence

from generators.pictures.latex import compiles


def faults(texts: Sequence[str]) -> list[str]:
    """Return what TeX has against each text, "" where nothing; raise UserError where there is no TeX."""
    return compiles(texts)
