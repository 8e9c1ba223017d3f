"""Read data sets of the Hugging Face hub, or local folders that `datasets.load_dataset`
understands."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pet_mtl.data.parquet import (
    holding_column,
    label_names,
    table_chunks,
    table_columns,
    with_nested,
)
from pet_mtl.data.table import BadRows, Chunk, Request
from pet_mtl.errors import PetMtlError
from pet_mtl.hub_names import asked_once


@dataclass(frozen=True)
class HubName:
    """A data set, its configuration, its split and its revision (a tag or commit)."""

    repository: str
    config: str | None
    split: str
    revision: str | None = None


def parse_hub_name(source: str) -> HubName:
    """Take apart `hub:REPOSITORY[@REVISION]:[CONFIG/]SPLIT`.

    >>> parse_hub_name("hub:clue/clue:tnews/train")
    HubName(repository='clue/clue', config='tnews', split='train', revision=None)
    >>> parse_hub_name("hub:imdb@v2:train[:10%]")
    HubName(repository='imdb', config=None, split='train[:10%]', revision='v2')

    Raises:
        PetMtlError: the repository or the split is missing.
    """
    repository, _, rest = source.removeprefix("hub:").partition(":")
    repository, _, revision = repository.partition("@")
    config, _, split = rest.rpartition("/")
    if not repository or not split:
        hint = (
            "write `hub:REPOSITORY:CONFIG/SPLIT` or `hub:REPOSITORY:SPLIT`, for example "
            "`hub:clue/clue:tnews/train`"
        )
        raise PetMtlError(f"`{source}` names no data set and split", hint=hint)
    return HubName(repository, config or None, split, revision or None)


def read_hub(source: str, base: Path, request: Request, bad: BadRows) -> Iterator[Chunk]:
    """Yield the rows of a hub data set in chunks; label numbers that the data set has names for,
    in lists too, become the names.

    Raises:
        PetMtlError: the data set cannot be loaded, or lacks a wanted column.
    """
    bad.unit = "row"
    name = parse_hub_name(source)
    dataset = _load(name, source, base)
    schema = dataset.features.arrow_schema
    request = request.of_names()
    places = table_columns(with_nested(schema), request, source)
    names = label_names(dataset.features.to_dict())
    held = {holding_column(schema.names, place) for place in places.values()}
    chosen = dataset.select_columns(sorted(held)).with_format("arrow")
    batches = (batch for table in chosen.iter(batch_size=10_000) for batch in table.to_batches())
    yield from table_chunks(batches, places, names, request, bad)


def _load(name: HubName, source: str, base: Path) -> Any:
    import datasets

    local = base / name.repository
    is_local = local.is_dir()
    repository = str(local) if is_local else name.repository
    try:
        with nullcontext() if is_local else asked_once(repository):
            return datasets.load_dataset(
                repository, name.config, split=name.split, revision=name.revision
            )
    except (
        Exception
    ) as error:  # the failures of the network, the cache and the builders have no common base
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        hint = "check the name, the configuration and the split, and that the hub can be reached"
        raise PetMtlError(f"cannot load the data set: {reason}", where=source, hint=hint) from error
