"""What has to be installed for the commands with a web server."""

from importlib.util import find_spec

from pet_mtl.errors import PetMtlError

_PACKAGES = ("fastapi", "uvicorn", "prometheus_client")


def require_extra(command: str) -> None:
    """Refuse to start without the packages of the extra `studio`.

    Raises:
        PetMtlError: one of them is missing.
    """
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        names = ", ".join(name.replace("_", "-") for name in missing)
        raise PetMtlError(f"`{command}` needs {names}: pip install 'pet-mtl[studio]'")
