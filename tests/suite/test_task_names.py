from types import SimpleNamespace

import pytest

from pet_mtl.suite import task_section


@pytest.mark.parametrize(("name", "fits"), [("con", False), ("lpt1", False), ("icon", True)])
def test_a_device_of_windows_is_none_there(
    monkeypatch: pytest.MonkeyPatch, name: str, fits: bool
) -> None:
    monkeypatch.setattr(task_section, "os", SimpleNamespace(name="nt"))
    assert (task_section.name_problem(name) is None) is fits
