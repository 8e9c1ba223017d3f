"""What `pet-mtl push` does: a checkpoint becomes one commit of a model repository."""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pet_mtl.errors import PetMtlError, RunError
from pet_mtl.hub.contents import Upload
from pet_mtl.hub_names import HUB_NAME
from pet_mtl.resources import own_version
from pet_mtl.suite.text_file import read_text_file

_REVISION = re.compile(r"[A-Za-z0-9][\w./-]{0,254}", re.ASCII)
_TOKEN = re.compile(r"[!-~]{1,1000}")
_NOTHING = "nothing was committed; a repository that was made for it is empty"


@dataclass(frozen=True)
class Target:
    """Where a checkpoint goes.

    Attributes:
        repo: `user/name` or `organisation/name`.
        revision: a branch, made where it is missing; None is the main one.
        private: the repository must be private; a new one is made so.
        token: of an account that may write there.
    """

    repo: str
    revision: str | None
    private: bool
    token: str

    def __repr__(self) -> str:
        return f"Target({self.repo!r}, {self.revision!r}, private={self.private})"


@dataclass(frozen=True)
class Pushed:
    """The commit that was made."""

    url: str
    commit: str


def target(
    repo: str, revision: str | None = None, private: bool = False, token_file: Path | None = None
) -> Target:
    """Check where a checkpoint is to go, and find the token.

    Args:
        token_file: holds the token; otherwise it is `HF_TOKEN`, or what `hf auth login` stored.

    Raises:
        PetMtlError: a wrong name, no token, or the environment says to stay offline.
    """
    from huggingface_hub import get_token
    from huggingface_hub.constants import is_offline_mode

    if not HUB_NAME.fullmatch(repo):
        raise PetMtlError(
            f"`{repo}` is no name of a repository", where="REPO", hint="write USER/NAME"
        )
    if revision is not None and (not _REVISION.fullmatch(revision) or ".." in revision):
        raise PetMtlError(
            f"`{revision}` is no name of a branch", where="--revision", hint="such as `v2`"
        )
    if is_offline_mode():
        raise PetMtlError(
            "the environment says to stay offline",
            where="HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE",
            hint="unset it to push",
        )
    found = get_token() if token_file is None else read_text_file(token_file).strip()
    where = "the token" if token_file is None else str(token_file)
    if not found:
        raise PetMtlError(
            "there is no token",
            where=None if token_file is None else where,
            hint="set HF_TOKEN, give `--token-file FILE`, or log in with `hf auth login`",
        )
    if not _TOKEN.fullmatch(found):
        raise PetMtlError(
            "this is no token: it must be one line of letters and digits", where=where
        )
    return Target(repo, revision, private, found)


def push(to: Target, uploads: Sequence[Upload], message: str) -> Pushed:
    """Upload files in one commit; the repository is made where it is missing.

    Raises:
        PetMtlError: the hub refuses: wrong token, no right to write, no such place, a conflict.
        RunError: the hub fails, or cannot be reached.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(
        endpoint(),
        token=to.token,
        library_name="pet_mtl",
        library_version=own_version(),
    )
    with _hub_errors(to), _quiet():
        api.create_repo(to.repo, private=to.private or None, exist_ok=True)
        if to.private and not api.model_info(to.repo).private:
            raise PetMtlError(
                "the repository is there already, and public",
                where=to.repo,
                hint="make it private on the hub, or push without `--private`",
            )
        if to.revision is not None:
            api.create_branch(to.repo, branch=to.revision, exist_ok=True)
        operations = [CommitOperationAdd(upload.path, upload.content) for upload in uploads]
        done = api.create_commit(to.repo, operations, commit_message=message, revision=to.revision)
    return Pushed(f"{endpoint()}/{to.repo}", done.oid)


def endpoint() -> str:
    """Return the hub's address: `HF_ENDPOINT`, or huggingface.co."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the hub library's bars and warnings off the terminal."""
    from huggingface_hub import utils as hub
    from huggingface_hub.utils import logging

    level, bars = logging.get_verbosity(), not hub.are_progress_bars_disabled()  # type: ignore[attr-defined]
    hub.disable_progress_bars()  # type: ignore[attr-defined]
    logging.set_verbosity(40)  # errors
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the card's metadata: what it lacks
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            hub.enable_progress_bars()  # type: ignore[attr-defined]


@contextmanager
def _hub_errors(to: Target) -> Iterator[None]:
    """Say what the hub's refusals and the network's failures mean."""
    from huggingface_hub.errors import HfHubHTTPError

    # of httpx, whichever of its versions the hub library was built on
    network: Any = next(base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError")
    try:
        yield
    except PetMtlError:
        raise
    except Exception as error:
        refused = _cause(error, HfHubHTTPError)
        if refused is not None:
            raise _refusal(to, refused) from error
        if isinstance(error, ValueError):
            raise PetMtlError(
                f"the hub refuses this: {_line(error)}", where=to.repo, hint=_NOTHING
            ) from error
        stored = type(error).__module__.split(".")[0] == "hf_xet"  # what carries large files
        ours = not isinstance(error, OSError | RuntimeError)
        if ours and not stored and _cause(error, network) is None:
            raise
        raise RunError(
            f"the hub cannot be reached, or the connection was cut: {_line(error)}",
            where=endpoint(),
            hint=f"{_NOTHING}; the same command tries again",
        ) from error


def _cause(error: BaseException | None, kind: Any) -> Any:
    """Return the first error of a kind among an error and what caused it."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error


def _refusal(to: Target, error: Any) -> PetMtlError:
    code = error.response.status_code
    said = str(getattr(error, "server_message", None) or "").strip().splitlines()
    words = f" (`{said[0][:200]}`)" if said else ""
    reasons = {
        401: (
            "the token is not accepted",
            "make one that may write: huggingface.co/settings/tokens",
        ),
        403: ("the token may not write there", "take a token with write access to the repository"),
        404: ("there is no such user, repository or branch", "check the name"),
        409: ("something else changed the repository meanwhile", "try again"),
        412: ("something else changed the repository meanwhile", "try again"),
        413: ("the checkpoint is too large for the hub", _NOTHING),
        429: ("the hub asks to wait: too many requests", "try again later"),
    }
    if code in reasons:
        what, hint = reasons[code]
        return PetMtlError(f"{what}: HTTP {code}{words}", where=to.repo, hint=f"{hint}; {_NOTHING}")
    kind = RunError if code >= 500 else PetMtlError
    what = "the hub failed" if code >= 500 else "the hub refuses this"
    return kind(f"{what}: HTTP {code}{words}", where=to.repo, hint=_NOTHING)


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300] or type(error).__name__
