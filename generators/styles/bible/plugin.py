"""The Bible's hooks: what a verse is, and how a message is put before it."""

import re

BOOKS = """
Genesis, Exodus, Leviticus, Numbers, Deuteronomy, Joshua, Judges, Ruth, 1 Samuel, 2 Samuel, 1 Kings, 2 Kings,
1 Chronicles, 2 Chronicles, Ezra, Nehemiah, Esther, Job, Psalms, Proverbs, Ecclesiastes, Song of Solomon, Isaiah,
Jeremiah, Lamentations, Ezekiel, Daniel, Hosea, Joel, Amos, Obadiah, Jonah, Micah, Nahum, Habakkuk, Zephaniah, Haggai,
Zechariah, Malachi, Matthew, Mark, Luke, John, Acts, Romans, 1 Corinthians, 2 Corinthians, Galatians, Ephesians,
Philippians, Colossians, 1 Thessalonians, 2 Thessalonians, 1 Timothy, 2 Timothy, Titus, Philemon, Hebrews, James,
1 Peter, 2 Peter, 1 John, 2 John, 3 John, Jude, Revelation
"""
_NAMES = " ".join(BOOKS.split()).split(", ")
_BOOK = "|".join(re.escape(name) for name in _NAMES)
_NUMBER = r"[1-9]\d{0,2}"
VERSE = re.compile(rf"({_BOOK}) {_NUMBER}:{_NUMBER} \S.*")
ENDS = (".", "?", "!", ":", ";", ",", ")")  # a verse may end inside a sentence; it does not end inside a word


GRAMMAR = """
root   ::= book " " number ":" number " " [^ \\n] [^\\n]* [.?!:;,)] "\\n"
number ::= [1-9] [0-9]{0,2}
book   ::= NAMES
"""


def grammar(alphabet: str) -> str:
    """Write down what a verse is: a reference, a text, and an end where verses end."""
    del alphabet
    return GRAMMAR.replace("NAMES", " | ".join(f'"{name}"' for name in _NAMES))


def prompt(message: str) -> str:
    """Let the message stand as the verse before the answer, ended as verses are."""
    verse = " ".join(message.split())
    return f"Amen.\n{verse}{'' if verse.endswith(ENDS) else '.'}\n"


def check(text: str) -> str:
    """Say what keeps `text` from being one whole verse with book, chapter and verse; "" where nothing does."""
    if not VERSE.fullmatch(text):
        return "no book, chapter and verse at its head"
    return "" if text.endswith(ENDS) else "does not end where a verse ends"
