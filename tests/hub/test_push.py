"""`pet-mtl push` against a hub on loopback: what arrives there, what is refused before, and what
each failure says."""

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_hub import TOKEN, Hub, Repo
from huggingface_hub import ModelCard, constants, snapshot_download

import pet_mtl
from pet_mtl.scoring.prediction_files import predict_files
from pet_mtl.storage.checkpoint import MANIFEST
from pet_mtl.storage.state import COUNTERS

Call = Callable[..., Any]
FILES = {
    "README.md",
    "config.json",
    "model.safetensors",
    "pet_mtl.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "trained_on.safetensors",
    "verbalizers/pair.txt",
    "verbalizers/topic.txt",
}


def test_a_checkpoint_goes_there_and_comes_back(
    hub: Hub, call: Call, run_copy: Path, tmp_path: Path
) -> None:
    hub.large = ("model.safetensors",)
    (run_copy / "checkpoint" / "notes.txt").write_text("mine alone")
    ran = call("push", run_copy / "checkpoint", "me/toy", "--yes")
    assert (ran.code, ran.out) == (0, f"{hub.url}/me/toy\n"), ran.err
    assert hub.calls == ["create", "validate", "preupload", "batch", "put", "verify", "commit"]
    arrived = hub.repos["me/toy"].branches["main"]
    assert set(arrived) == FILES
    for name in FILES - {MANIFEST}:
        assert arrived[name] == (run_copy / "checkpoint" / name).read_bytes(), name
        assert f"{len(arrived[name]):,}  {name}\n" in ran.err
    assert f"bytes in {len(FILES)} files to {hub.url}/me/toy" in ran.err
    assert all(b"secret-place" not in content for content in arrived.values())
    assert ModelCard(arrived["README.md"].decode()).data.library_name == "pet_mtl"

    there = Path(snapshot_download("me/toy", cache_dir=tmp_path / "cache"))
    assert {str(file.relative_to(there)) for file in there.rglob("*") if file.is_file()} == FILES
    assert (there / MANIFEST).is_symlink()
    assert pet_mtl.load(there).tasks == ("topic", "pair")
    rows = tmp_path / "rows.tsv"
    rows.write_text("a\t体育\nb\t科技\n", encoding="utf-8")
    predicted = [
        predict_files(folder, {"topic": str(rows)}, tmp_path / "out")[0].read_bytes()
        for folder in (run_copy / "checkpoint", there)
    ]
    assert predicted[0] == predicted[1]


def test_what_arrived_is_told_though_nobody_reads_stdout(
    hub: Hub, call: Call, run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(text: str = "") -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("pet_mtl.console.put", gone)
    monkeypatch.setattr("pet_mtl.console.drop_stdout", lambda: None)
    ran = call("push", run_copy / "checkpoint", "me/toy", "--yes")
    assert ran.code == 0, ran.err
    assert f"written: {hub.url}/me/toy" in ran.err


def test_branches_and_json(hub: Hub, call: Call, run_copy: Path) -> None:
    for _ in range(2):  # the second time repository and branch are there
        ran = call(
            *("push", run_copy / "checkpoint", "me/toy", "--yes", "--json"),
            *("--revision", "v2/x", "--private"),
        )
        assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert told["repo"] == "me/toy"
    assert told["url"] == f"{hub.url}/me/toy"
    assert (told["revision"], told["private"], told["commit"]) == ("v2/x", True, "ab" * 20)
    assert {each["path"] for each in told["files"]} == FILES
    repo = hub.repos["me/toy"]
    assert (repo.private, set(repo.branches["v2/x"]), repo.branches["main"]) == (True, FILES, {})


def test_private_is_never_public(hub: Hub, call: Call, run_copy: Path) -> None:
    hub.repos["me/toy"] = Repo(private=False)
    ran = call("push", run_copy / "checkpoint", "me/toy", "--yes", "--private")
    assert ran.code == 2
    assert "the repository is there already, and public" in ran.err
    assert hub.calls == ["create", "info"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 2), ("\n", 2), ("", 2)]
)
def test_it_asks_on_a_terminal(
    hub: Hub, call: Call, run_copy: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    ran = call("push", run_copy / "checkpoint", "me/toy")
    assert ran.code == code, ran.err
    assert ran.err.index("model.safetensors") < ran.err.index("upload? [y/N]")
    assert bool(hub.calls) == (code == 0)


def test_nothing_goes_unasked(
    hub: Hub, call: Call, run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    ran = call("push", run_copy / "checkpoint", "me/toy")
    assert (ran.code, ran.out, hub.calls) == (2, "", [])
    assert "model.safetensors" in ran.err
    assert "nothing is uploaded unasked" in ran.err


def unfinished(run: Path) -> None:
    file = run / "last" / COUNTERS
    text = file.read_text()
    assert '"finished": true' in text
    file.write_text(text.replace('"finished": true', '"finished": false'))


@pytest.mark.parametrize(
    ("change", "folder", "message"),
    [
        (lambda run: None, "last", "this is the state of a run"),
        (unfinished, "checkpoint", "its run is not finished"),
        (lambda run: (run / ".begun.json").write_text("{}"), "checkpoint", "is not finished"),
        (lambda run: (run / "checkpoint" / "config.json").unlink(), "checkpoint", "lacks `config"),
        (
            lambda run: (run / "checkpoint" / "config.json").write_text("{}"),
            "checkpoint",
            "damaged or cut short",
        ),
        (lambda run: None, "", "this is no pet-mtl checkpoint"),
        (lambda run: None, "nowhere", "there is no such folder"),
    ],
)
def test_what_is_no_finished_checkpoint(
    hub: Hub,
    call: Call,
    run_copy: Path,
    change: Callable[[Path], Any],
    folder: str,
    message: str,
) -> None:
    change(run_copy)
    ran = call("push", run_copy / folder, "me/toy", "--yes")
    assert (ran.code, ran.out, hub.calls) == (2, "", [])
    assert message in ran.err


def test_a_run_that_goes_on(hub: Hub, call: Call, run_copy: Path) -> None:
    import fcntl

    with (run_copy / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = call("push", run_copy / "checkpoint", "me/toy", "--yes")
    assert ran.code == 2
    assert "its run is still going on" in ran.err


def test_links_out_of_the_folder(hub: Hub, call: Call, run_copy: Path, tmp_path: Path) -> None:
    """A card that is a link to somebody's key would be shown to everybody."""
    (tmp_path / "key").write_text("secret")
    card = run_copy / "checkpoint" / "README.md"
    card.unlink()
    card.symlink_to(tmp_path / "key")
    ran = call("push", run_copy / "checkpoint", "me/toy", "--yes")
    assert (ran.code, hub.calls) == (2, [])
    assert "`README.md` is a link that leads out of the folder" in ran.err


def test_an_old_checkpoint_gets_a_card(hub: Hub, call: Call, run_copy: Path) -> None:
    (run_copy / "checkpoint" / "README.md").unlink()
    assert call("push", run_copy / "checkpoint", "me/toy", "--yes").code == 0
    assert b"library_name: pet_mtl" in hub.repos["me/toy"].branches["main"]["README.md"]


@pytest.mark.parametrize(
    ("stage", "failure", "code", "message"),
    [
        ("create", 401, 2, "the token is not accepted: HTTP 401"),
        ("create", 403, 2, "the token may not write there: HTTP 403"),
        ("create", 404, 2, "there is no such user, repository or branch: HTTP 404"),
        ("create", 400, 2, "the hub refuses this: HTTP 400"),
        ("create", 500, 1, "the hub failed: HTTP 500"),
        ("create", "cut", 1, "the hub cannot be reached, or the connection was cut"),
        ("validate", 400, 2, "the hub refuses this: "),
        ("preupload", 403, 2, "the token may not write there: HTTP 403"),
        ("preupload", "cut", 1, "the connection was cut"),
        ("batch", 429, 2, "the hub asks to wait"),
        ("put", 500, 1, "the hub failed: HTTP 500"),
        ("put", "cut", 1, "the connection was cut"),
        ("verify", 404, 2, "there is no such"),
        ("commit", 401, 2, "the token is not accepted: HTTP 401"),
        ("commit", 409, 2, "something else changed the repository meanwhile: HTTP 409"),
        ("commit", 412, 2, "something else changed the repository meanwhile: HTTP 412"),
        ("commit", 413, 2, "too large for the hub: HTTP 413"),
        ("commit", 500, 1, "the hub failed: HTTP 500"),
        ("commit", 503, 1, "the hub failed: HTTP 503"),
        ("commit", "cut", 1, "the connection was cut"),
    ],
)
def test_failures(
    hub: Hub,
    call: Call,
    run_copy: Path,
    stage: str,
    failure: int | str,
    code: int,
    message: str,
) -> None:
    hub.large, hub.fail = ("model.safetensors",), {stage: failure}
    ran = call("push", run_copy / "checkpoint", "me/toy", "--yes")
    assert (ran.code, ran.out) == (code, ""), ran.err
    words = ran.err[ran.err.index("error: ") :]
    assert message in words
    assert "nothing was committed" in words
    assert "Traceback" not in ran.err
    assert TOKEN not in ran.err
    assert "\x1b" not in ran.err
    assert not any(repo.branches["main"] for repo in hub.repos.values())
    hub.fail = {}
    assert call("push", run_copy / "checkpoint", "me/toy", "--yes").code == 0


def test_a_wrong_token(
    hub: Hub, call: Call, run_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("hf_wrong\n")
    ran = call("push", run_copy / "checkpoint", "me/toy", "--yes", "--token-file", file)
    assert (ran.code, hub.repos) == (2, {})
    assert "the token is not accepted: HTTP 401" in ran.err
    assert "hf_wrong" not in ran.err
    monkeypatch.delenv("HF_TOKEN")
    file.write_text(f"  {TOKEN}\r\n")
    assert call("push", run_copy / "checkpoint", "me/toy", "--yes", "--token-file", file).code == 0


@pytest.mark.parametrize("content", ["", "\n \n", "a\nb", "ü", None])
def test_no_token(
    hub: Hub,
    call: Call,
    run_copy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str | None,
) -> None:
    options: list[Any] = []
    if content is None:
        monkeypatch.delenv("HF_TOKEN")
    else:
        (tmp_path / "token").write_text(content)
        options = ["--token-file", tmp_path / "token"]
    ran = call("push", run_copy / "checkpoint", "me/toy", "--yes", *options)
    assert (ran.code, hub.calls) == (2, [])
    assert "there is no token" in ran.err or "this is no token" in ran.err


@pytest.mark.parametrize("repo", ["toy", "a/b/c", "/toy", "me/", "me/../x", "me/to y", "ü/x", ""])
def test_wrong_names(hub: Hub, call: Call, run_copy: Path, repo: str) -> None:
    ran = call("push", run_copy / "checkpoint", repo, "--yes")
    assert (ran.code, hub.calls) == (2, [])
    assert "no name of a repository" in ran.err
    ran = call("push", run_copy / "checkpoint", "me/toy", "--yes", "--revision", "../main")
    assert (ran.code, hub.calls) == (2, [])


def test_offline(hub: Hub, call: Call, run_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    ran = call("push", run_copy / "checkpoint", "me/toy", "--yes")
    assert (ran.code, hub.calls) == (2, [])
    assert "HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE: the environment says to stay offline" in ran.err


@pytest.mark.slow
def test_from_a_process_of_its_own(hub: Hub, run_copy: Path, tmp_path: Path) -> None:
    """By `HF_ENDPOINT`, which counts when the hub's library is loaded."""
    command = [sys.executable, "-m", "pet_mtl", "push", str(run_copy / "checkpoint")]
    command += ["me/toy", "--yes"]
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1"}
    environment |= {"HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path / "home")}
    hub.large = ("model.safetensors",)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert (done.returncode, done.stdout) == (0, f"{hub.url}/me/toy\n"), done.stderr
    assert set(hub.repos["me/toy"].branches["main"]) == FILES
    assert hub.calls == ["create", "validate", "preupload", "batch", "put", "verify", "commit"]
