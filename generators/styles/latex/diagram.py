"""A diagram in numbers: which of its entries are there, and which must still come, for arrows end there."""

from dataclasses import dataclass, replace

WIDEST = 12  # columns of a diagram
FAR = 3  # rows that an arrow may cross


@dataclass(frozen=True)
class Grid:
    """A diagram up to one of its entries. Arrows end at entries that are there, or will be."""

    above: tuple[int, ...] = ()  # the columns of the rows before, as many as an arrow may cross
    column: int = 1
    wanted: tuple[int, ...] = (1,)  # columns that this row and the next must have for the arrows so far

    @property
    def ends(self) -> bool:
        """True where the row has the columns it must have."""
        return self.column >= max(self.wanted[:1], default=0)

    def reaches(self, right: int, down: int) -> bool:
        """Return whether an arrow from here may end so many columns to the right, and rows below."""
        known = -len(self.above) <= down <= FAR and 1 <= self.column + right <= WIDEST
        return known and (down >= 0 or self.column + right <= self.above[down])

    def wanting(self, right: int, down: int) -> "Grid":
        """Return the diagram with an arrow that ends there."""
        if down < 0:
            return self
        wanted = [*self.wanted, *[0] * (down + 1 - len(self.wanted))]
        wanted[down] = max(wanted[down], self.column + right)
        return replace(self, wanted=tuple(wanted)).written()

    def written(self) -> "Grid":
        """Return the diagram without the wish for entries that are there, now that there is something in this one."""
        if self.wanted and self.wanted[0] <= self.column:
            return replace(self, wanted=(0, *self.wanted[1:]) if self.wanted[1:] else ())
        return self

    def beside(self) -> "Grid":
        """Return the diagram at the next entry of the row."""
        return replace(self, column=self.column + 1).written()

    def below(self) -> "Grid":
        """Return the diagram at the first entry of the next row."""
        return Grid((*self.above, self.column)[-FAR:], 1, self.wanted[1:])

    def missing(self, fresh: bool) -> int:
        """Return the fewest characters that make all entries which must be there.

        The last row is there where it has more than one entry or something in it, the others in any case.
        """
        here, *further = self.wanted or (0,)
        empty = fresh and self.column == 1
        if not further:
            return max(here - self.column, int(empty and here == 1))
        rows = sum(len("\\\\\n") + max(columns - 1, 0) for columns in further)
        return max(here - self.column, 0) + rows + (further[-1] == 1)

    def length(self, fresh: bool, broken: bool) -> int:
        """Return the fewest characters from an entry to the end, and with it."""
        missing = self.missing(fresh)
        return 1 if broken and not missing else missing + len("\n}")
