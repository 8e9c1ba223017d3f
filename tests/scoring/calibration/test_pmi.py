from pet_mtl.scoring.calibration.pmi import fitting_rows


def test_the_domain_is_one_row_without_text() -> None:
    rows = fitting_rows(("premise", "hypothesis"))
    assert len(rows) == 1
    assert rows.text(0) == {"premise": "", "hypothesis": ""}
