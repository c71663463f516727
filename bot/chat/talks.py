"""Who talks to whom and how, and what was said last: kept for a while, and forgotten when a person asks for it.

A question is claimed before it is answered, so that one which comes twice, or again after a crash, is answered once.
Of every talk the last turns are kept. An answer that was asked for anew, or longer, takes the place of the one before;
the earlier one is still there for who goes back to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bot.chat_tables import Answer, OptedOut, Talk
from bot.conversation import REMEMBERED, Options, Turn
from bot.store import Store
from corpora.errors import UserError

KEPT = timedelta(days=30)  # turns, after which a talk that rests is forgotten
REPLAYED = timedelta(days=1)  # numbers of questions, so long may one come again


@dataclass(frozen=True)
class Asked:
    """A question, numbered by the service; `server` is 0 between two people.

    `room` is the channel whose settings hold: where a thread is the `channel`, the one it hangs on.
    """

    id: int
    channel: int
    person: int
    server: int = 0
    room: int = 0


@dataclass(frozen=True)
class Memory:
    """What a talk remembers; `style` is "" where the person did not choose one."""

    style: str = ""
    options: Options = field(default_factory=Options)
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True)
class Answered:
    """An answer that was given: the talk as it was then, this turn the last, and the messages that show it."""

    asked: Asked
    turn: Turn
    memory: Memory
    messages: tuple[int, ...]


class Talks:
    """The talks of a store."""

    def __init__(self, store: Store) -> None:
        """Work on `store`; who opted out is read once."""
        self._store = store
        with store.reading() as session:
            self._opted_out = set(session.scalars(select(OptedOut.person)))

    def opted_out(self, person: int) -> bool:
        """Return whether nothing is to be kept of a person."""
        return person in self._opted_out

    def begin(self, asked: Asked, now: datetime) -> Memory | None:
        """Claim a question; return what its talk remembers, None where the question was claimed before."""
        unknown = asked.person in self._opted_out
        row: dict[str, Any] = {"id": asked.id, "channel": asked.channel, "person": 0 if unknown else asked.person}
        row |= {"server": asked.server, "place": asked.id, "at": now}
        kind = postgresql if self._store.engine.dialect.name == "postgresql" else sqlite
        claiming = kind.insert(Answer).values(row).on_conflict_do_nothing().returning(Answer.id)
        with self._store.writing(lightly=True) as session:
            if session.execute(claiming).scalar() is None:
                return None
            return Memory() if unknown else _memory(session, asked.channel, asked.person)

    def recall(self, channel: int, person: int) -> Memory:
        """Return what a talk remembers."""
        with self._store.reading() as session:
            return _memory(session, channel, person)

    def latest(self, channel: int, person: int) -> int | None:
        """Return the last answer of a talk that is remembered."""
        with self._store.reading() as session:
            return session.scalar(select(func.max(Answer.id)).where(*_told(channel, person)))

    def answer(self, number: int) -> Answered | None:
        """Return an answer that was given, None where it was forgotten."""
        with self._store.reading() as session:
            row = session.get(Answer, number)
            if row is None or row.turn is None:
                return None
            turn = Turn.model_validate(row.turn)
            before = _memory(session, row.channel, row.person, row.place)
            memory = replace(before, turns=(*before.turns, turn))
            return Answered(Asked(row.id, row.channel, row.person, row.server), turn, memory, tuple(row.messages))

    def keep(self, asked: Asked, turn: Turn, seed: int | None = None, follows: int | None = None) -> None:
        """Keep the answer to a claimed question, in the place of the one it `follows`; `seed` is a fixed one's next.

        Until it is ended it may still be taken up again.
        """
        with self._store.writing(lightly=True) as session:
            row = session.get(Answer, asked.id)
            if row is None:
                return
            if row.person == 0 or row.person in self._opted_out:
                return
            row.turn = turn.model_dump(mode="json")
            earlier = session.get(Answer, follows) if follows else None
            row.place = earlier.place if earlier else asked.id
            talk = session.get(Talk, (asked.channel, asked.person))
            if talk:
                talk.at = row.at
                talk.options = talk.options | ({"seed": seed} if seed is not None else {})
            session.flush()
            _shorten(session, asked.channel, asked.person)

    def choose(self, asked: Asked, style: str, options: Options, now: datetime) -> None:
        """Keep who speaks how from now on; "" is whoever speaks there."""
        if asked.person in self._opted_out:
            raise UserError("You asked me to keep nothing about you, and this I would have to keep: see /forget undo.")
        who = {"channel": asked.channel, "person": asked.person, "server": asked.server}
        with self._store.writing(lightly=True) as session:
            session.merge(Talk(**who, style=style, options=options.model_dump(mode="json"), at=now))

    def end(self, answer: int, messages: Sequence[int] = ()) -> None:
        """Let a question rest, answered by these messages or given up; it is not taken up again."""
        with self._store.writing(lightly=True) as session:
            ended = update(Answer).where(Answer.id == answer)
            session.execute(ended.values(over=True, messages=list(messages)))

    def unfinished(self, since: datetime) -> list[Asked]:
        """Return what is not answered yet, the oldest first: what the last process left, and what this one is at."""
        with self._store.reading() as session:
            open_ones = select(Answer).where(Answer.over.is_(False), Answer.at >= since)
            rows = session.scalars(open_ones.order_by(Answer.id))
            return [Asked(row.id, row.channel, row.person, row.server) for row in rows]

    def unclaim(self, answer: int) -> None:
        """Let a question be claimed again."""
        with self._store.writing(lightly=True) as session:
            session.execute(delete(Answer).where(Answer.id == answer, Answer.over.is_(False)))

    def retract(self, question: int) -> None:
        """Forget a question that was deleted, its answer, and what was said after it: that was said with it in mind."""
        with self._store.writing() as session:
            row = session.get(Answer, question)
            if row is None:
                return
            later = update(Answer).where(Answer.channel == row.channel, Answer.person == row.person)
            session.execute(later.where(Answer.place >= row.place).values(turn=None, over=True))

    def forget(self, person: int, always: bool) -> int:
        """Delete what is kept of a person, and with `always` keep nothing from now on; return how many turns it was."""
        with self._store.writing() as session:
            theirs = Answer.person == person
            turns = session.scalar(select(func.count()).where(theirs, Answer.turn.is_not(None))) or 0
            session.execute(update(Answer).where(theirs).values(turn=None, over=True, person=0))
            session.execute(delete(Talk).where(Talk.person == person))
            if always:
                session.merge(OptedOut(person=person))
        if always:
            self._opted_out.add(person)
        return turns

    def welcome(self, person: int) -> None:
        """Keep a person's turns again."""
        with self._store.writing() as session:
            session.execute(delete(OptedOut).where(OptedOut.person == person))
        self._opted_out.discard(person)

    def leave(self, server: int) -> None:
        """Forget what was said on a server."""
        with self._store.writing() as session:
            session.execute(delete(Answer).where(Answer.server == server))
            session.execute(delete(Talk).where(Talk.server == server))

    def sweep(self, now: datetime) -> None:
        """Forget what is too old."""
        with self._store.writing() as session:
            stale = or_(Answer.at < now - KEPT, (Answer.at < now - REPLAYED) & Answer.turn.is_(None))
            session.execute(delete(Answer).where(stale))
            session.execute(delete(Talk).where(Talk.at < now - KEPT))


def _memory(session: Session, channel: int, person: int, before: int | None = None) -> Memory:
    """Return what a talk remembers, or remembered `before` a place."""
    talk = session.get(Talk, (channel, person))
    latest = _latest(channel, person)
    if before is not None:
        latest = latest.where(Answer.place < before)
    turns = session.scalars(select(Answer.turn).where(Answer.id.in_(latest)).order_by(Answer.place))
    said = tuple(Turn.model_validate(turn) for turn in turns)
    return Memory(talk.style, Options.model_validate(talk.options), said) if talk else Memory(turns=said)


def _latest(channel: int, person: int) -> Any:
    """Ask for the answer that counts at each place of a talk."""
    return select(func.max(Answer.id)).where(*_told(channel, person)).group_by(Answer.place)


def _shorten(session: Session, channel: int, person: int) -> None:
    """Forget all but the last turns of a talk."""
    told = _told(channel, person)
    places = select(Answer.place).where(*told).distinct().order_by(Answer.place.desc())
    if oldest := session.scalars(places.limit(REMEMBERED)).all()[-1:]:
        session.execute(update(Answer).where(*told, Answer.place < oldest[0]).values(turn=None))


def _told(channel: int, person: int) -> tuple[Any, ...]:
    return Answer.channel == channel, Answer.person == person, Answer.turn.is_not(None)
