"""Every check of the project, so that `make test` ends with one summary and one exit status."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
REPORTS = ROOT / "build" / "reports"


@pytest.mark.parametrize("target", ["lint", "docs", "test-unit", "test-sanity", "test-lab"])
def test_make(target: str, subtests: pytest.Subtests) -> None:
    """The target succeeds; each case in the JUnit reports it leaves in build/reports/TARGET is a subtest."""
    reports = REPORTS / target
    shutil.rmtree(reports, ignore_errors=True)
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}}
    status = subprocess.call(["make", target], cwd=ROOT, env=environment)
    for report in sorted(reports.glob("*.xml")):
        for case in ElementTree.parse(report).iter("testcase"):
            with subtests.test(f"{report.stem}: {case.get('classname')} {case.get('name')}"):
                assert not [child.get("message") for child in case if child.tag in {"failure", "error"}]
    assert status == 0, f"make {target}: exit status {status}, see above"
