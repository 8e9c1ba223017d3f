"""A verbalizer file with other label words: comments, order and spacing stay."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pet_mtl.atomic import link_target, write_bytes, write_text
from pet_mtl.errors import PetMtlError
from pet_mtl.suite.label_lines import field_spans, format_field, split_fields
from pet_mtl.suite.openprompt_verbalizer import is_openprompt_text
from pet_mtl.suite.text_file import LINE_END, read_text_file
from pet_mtl.suite.verbalizer import Verbalizer, format_verbalizer


def check_writable(path: Path) -> None:
    """Refuse a file whose form cannot be kept, before any work is done.

    Raises:
        PetMtlError: the file is there and is not in our own format, or cannot be read; see
            `link_target`.
    """
    link_target(path)
    if path.exists() and not _is_ours(path):
        raise PetMtlError(
            "only verbalizer files of pet-mtl's own format can be changed in place",
            where=str(path),
            hint="name a file that is not there yet: it is written in that format",
        )


def write_words(path: Path, old: Verbalizer, words: Mapping[str, Sequence[str]]) -> None:
    """Write the words of each label into a verbalizer file.

    Args:
        path: changed in place; if it is not there, it starts as a copy of the file that `old` comes
            from.
        old: the task's verbalizer.

    Raises:
        PetMtlError, RunError: the file cannot be read or written.
    """
    source = path if path.exists() else Path(old.source)
    if source.is_file() and old.lines and _is_ours(source):
        text = source.read_bytes().decode("utf-8")  # line ends and byte order mark stay as they are
        # the words may stand in a pattern file, whatever its name
        if source == path or _labels(text) == set(old.labels):
            write_bytes(path, edit(text, words).encode("utf-8"))
            return
    new = tuple(tuple(words[label]) for label in old.labels)
    write_text(path, format_verbalizer(Verbalizer(labels=old.labels, words=new)))


def edit(text: str, words: Mapping[str, Sequence[str]]) -> str:
    """Return the text of a verbalizer file with other words; a line whose words stay is not
    touched, and labels that have no line get theirs where they stand in `words`: the order may be
    that of a scale.

    >>> edit("# news\\n100  故事 传说   # stories\\n101  文化\\n", {"100": ["小说"]})
    '# news\\n100  小说   # stories\\n101  文化\\n'
    >>> edit("low 差\\nhigh 好\\n# c\\n", {"low": ["差"], "mid": ["中"], "high": ["好"]})
    'low 差\\nmid  中\\nhigh 好\\n# c\\n'
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    parts = LINE_END.split(text.removeprefix(mark))  # lines, and between them their ends
    parts[::2] = [_edit_line(line, words) for line in parts[::2]]
    end = parts[1] if len(parts) > 1 else "\n"
    there = [_label(line) for line in parts[::2]]
    next_one: str | None = None
    for label in reversed([*words]):
        if label not in there:
            place = len(there) - 1 if next_one is None else there.index(next_one)
            if next_one is None and parts[-1]:
                parts += [end, ""]
                there.append(None)
                place += 1
            parts[2 * place : 2 * place] = [_edit_line(format_field(label), words), end]
            there.insert(place, label)
        next_one = label
    return mark + "".join(parts)


def _labels(text: str) -> set[str]:
    """Return the first field of each line of a verbalizer file."""
    lines = LINE_END.split(text.removeprefix("\ufeff"))[::2]
    return {label for line in lines if (label := _label(line)) is not None}


def _label(line: str) -> str | None:
    fields = split_fields(line)
    return fields[0].text if fields else None


def _edit_line(line: str, words: Mapping[str, Sequence[str]]) -> str:
    spans = field_spans(line)
    if not spans or (label := spans[0][0].text) not in words:
        return line
    if [field.text for field, _, _ in spans[1:]] == list(words[label]):
        return line
    new = " ".join(map(format_field, words[label]))
    if len(spans) == 1:
        end = spans[0][2]
        return f"{line[:end]}  {new}{line[end:]}"
    return line[: spans[1][1]] + new + line[spans[-1][2] :]


def _is_ours(path: Path) -> bool:
    if path.suffix.lower() in (".json", ".jsonl", ".yaml", ".yml"):
        return False
    return not is_openprompt_text(split_fields(line) for line in read_text_file(path).split("\n"))
