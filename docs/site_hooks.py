"""What the site changes in a page: links that leave docs/ point into the repository."""

import re
from typing import Any


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """In the repository `../benchmarks/x.py` works as it stands; the site has no such page."""
    out_of_docs = "../" * (page.file.src_uri.count("/") + 1)
    link = re.compile(rf"\]\({re.escape(out_of_docs)}(?!\.\./)([^)\s]+)\)")
    return link.sub(rf"]({config.repo_url}/blob/main/\1)", markdown)
