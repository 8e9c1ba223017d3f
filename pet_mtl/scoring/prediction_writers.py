"""Files of predictions, written block by block."""

from pathlib import Path
from typing import Any, BinaryIO, Protocol

from pet_mtl.atomic import write_errors
from pet_mtl.scoring.records import WRITERS, Details, Predicted, flat


class Writer(Protocol):
    """Writes blocks of predictions, one after the other, to one file."""

    def write(self, predicted: Predicted) -> None:
        """Write some rows."""

    def close(self) -> None:
        """Write what the file ends with."""

    def drop(self) -> None:
        """Write nothing more: the file is closed, wherever it ends."""


class TextWriter:
    """Writes one of the text formats.

    Args:
        path: what errors say.
        file: open for writing.
        output: a name in `WRITERS`.
    """

    def __init__(self, path: Path, file: BinaryIO, output: str, details: Details) -> None:
        self._path, self._file = path, file
        self._text, self._details = WRITERS[output], details
        self._first = True

    def write(self, predicted: Predicted) -> None:
        text = self._text(predicted, self._details, self._first)
        self._first = False
        with write_errors(self._path):
            self._file.write(text.encode("utf-8"))

    def close(self) -> None:
        pass

    def drop(self) -> None:
        pass


class ParquetWriter:
    """Writes parquet with the columns of csv, a row group for each block; see `TextWriter`."""

    def __init__(self, path: Path, file: BinaryIO, details: Details) -> None:
        self._path, self._file, self._details = path, file, details
        self._writer: Any = None

    def write(self, predicted: Predicted) -> None:
        import pyarrow.parquet as pq

        table = record_table(predicted, self._details)
        with write_errors(self._path):
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._file, table.schema)
            self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            with write_errors(self._path):
                self._writer.close()

    def drop(self) -> None:
        if self._writer is not None:
            self._writer.is_open = False  # else Arrow writes the end of the file when it goes


def writer_to(path: Path, file: BinaryIO, output: str, details: Details) -> Writer:
    """Return what writes one of the formats of `pet-mtl predict` to an open file."""
    if output == "parquet":
        return ParquetWriter(path, file, details)
    return TextWriter(path, file, output, details)


def record_table(predicted: Predicted, details: Details) -> Any:
    """Return records as an Arrow table with the columns of csv; the types of its columns do not
    depend on the rows, so that all blocks of a file fit together."""
    import pyarrow as pa

    records = [flat(record) for record in predicted.records(details)]
    types = {str: pa.string(), float: pa.float64(), list: pa.list_(pa.string())}
    fields = [(name, types[type(cell)]) for name, cell in records[0].items()]
    return pa.Table.from_pylist(records, pa.schema(fields))
