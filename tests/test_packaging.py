"""What packages and images are made from: links, addresses, the files that the Dockerfile names."""

import importlib.util
import json
import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pet_mtl.resources import bundled_pattern_file

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def lines_of(text: str) -> list[str]:
    """Return the instructions of a Dockerfile, one a line."""
    kept = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return "\n".join(kept).replace("\\\n", " ").splitlines()


DOCKER = lines_of((ROOT / "Dockerfile").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def hook():
    pytest.importorskip("hatchling")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](docs/a.md)", "[a](R/blob/main/docs/a.md)"),
        ("[a](./docs/a.md#b), [c](c.md)", "[a](R/blob/main/docs/a.md#b), [c](R/blob/main/c.md)"),
        ("![a](docs/a.png)", "![a](R/raw/main/docs/a.png)"),
        (
            "[a](#here) [b](https://x.y/z) [c](mailto:a@b.c)",
            "[a](#here) [b](https://x.y/z) [c](mailto:a@b.c)",
        ),
    ],
)
def test_relative_links_point_into_the_repository(hook, text, expected):
    assert hook.absolute_links(text, "R") == expected


def test_the_package_page_has_no_broken_links(hook):
    text = hook.absolute_links(
        (ROOT / "README.md").read_text(encoding="utf-8"), "https://x.example"
    )
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links
    for link in links:
        assert re.match(r"https?://|#", link), link
        if own := re.match(r"https://x.example/(blob|raw)/main/([^#]+)", link):
            assert (ROOT / own[2]).exists(), link


def test_the_site_and_the_package_name_one_repository():
    repository = re.search(r"^repo_url: (\S+)", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M)
    assert repository is not None
    assert PROJECT["urls"]["Repository"] == repository[1]
    for address in PROJECT["urls"].values():
        assert address.startswith(repository[1])


def copied() -> list[str]:
    sources = []
    for line in DOCKER:
        if line.startswith("COPY ") and "--from" not in line:
            sources += shlex.split(line)[1:-1]
    return sources


def test_the_image_copies_what_exists_and_is_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert {"pet_mtl", "assets", "constraints.txt"} <= set(copied())
    for source in copied():
        assert (ROOT / source).exists(), source
        last = [p for p in ignored if p and p[0] != "#" and fnmatch(source, p.lstrip("!"))][-1]
        assert last.startswith("!"), source


def test_the_image_has_what_the_wheel_is_built_from():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    wheel = build["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], *PROJECT["license-files"]}
    assert needed | {"README.md", "pyproject.toml", "hatch_build.py"} <= set(copied())


def test_the_image_installs_the_pinned_stack_and_is_nobody_important():
    installs = [line for line in DOCKER if "pip install" in line]
    assert installs
    assert all("-c constraints.txt" in line for line in installs)
    last_stage = DOCKER[max(n for n, line in enumerate(DOCKER) if line.startswith("FROM ")) :]
    (user,) = [line.split()[1] for line in last_stage if line.startswith("USER ")]
    assert user.isdecimal()  # a number: systems that refuse root can tell
    assert int(user) > 0
    assert not [line for line in DOCKER if line.startswith("ADD ") or "://" in line]


def test_the_image_runs_a_python_that_the_package_supports():
    wanted = PROJECT["requires-python"].removeprefix(">=").split(".")
    for line in DOCKER:
        if found := re.match(r"FROM python:(\d+)\.(\d+)", line):
            assert [int(n) for n in found.groups()] >= [int(n) for n in wanted]


def test_the_default_command_is_the_offline_demo():
    (entry,) = [json.loads(line[11:]) for line in DOCKER if line.startswith("ENTRYPOINT ")]
    (command,) = [json.loads(line[4:]) for line in DOCKER if line.startswith("CMD ")]
    assert entry == ["pet-mtl"]
    assert entry[0] in PROJECT["scripts"]
    assert command[:2] == ["train", "--patterns"]
    assert bundled_pattern_file(command[2]).is_file()
