"""What the site changes in a page: links that leave docs/ point into the repository, Chinese pages
say that they are Chinese and have no spaces where their lines end, and none asks another site for
anything."""

import re
from typing import Any

_THEME = {
    '<html lang="en"': '<html lang="zh-CN"',
    "Table of contents": "目录",
    "Back to top": "回到顶部",
    'placeholder="Search"': 'placeholder="搜索"',
}
_CHINESE = "[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef“”…]"
_LINE_END = re.compile(rf"(?<={_CHINESE})((?:</\w+>)*)\n((?:<\w[^>]*>)*)(?={_CHINESE})")


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """In the repository `../benchmarks/x.py` works as it stands; the site has no such page."""
    out_of_docs = "../" * (page.file.src_uri.count("/") + 1)
    link = re.compile(rf"\]\({re.escape(out_of_docs)}(?!\.\./)([^)\s]+)\)")
    return link.sub(rf"]({config.repo_url}/blob/main/\1)", markdown)


def on_page_content(html: str, page: Any, **_: Any) -> str:
    """A browser shows the end of a line as a space, which Chinese has not between characters."""
    if not page.file.src_uri.startswith("zh/"):
        return html
    parts = re.split(r"(<pre.*?</pre>)", html, flags=re.DOTALL)  # code keeps its lines
    return "".join(
        part if part.startswith("<pre") else _LINE_END.sub(r"\1\2", part) for part in parts
    )


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """The theme knows one language for all pages."""
    if page.file.src_uri.startswith("zh/"):
        for english, chinese in _THEME.items():
            output = output.replace(english, chinese)
    return on_post_template(output)


def on_post_template(output_content: str, **_: Any) -> str:
    """The theme's script would ask GitHub for the stars of what has this attribute."""
    return output_content.replace('data-md-component="source"', "")
