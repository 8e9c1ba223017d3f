"""Whole rows of a data file, all columns kept, with what was changed, and the file again."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from pet_mtl.audit.json_rows import row_text
from pet_mtl.audit.parquet_rows import column_texts, parquet_bytes
from pet_mtl.data.delimited_rows import quoted_text
from pet_mtl.data.jsonl import holder_of, plain_value
from pet_mtl.errors import PetMtlError

Kind = Literal["tabs", "commas", "lines", "array", "parquet"]


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to a row: `action` is joined, mended or dropped."""

    file: str
    line: int
    action: Literal["joined", "mended", "dropped"]
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.action}: {self.reason}"


@dataclass(slots=True)
class Record:
    """A row: cells by position, or by name for JSON and parquet; `line` is that of the file, or the
    item's number."""

    line: int
    cells: list[str] | dict[str, Any]
    dropped: bool = False

    def get(self, place: int | str) -> Any:
        if isinstance(self.cells, list):
            return self.cells[int(place)]
        holder, last = holder_of(self.cells, str(place))
        return holder.get(last) if isinstance(holder, dict) else None

    def put(self, place: int | str, text: str | bytes) -> None:
        """Write a text where `get` found one."""
        if isinstance(self.cells, list):
            self.cells[int(place)] = str(text)
        else:
            holder, last = holder_of(self.cells, str(place))
            holder[last] = text


@dataclass
class Records:
    """The rows of one file.

    Attributes:
        places: where the fields, the label and the id are in a row's cells.
    """

    path: Path
    kind: Kind
    places: dict[str, int | str]
    records: list[Record]
    header: list[str] | None = None
    schema: Any = None
    changes: list[Change] = field(default_factory=list)

    def note(self, line: int, action: Literal["joined", "mended", "dropped"], reason: str) -> None:
        self.changes.append(Change(str(self.path), line, action, reason))

    def drop(self, record: Record, reason: str) -> None:
        """Mark and note a row; it stays until `prune`."""
        record.dropped = True
        self.note(record.line, "dropped", reason)

    def prune(self) -> None:
        """Take out what is dropped, for all that share the rows (`reread`)."""
        self.records[:] = [record for record in self.records if not record.dropped]

    def texts(self, name: str, *, lists: bool = False) -> list[str]:
        """Return a field or the label of each row as the readers have it, empty where there is
        none.

        Args:
            lists: a list is a set of labels, whose JSON text it becomes.
        """
        if name not in self.places:
            return [""] * len(self.records)
        place = self.places[name]
        values = [record.get(place) for record in self.records]
        if self.kind != "parquet":
            return [_json_text(value, lists) for value in values]
        return column_texts(values, self.schema, str(place))

    def dump(self) -> bytes:
        """Return the rows in the format they were read from."""
        match self.kind:
            case "tabs":
                rows = [
                    *([self.header] if self.header else []),
                    *(record.cells for record in self.records),
                ]
                return "".join("\t".join(cells) + "\n" for cells in rows).encode()
            case "commas":
                rows = [*([self.header] if self.header else []), *(r.cells for r in self.records)]
                return quoted_text(rows).encode()
            case "lines":
                return "".join(row_text(r.cells) + "\n" for r in self.records).encode()
            case "array":
                items = ",\n".join(row_text(r.cells) for r in self.records)
                return f"[\n{items}\n]\n".encode()
            case "parquet":
                named = [r.cells for r in self.records if isinstance(r.cells, dict)]
                try:
                    return parquet_bytes(named, self.schema)
                except pa.ArrowException as error:  # a type that Arrow reads and does not write
                    message = f"its rows cannot be written as parquet again: {error}"
                    raise PetMtlError(message, where=str(self.path)) from error


def _json_text(value: Any, lists: bool) -> str:
    if lists and isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    found = plain_value(value)
    return "" if found is None else str(found)
