"""What is done to the rows of an imported list in whatever process: from cells to a record that is ready to be stored, or why not."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from perdure_node.errors import ImportRefused, IntakeError
from perdure_node.lists.rows import ListRow, RowInterpreter
from perdure_node.recording import NewRecord, Prepared, Recorder


class Refusal(NamedTuple):
    """Why a row cannot be recorded: what `ImportRefused` is made from."""

    row: int
    column: str | None
    reason: str
    hint: str | None

    def error(self) -> ImportRefused:
        return ImportRefused(self.row, self.column, self.reason, hint=self.hint)


Outcome = Prepared | Refusal


@dataclass(frozen=True, slots=True)
class RowWork:
    """What is done to rows in whatever process."""

    interpreter: RowInterpreter
    recorder: Recorder

    def __call__(self, rows: Sequence[ListRow]) -> list[Outcome]:
        return [self._outcome(row) for row in rows]

    def _outcome(self, row: ListRow) -> Outcome:
        try:
            return self.recorder.prepare(NewRecord(self.interpreter.slots(row)), os.urandom)
        except ImportRefused as error:
            return Refusal(error.row, error.column, error.reason, error.given_hint)
        except IntakeError as error:
            column, separator, reason = str(error).partition(": ")
            return Refusal(row.number, column if separator else None, reason or column, error.hint)
