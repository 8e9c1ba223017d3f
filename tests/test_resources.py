"""Running from files that nothing installed."""

import pytest

import pet_mtl
from pet_mtl import resources
from pet_mtl.resources import own_version, versions


def test_versions_are_those_installed() -> None:
    assert set(versions()) == {"pet-mtl", "torch", "transformers"}
    assert own_version() == pet_mtl.__version__ != "unknown"


def test_a_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise resources.PackageNotFoundError(name)

    monkeypatch.setattr(resources, "version", missing)
    assert own_version() == "unknown"
    assert pet_mtl.__version__ == "unknown"
