"""Parsers that know nothing of our grammars, to judge what is written under them."""
