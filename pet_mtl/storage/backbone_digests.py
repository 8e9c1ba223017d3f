"""Whether the backbone behind a name is still the one that the results in a folder are of."""

from collections.abc import Mapping
from pathlib import Path

from pet_mtl.data.digest import short_digest
from pet_mtl.errors import PetMtlError
from pet_mtl.storage.digests import file_digest
from pet_mtl.storage.model_files import cached_folder
from pet_mtl.storage.pretrained import suite_model
from pet_mtl.suite.suite import Suite


def backbone_digests(suites: Mapping[str, Suite]) -> dict[str, str]:
    """Return a digest of the weights of each suite's backbone by the suite's key. A hub name has
    that of the weights in the cache of the hub's models, and none before it was first loaded: the
    hub is not asked.

    Raises:
        PetMtlError: there is no such model.
    """
    found = {key: weights_digest(suite_model(suite)) for key, suite in suites.items()}
    return {key: digest for key, digest in found.items() if digest is not None}


def weights_digest(model: str) -> str | None:
    """Return a digest of the weights of a model's folder, or of the cache of a hub name, None where
    there are none: what stands beside them may be mended or written anew."""
    folder = Path(model) if Path(model).is_dir() else cached_folder(model)
    if folder is None:
        return None
    files = sorted(file for file in folder.glob("*.safetensors") if file.is_file())
    try:
        parts = [part.encode() for file in files for part in (file.name, file_digest(file))]
    except OSError:  # told where it is loaded
        return None
    return short_digest(*parts) if parts else None


def refuse_replaced(then: Mapping[str, str], now: Mapping[str, str], out: Path) -> None:
    """Refuse to add to results of another backbone; one that was not noted counts as the same.

    Args:
        then: `backbone_digests` that the folder holds.
        now: those of today.

    Raises:
        PetMtlError: a backbone was replaced.
    """
    replaced = [key for key in now if then.get(key, now[key]) != now[key]]
    if replaced:
        raise PetMtlError(
            "the backbone was replaced: the folder holds results of other files of "
            f"{', '.join(f'`{key}`' for key in replaced)}",
            where=str(out),
            hint="put those files back, or choose another folder with `--out DIR`",
        )
