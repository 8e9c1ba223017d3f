import pytest
from fake_report import fake_report

from pet_mtl.report.data import ReportData


@pytest.fixture(scope="session")
def report() -> ReportData:
    return fake_report()
