from pet_mtl.data.rows import Rows
from pet_mtl.scoring.calibration.prior import SAMPLE, fitting_rows


def texts(count: int) -> Rows:
    return Rows.of({"text": [str(number) for number in range(count)]})


def test_few_rows_are_all_taken() -> None:
    rows = texts(SAMPLE)
    assert fitting_rows(rows, 1) is rows


def test_of_many_rows_the_seed_draws_a_sample_in_order() -> None:
    def drawn(seed: int) -> list[int]:
        return [
            int(text) for text in fitting_rows(texts(SAMPLE * 4), seed).fields["text"].to_pylist()
        ]

    first = drawn(1)
    assert first == sorted(set(first)) == drawn(1)
    assert len(first) == SAMPLE
    assert max(first) > SAMPLE * 3  # from all of them, not the first ones
    assert drawn(2) != first
