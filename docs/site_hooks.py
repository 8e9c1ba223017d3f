"""What the site changes in a page: links that leave docs/ point into the repository, Chinese pages
say that they are Chinese, and none asks another site for anything."""

import re
from typing import Any


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """In the repository `../benchmarks/x.py` works as it stands; the site has no such page."""
    out_of_docs = "../" * (page.file.src_uri.count("/") + 1)
    link = re.compile(rf"\]\({re.escape(out_of_docs)}(?!\.\./)([^)\s]+)\)")
    return link.sub(rf"]({config.repo_url}/blob/main/\1)", markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """The theme knows one language for all pages."""
    if page.file.src_uri.startswith("zh/"):
        output = output.replace('<html lang="en"', '<html lang="zh-CN"', 1)
    return on_post_template(output)


def on_post_template(output_content: str, **_: Any) -> str:
    """The theme's script would ask GitHub for the stars of what has this attribute."""
    return output_content.replace('data-md-component="source"', "")
