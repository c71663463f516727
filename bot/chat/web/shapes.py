"""How answers are told: the two shapes of OpenAI's completions, whole and in pieces. A token is a character."""

from collections.abc import Sequence
from typing import Any, Protocol

from bot.chat.web.choice import Piece
from generators.reading import Guess

Json = dict[str, Any]
UNKNOWN = -9999.0  # the log-probability of a character that the model does not know: JSON has no infinity


class Shape(Protocol):
    """One of the two shapes."""

    prefix: str  # of the identifier
    kind: str
    piece_kind: str

    def whole(self, index: int, piece: Piece, told: bool) -> Json:
        """Return a choice that is `piece` and nothing more, its chances with it where they are to be `told`."""

    def piece(self, index: int, piece: Piece, told: bool, at: int) -> Json:
        """Return a choice's piece that begins at its character `at`."""


class TextShape:
    """A text that goes on after a prompt."""

    prefix, kind, piece_kind = "cmpl", "text_completion", "text_completion"

    def whole(self, index: int, piece: Piece, told: bool) -> Json:
        """Return it as the piece that begins it."""
        return self.piece(index, piece, told, 0)

    def piece(self, index: int, piece: Piece, told: bool, at: int) -> Json:
        """Return text, chances and end."""
        chances = _columns(piece.guesses, at) if told else None
        return {"index": index, "text": piece.text, "logprobs": chances, "finish_reason": piece.finish}


class ChatShape:
    """An answer."""

    prefix, kind, piece_kind = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def whole(self, index: int, piece: Piece, told: bool) -> Json:
        """Return a message of the assistant's."""
        message = {"role": "assistant", "content": piece.text, "refusal": None}
        return {"index": index, "message": message, "logprobs": _rows(piece, told), "finish_reason": piece.finish}

    def piece(self, index: int, piece: Piece, told: bool, at: int) -> Json:
        """Return what is added to the message; the first piece says whose it is."""
        delta = {"role": "assistant", "content": piece.text} if at == 0 else {"content": piece.text}
        return {"index": index, "delta": delta, "logprobs": _rows(piece, told), "finish_reason": piece.finish}


def joined(pieces: Sequence[Piece]) -> Piece:
    """Return pieces as one."""
    text = "".join(piece.text for piece in pieces)
    return Piece(text, [guess for piece in pieces for guess in piece.guesses], pieces[-1].finish)


def _columns(guesses: Sequence[Guess], at: int) -> Json:
    return {
        "tokens": [guess.character for guess in guesses],
        "token_logprobs": [_number(guess.log_probability) for guess in guesses],
        "top_logprobs": [dict(guess.likeliest) for guess in guesses],
        "text_offset": [at + place for place in range(len(guesses))],
    }


def _rows(piece: Piece, told: bool) -> Json | None:
    if not told:
        return None
    rows = [
        _row(guess.character, guess.log_probability) | {"top_logprobs": [_row(*each) for each in guess.likeliest]}
        for guess in piece.guesses
    ]
    return {"content": rows, "refusal": None}


def _row(character: str, chance: float | None) -> Json:
    return {"token": character, "logprob": _number(chance), "bytes": list(character.encode("utf-8", "replace"))}


def _number(chance: float | None) -> float:
    return UNKNOWN if chance is None else round(chance, 5)
