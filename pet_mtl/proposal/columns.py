"""Which column is the label, which are texts, which is the id."""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from pet_mtl.data.column_names import ID_NAMES, LABEL_NAMES, TEXT_NAMES, ends_like
from pet_mtl.errors import PetMtlError, ProblemList
from pet_mtl.proposal.label_sets import labels_of, separator_of
from pet_mtl.proposal.raw_table import RawTable
from pet_mtl.proposal.scales import is_score_name, level_separator, score_range
from pet_mtl.proposal.two_texts import PAIRS, is_pair
from pet_mtl.suite.verbalizer import check_text

MOST_LABELS = 200  # of a column that no name calls the label; else also as many as come twice
LONGEST_LABEL = 60  # characters
SECOND_TEXT = 0.25  # of the first text's length
SHORTEST_TEXT = 4  # characters, on average
_CODE = re.compile(r"[A-Za-z]*[-_]?\d+|[0-9a-fA-F-]{32,36}")  # GD2601, 17, a UUID


@dataclass(frozen=True)
class Roles:
    """The places of the columns in the table.

    `names` is a column with the labels in words, where the label column holds codes; `separator`
    stands between the labels of a cell that holds several, `""` where these are JSON lists.
    `ends` are those of the scale on which the scores of pairs lie. `others` are columns that could
    be the label, too.
    """

    label: int
    texts: tuple[int, ...]
    id: int | None = None
    names: int | None = None
    separator: str | None = None
    ends: tuple[int, ...] = ()
    others: tuple[int, ...] = field(default=(), compare=False)


def choose_columns(
    table: RawTable,
    label: str | None = None,
    texts: Sequence[str] = (),
    *,
    kind: str | None = None,
) -> Roles:
    """Choose by names and values; `label` and `texts` name columns that are known, `kind` is the
    task's where it is.

    Raises:
        PetMtlError: a named column does not exist; no label column is found, or it has one value
            only; no text is left.
    """
    may_be_sets = kind in (None, "multi_label")
    may_be_scores = kind in (None, "similarity")
    sets = _list_column(table, label) if may_be_sets else None
    others: list[int] = []
    if sets is not None:
        table.names.append(sets)
        table.columns.append(table.lists[sets])
        label_place = len(table.names) - 1
        separator: str | None = ""
    else:
        if label is not None:
            label_place = _named(table, label, "--label")
        elif may_be_scores and (scores := _score_column(table, texts)) is not None:
            label_place = scores
        else:
            label_place, *others = _labels(table)
        separator = _separator(table.columns[label_place], kind) if may_be_sets else None
    if kind == "multi_label" and separator is None:
        raise PetMtlError(
            f"no cell of column `{table.names[label_place]}` holds several labels",
            where=str(table.path),
            hint="`kind: multi_label` reads JSON lists, or text such as `a|b`; name the column: "
            f"`--label COLUMN` ({_listed(table)})",
        )
    id_place = _id(table, label_place)
    chosen = [_named(table, name, "--text") for name in texts] or _texts(
        table, {label_place, id_place}
    )
    asked = kind == "similarity"
    ends = (
        score_range(table.columns[label_place], table.names[label_place], asked=asked)
        if may_be_scores
        and separator is None
        and (asked or is_pair([str(table.names[place]) for place in chosen]))
        else []
    )
    if asked and not ends:
        raise PetMtlError(
            f"column `{table.names[label_place]}` holds what is no number",
            where=str(table.path),
            hint=f"`kind: similarity` reads numbers; name the column: `--label COLUMN` "
            f"({_listed(table)})",
        )
    if not ends:
        _check_labels(table, label_place, separator)
    if not chosen:
        raise PetMtlError(
            "no text column found",
            where=str(table.path),
            hint=f"name it: `--text COLUMN` ({_listed(table)})",
        )
    if twice := [place for place in chosen if chosen.count(place) > 1]:
        raise PetMtlError(
            f"column `{table.names[twice[0]]}` is named twice",
            where="--text",
            hint=f"name each text's column once ({_listed(table)})",
        )
    if label_place in chosen:
        raise PetMtlError(
            f"column `{table.names[label_place]}` cannot be label and text", where="--text"
        )
    taken = {*chosen, id_place}
    names = None if ends or separator is not None else _label_names(table, label_place, taken)
    left = tuple(place for place in others if place not in {*taken, names})
    return Roles(label_place, tuple(chosen), id_place, names, separator, tuple(ends), left)


def _separator(cells: Sequence[str], kind: str | None) -> str | None:
    """Return what stands between the labels of a cell; the leaves of a tree are one label each."""
    distinct = sorted({cell.strip() for cell in cells} - {""})
    if kind is None and distinct and level_separator(distinct):
        return None
    return separator_of(distinct)


def _score_column(table: RawTable, texts: Sequence[str]) -> int | None:
    """Return the column of a table of pairs whose name and values say that it holds their scores,
    None where no column does, several do, or another is named as the label."""
    found = [
        place
        for place, name in enumerate(table.names)
        if (is_score_name(name) or _is_named(table, place, LABEL_NAMES))
        and score_range(table.columns[place], name)
    ]
    labels = [n for n in range(len(table.names)) if _is_named(table, n, LABEL_NAMES)]
    if len(found) != 1 or set(labels) - set(found):
        return None
    names = texts or [str(table.names[place]) for place in _texts(table, {found[0]})]
    return found[0] if is_pair(names) else None


def _check_labels(table: RawTable, place: int, separator: str | None) -> None:
    """Refuse a column whose values cannot be the labels of a task.

    Raises:
        PetMtlError: fewer than two labels, too many, an invisible character, two that look alike.
    """
    column = table.names[place]
    values = [name for cell in table.columns[place] for name in labels_of(cell.strip(), separator)]
    distinct = set(values)
    if len(distinct) < 2:
        found = f': "{next(iter(distinct))}"' if distinct else ""
        raise PetMtlError(
            f"column `{column}` has one label only{found}",
            where=str(table.path),
            hint=(
                "a task needs two labels or more; name another column: `--label COLUMN` "
                f"({_listed(table)})"
            ),
        )
    if len(distinct) > max(MOST_LABELS, len(values) / 2):
        raise PetMtlError(
            f"column `{column}` has {len(distinct):,} different values, these are no labels",
            where=str(table.path),
            hint=f"name another column: `--label COLUMN` ({_listed(table)})",
        )
    problems = ProblemList()
    for label in sorted(distinct):  # as the verbalizer will be read: joiners of emoji and Persian
        check_text("label", label, str(table.path), problems)
    if problems.problems:
        raise PetMtlError(
            problems.problems[0].message,
            where=str(table.path),
            hint="mend the label, or name another column: `--label COLUMN`",
        )
    forms: dict[str, str] = {}
    for label in sorted(distinct):
        twin = forms.setdefault(unicodedata.normalize("NFC", label), label)
        if twin != label:
            raise PetMtlError(
                f"two labels of column `{column}` look alike: {json.dumps(twin)} and "
                f"{json.dumps(label)}",
                where=str(table.path),
                hint="write both in one Unicode form, such as NFC",
            )


def _list_column(table: RawTable, label: str | None) -> str | None:
    """Return the column of lists that is named as the label; where none is, one that has a label's
    usual name, or the only one whose values come again, if no other column can be the label."""
    if label is not None:
        return label if label in table.lists and label not in table.names else None
    named = [name for name in table.lists if last_key(name) in LABEL_NAMES]
    plain = any(
        _is_named(table, place, LABEL_NAMES) and any(cells)
        for place, cells in enumerate(table.columns)
    )
    if plain or named:
        return None if plain else named[0]
    again = [name for name, cells in table.lists.items() if _comes_again(cells)]
    return again[0] if len(again) == 1 and not _label_places(table) else None


def _comes_again(cells: Sequence[str]) -> bool:
    """Say whether lists hold a few short values that repeat."""
    values = [value for cell in cells for value in labels_of(cell, "")]
    few = 2 <= len(set(values)) <= min(MOST_LABELS, len(values) / 2)
    return few and max(map(len, values)) <= LONGEST_LABEL


def _named(table: RawTable, name: str, option: str) -> int:
    for place, known in enumerate(table.names):
        if str(known) == name:
            return place
    raise PetMtlError(f"no column `{name}`", where=f"{option} {name}", hint=_listed(table))


def _listed(table: RawTable) -> str:
    left_out = "".join(f"; {why}" for why in table.left_out.values())
    return (
        "the columns are " + (", ".join(f"`{name}`" for name in table.names) or "none") + left_out
    )


def _distinct(table: RawTable, place: int) -> int:
    return len(set(table.columns[place]))


def _mean_length(table: RawTable, place: int) -> float:
    return sum(map(len, table.columns[place])) / len(table)


def _is_named(table: RawTable, place: int, names: frozenset[str]) -> bool:
    return last_key(table.names[place]) in names


def _nearness(table: RawTable, place: int, names: frozenset[str]) -> int:
    """Return 2 for a usual name, 1 for one that ends in a usual name, 0 for others."""
    if _is_named(table, place, names):
        return 2
    name = table.names[place]
    return int(isinstance(name, str) and ends_like(name.rpartition(".")[2], names))


def last_key(name: str | int) -> str:
    """Return what a column is called, of nested keys (`annotation.label`) the last one."""
    return str(name).lower().rpartition(".")[2]


def _labels(table: RawTable) -> list[int]:
    """Return the places of columns that can be the label, the likeliest first.

    Raises:
        PetMtlError: no column can.
    """
    places = _label_places(table)
    if not places:
        raise PetMtlError(
            "no label column found: no column has a few short values that repeat",
            where=str(table.path),
            hint=f"name it: `--label COLUMN` ({_listed(table)})",
        )
    return places


def _label_places(table: RawTable) -> list[int]:
    """Return the column that has few short values, of several one whose name is a label's, else
    with the fewest values; then those that are named as much like one. A column of one value
    comes last, of none not at all."""
    scores: dict[int, tuple[int, float, int]] = {}
    values = [len({*cells} - {""}) for cells in table.columns]
    for place, distinct in enumerate(values):
        named = _nearness(table, place, LABEL_NAMES)
        short = max(map(len, table.columns[place])) <= LONGEST_LABEL
        few = 2 <= distinct <= min(MOST_LABELS, len(table) / 2)
        if (
            short
            and (few or (named == 2 and 1 <= distinct <= max(MOST_LABELS, len(table) / 2)))
            and not _is_named(table, place, ID_NAMES)
        ):
            exact = last_key(table.names[place]) in ("label", "labels", "标签")
            many = (distinct if distinct > 1 else len(table)) / len(table)
            scores[place] = (named, exact - many, place)
    if not scores:
        return []
    first, *others = sorted(scores, key=scores.__getitem__, reverse=True)
    return [first, *(p for p in others if scores[p][0] == scores[first][0] and values[p] > 1)]


def _id(table: RawTable, label: int) -> int | None:
    """Return the first column without repeats that is named as an id, else that holds codes."""
    own = [p for p, cells in enumerate(table.columns) if all(cells) and len({*cells}) == len(cells)]
    own = [place for place in own if place != label]
    named = [place for place in own if _is_named(table, place, ID_NAMES)]
    coded = (place for place in own if all(map(_CODE.fullmatch, table.columns[place])))
    return named[0] if named else next(coded, None)


def _texts(table: RawTable, taken: set[int | None]) -> list[int]:
    """Return the longest varied column, and a second one that is about as long."""
    free = [
        place for place in range(len(table.names)) if place not in taken and _is_text(table, place)
    ]
    if not free:
        return []

    def weight(place: int) -> tuple[int, float]:
        varied = _distinct(table, place) / len(table)
        return _nearness(table, place, TEXT_NAMES), _mean_length(table, place) * varied**0.5

    by_name = {str(table.names[place]).lower(): place for place in free}
    for one, other in PAIRS:
        if one in by_name and other in by_name:
            return sorted([by_name[one], by_name[other]])
    first, *others = sorted(free, key=weight, reverse=True)
    for second in others:
        like = weight(second)[0] == weight(first)[0]
        if like and _mean_length(table, second) >= SECOND_TEXT * _mean_length(table, first):
            return sorted([first, second])
    return [first]


def _is_text(table: RawTable, place: int) -> bool:
    """Say whether a column may hold texts: letters in most cells, no addresses or dates, several
    values."""
    cells = table.columns[place]
    worded = sum(any(map(str.isalpha, cell)) and "://" not in cell[:12] for cell in cells)
    named = _is_named(table, place, TEXT_NAMES)
    varied = named or _distinct(table, place) > min(20, len(cells) / 10)
    return (
        worded > len(cells) / 2
        and varied
        and (named or _mean_length(table, place) >= SHORTEST_TEXT)
    )


def _label_names(table: RawTable, label: int, taken: set[int | None]) -> int | None:
    """Return a column that says in words what the codes of the label column mean, one for one."""
    codes = table.columns[label]
    if _has_letters(codes):
        return None
    for place, names in enumerate(table.columns):
        if place != label and place not in taken and _has_letters(names):
            pairs = set(zip(codes, names, strict=True))
            if len(pairs) == len(set(codes)) == len(set(names)):
                return place
    return None


def _has_letters(cells: Sequence[str]) -> bool:
    return any(any(map(str.isalpha, cell)) for cell in set(cells))
