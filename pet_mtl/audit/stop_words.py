"""Function words: frequent in every text, so they say nothing about what a text is about."""

_CHINESE = """
的 了 是 在 我 有 和 就 不 人 都 一 一个 上 也 很 到 说 要 去 你 会 着 没有 看 好 自己 这 他 她 它 们 我们 你们
他们 她们 它们 那 这个 那个 这些 那些 什么 怎么 怎样 如何 为什么 哪 哪个 谁 多少 几 吗 呢 吧 啊 呀 哦 嗯 嘛 啦 与
及 或 或者 而 而且 但 但是 却 因为 所以 如果 虽然 然后 并 并且 还 还是 又 再 才 只 只是 从 向 对 对于 把 被 给 让
为 为了 以 于 由 由于 跟 同 比 按 等 之 其 其中 此 该 各 每 某 可以 能 能够 应该 可能 已经 正在 曾 将 最 更 太 非常
十分 比较 越 个 些 次 年 月 日 中 里 下 前 后 时 时候 得 地 过 来 没 不是 就是 那么 这样 这么 那样 里面 以及 这里
那里 起来 出来 下来 一样 一下 一些 一种 之后 之前
"""
_ENGLISH = """
a about after all also am an and any are as at be because been before being but by can could did do does down for
from had has have he her here him his how i if in into is it its just me more most my no not now of off on one only
or other our out over own re s same she should so some such t than that the their them then there these they this
those through to too under until up us very was we were what when where which while who why will with would you your
"""

STOP_WORDS = frozenset((_CHINESE + _ENGLISH).split())
