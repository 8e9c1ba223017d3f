import pytest
import toys

from pet_mtl.audit.finding import Finding
from pet_mtl.errors import PetMtlError, Problem, ProblemList, panics_as_errors


def test_a_problem_is_safe_to_print() -> None:
    problem = Problem("no column `\x1b[31mx`", where="a\nb\x9b.csv", hint="found `\u202e`")
    assert str(problem) == "a\\nb\\x9b.csv: no column `\\x1b[31mx`\n  hint: found `\\u202e`"


def test_a_line_end_in_a_name_begins_no_line() -> None:
    shown = str(Problem("no file\nerror: b", where="a\nerror: c", hint="look in `d\nerror: e`"))
    assert shown.split("\n") == [
        "a\\nerror: c: no file\\nerror: b",
        "  hint: look in `d\\nerror: e`",
    ]
    finding = Finding("note", "repeats", "a\nerror: b", "twice", ("c\nd:1",), "see e\nf")
    assert str(finding).split("\n") == [
        "note: a\\nerror: b: twice (c\\nd:1)",
        "  hint: see e\\nf",
    ]


def test_the_first_problems_are_shown_and_the_others_counted() -> None:
    problems = ProblemList()
    for number in range(20_000):
        problems.add(f"unknown key `k{number}`" + "x" * 1000)
    error = PetMtlError(problems.problems)
    assert len(error.problems) == 20_000
    assert len(error.lines()) == 21
    assert error.lines()[-1] == "and 19,980 more problems"
    assert len(str(error)) < 11_000
    assert (
        "more"
        not in str(PetMtlError(problems.problems[:22])).replace("\n", " ").split("x" * 50)[-1]
    )


def test_a_panic_of_a_library_is_an_error() -> None:
    shown = r"folder: no tokenizer: chunk size\n  hint: copy"
    inside = panics_as_errors("no tokenizer", where="folder", hint="copy")
    with pytest.raises(PetMtlError, match=shown), inside:
        raise toys.PanicException("chunk size")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, ValueError, MemoryError])
def test_everything_else_passes(kind: type[BaseException]) -> None:
    with pytest.raises(kind), panics_as_errors("no tokenizer"):
        raise kind
