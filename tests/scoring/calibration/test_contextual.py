from pet_mtl.scoring.calibration.contextual import CONTENT_FREE, fitting_rows


def test_each_text_without_content_is_a_row_with_all_fields_alike() -> None:
    rows = fitting_rows(("premise", "hypothesis"))
    assert [rows.text(i) for i in range(len(rows))] == [
        {"premise": t, "hypothesis": t} for t in CONTENT_FREE
    ]
    assert (rows.labels == -1).all()
