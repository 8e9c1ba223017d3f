"""What an index shows as the package's page: README.md, its links pointing into the repository."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"\]\((?!\w+:|#|//)([^)\s]+)\)")
IMAGES = (".png", ".svg")  # of which `blob` is a page about the image


def absolute_links(text: str, repository: str) -> str:
    """Point the relative links of a Markdown text into the repository."""

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link[1].endswith(IMAGES) else "blob"
        return f"]({repository}/{kind}/main/{link[1].removeprefix('./')})"

    return LINK.sub(absolute, text)


class ReadmeHook(MetadataHookInterface):
    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": absolute_links(text, metadata["urls"]["Repository"]),
        }
