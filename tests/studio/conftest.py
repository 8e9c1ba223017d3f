"""A suite in files whose label words are edited: tasks of 2 and 119 labels, names with slashes and
HTML, two patterns, words in a file and words in the pattern file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from one_thread import one_thread  # noqa: F401

CHARACTERS = (
    "一二三四五六七八九十条新闻体育天气科技文化这是好的真不坏类山水火土木金日月红蓝绿：。？，"
)
HOSTILE = ['<img src=x onerror="document.title=1">', "a/b/../c", "{{x}}"]

PATTERNS = """\
version: 1
model: {model}
tasks:
  topic:                                  # words in a file
    description: "topics <b>bold</b>"
    prefix: "类："                        # the prefix
    patterns:
      - "{{mask}}。{{title}}"             # first
      - "{{title}}是{{mask}}"
    verbalizer: topic.txt
    columns: {{title: 0, label: 1}}
    data: {{train: topic.train.tsv, dev: topic.dev.tsv}}
  pair:                                   # words here
    patterns: "{{one}}？{{mask}}，{{two}}"
    verbalizer:
      "0": [好, 真好]                     # good
      "1": 坏
    columns: {{one: 0, two: 1, label: 2}}
    data: {{train: pair.dev.tsv, dev: pair.dev.tsv}}
  many:
    patterns: "{{mask}}：{{text}}"
    verbalizer: many.txt
    columns: {{text: 0, label: 1}}
    data: {{train: many.tsv, dev: many.tsv}}
train: {{max_length: 32, precision: fp32}}
"""
TOPIC = """# what the news is about
"<img src=x onerror=\\"document.title=1\\">"   新   # first
a/b/../c                                      体 育
{{x}}                                         科   # last
"""


@pytest.fixture(scope="session")
def toy_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import toys

    folder = tmp_path_factory.mktemp("backbone")
    toys.write_bert(folder, sorted(set(CHARACTERS)), initializer_range=0.5)
    return folder


@pytest.fixture(scope="session")
def character_backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backbone for the tasks of `toy_kinds`."""
    import toys
    from toy_runs import CHARACTERS

    folder = tmp_path_factory.mktemp("characters")
    toys.write_bert(folder, CHARACTERS, initializer_range=0.5)
    return folder


@pytest.fixture
def folder(tmp_path: Path, toy_backbone: Path) -> Path:
    """The suite's folder: `toy.yaml` and what it names."""
    (tmp_path / "toy.yaml").write_text(PATTERNS.format(model=toy_backbone), encoding="utf-8")
    (tmp_path / "topic.txt").write_text(TOPIC, encoding="utf-8")
    texts = [
        "一条新闻",
        "体育天气",
        "科技文化",
        "山水火土",
        "<script>document.title=2</script>",
        "红蓝绿",
    ]
    for part in ("train", "dev"):
        rows = [
            f"{texts[(n + k) % 6]}{CHARACTERS[n % 30]}{part[0]}\t{label}\n"
            for n in range(20)
            for k, label in enumerate(HOSTILE)
        ]
        (tmp_path / f"topic.{part}.tsv").write_text("".join(rows), encoding="utf-8")
    pairs = [f"这是{a}\t{b}\t{k}\n" for a in "山水火" for k, b in enumerate("真坏")]
    (tmp_path / "pair.dev.tsv").write_text("".join(pairs), encoding="utf-8")
    words = [a + b for a in "一二三四五六七八九十" for b in "山水火土木金日月红蓝绿新"][:119]
    # every object of JavaScript has a `constructor`
    names = ["constructor", *(f"label-{n}" for n in range(1, 119))]
    labels = "".join(f"{name}  {word}\n" for name, word in zip(names, words, strict=True))
    (tmp_path / "many.txt").write_text(labels, encoding="utf-8")
    rows = [f"{words[n]}{n}\t{name}\n" for n, name in enumerate(names)]
    (tmp_path / "many.tsv").write_text("".join(rows), encoding="utf-8")
    return tmp_path


@pytest.fixture
def make_app(folder: Path) -> Callable[..., Any]:
    """Return what makes the application over the suite's files as they are."""
    pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
    from pet_mtl.studio.app import Choice, create_app
    from pet_mtl.words.loaded import load

    def make(access: Any = None) -> Any:
        loaded = load(folder / "toy.yaml", None)
        choice = Choice(loaded.from_checkpoint, place=folder / "cache")
        return create_app(loaded, choice, access)

    return make


class Client:
    """The page's requests."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.client.post(f"/api/tasks/{path}", json={} if body is None else body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def job(self, path: str, body: Any) -> Any:
        found = self.post(path, body)
        while found["state"] == "running":
            found = self.client.get(f"/api/jobs/{found['job']}").json()
        return found

    def run(self, path: str, body: Any) -> Any:
        found = self.job(path, body)
        assert found["state"] == "done", found
        return found["result"]


@pytest.fixture
def client_of() -> Iterator[Callable[[Any], Client]]:
    """Return what opens an application for requests."""
    pytest.importorskip("fastapi", reason="the extra `studio` is not installed")
    from fastapi.testclient import TestClient

    opened: list[Any] = []

    def open_(app: Any) -> Client:
        client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
        opened.append(client.__enter__())
        return Client(opened[-1])

    yield open_
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def open_client(
    make_app: Callable[..., Any], client_of: Callable[[Any], Client]
) -> Callable[..., Client]:
    return lambda **options: client_of(make_app(**options))


@pytest.fixture
def client(open_client: Callable[..., Client]) -> Client:
    return open_client()


@pytest.fixture
def words_of() -> Callable[..., dict[str, list[str]]]:
    """Return what gives the labels of `topic` their words."""
    return lambda *words: dict(zip(HOSTILE, words, strict=True))
