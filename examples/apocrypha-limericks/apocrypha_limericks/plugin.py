"""What a limerick looks like. Every function here is optional; each is pure, and runs in a process of its own."""


def grammar(_alphabet: str) -> str:
    """Five lines, the third and fourth of them short: no character is drawn that would leave this form."""
    return r"""
        root  ::= long "\n" long "\n" short "\n" short "\n" long "\n\n"
        long  ::= word (" " word){3,8}
        short ::= word (" " word){2,5}
        word  ::= "\""? [A-Za-z] [a-zA-Z'-]{0,13} [,.;:?!]? "\""?
    """


def prompt(message: str) -> str:
    """Let what was said be a limerick's first line: the voice goes on from there, with one of its own."""
    return f"\n\n{message}\n\n"


def check(text: str) -> str:
    """Say what a grammar cannot: lines that belong together may rhyme, but not end in one and the same word."""
    ends = [line.split()[-1].strip(",.;:?!\"'").lower() for line in text.strip().split("\n") if line.strip()]
    if len(ends) != 5:
        return f"it has {len(ends)} lines, not five"
    pairs = [(0, 1), (1, 4), (0, 4), (2, 3)]
    return next((f"two lines end in '{ends[a]}'" for a, b in pairs if ends[a] == ends[b]), "")


def features(text: str) -> dict[str, list[int]]:
    """Label each character for `apocrypha inspect limericks`, which asks whether a cell counts the lines."""
    lines, number = [], 1
    for place, character in enumerate(text):
        lines.append(number)
        if character == "\n":
            number = 1 if text[place - 1 : place] == "\n" else number + 1
    return {"line": lines}
