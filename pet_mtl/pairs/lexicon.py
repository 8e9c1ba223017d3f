"""The Chinese words that the rules replace, insert or leave alone."""


def _groups(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


def _opposites(text: str) -> dict[str, str]:
    """Return each word's opposite; the first one that is listed counts."""
    opposites: dict[str, str] = {}
    for group in _groups(text):
        for first, second in zip(group[::2], group[1::2], strict=True):
            opposites.setdefault(first, second)
            opposites.setdefault(second, first)
    return opposites


def _synonyms(text: str) -> dict[str, list[str]]:
    return {
        word: [other for other in group if other != word]
        for group in _groups(text)
        for word in group
    }


NEGATIVE_CHARACTERS = frozenset("不没未别无")
LIMITING_CHARACTERS = frozenset("不没未别无只仅才都")  # adverbs with one of them change the meaning
KEPT_ADVERBS = frozenset({"几乎", "差点", "难以"})

NEGATED = {
    "是": "不是", "有": "没有", "会": "不会", "能": "不能", "可以": "不可以", "要": "不要",
    "想": "不想", "应该": "不应该", "可能": "不可能", "必须": "不必", "需要": "不需要",
    "知道": "不知道", "喜欢": "不喜欢", "觉得": "不觉得", "认为": "不认为", "敢": "不敢",
    "愿意": "不愿意", "能够": "不能", "属于": "不属于", "同意": "不同意", "希望": "不希望",
    "打算": "不打算", "像": "不像", "爱": "不爱", "在": "不在", "存在": "不存在",
    "相信": "不相信", "允许": "不允许",
}  # fmt: skip
# what stands for a negated word or a negation that is taken back; empty: it is left out
AFFIRMED = {negated: plain for plain, negated in NEGATED.items()} | {
    "没有": "有", "没": "有", "无": "有", "不": "", "未": "已经", "别": "要", "无法": "可以",
    "不用": "需要",
}  # fmt: skip
NEGATIONS = ("没", "没有", "不", "不", "并没有")  # before any other verb

OPPOSITES = _opposites("""
大 小 多 少 高 低 长 短 快 慢 好 坏 早 晚 新 旧 远 近 冷 热 强 弱 贵 便宜 难 容易 困难 容易
重 轻 胖 瘦 老 年轻 男 女 男人 女人 男孩 女孩 男性 女性 男子 女子 父亲 母亲 爸爸 妈妈 爷爷 奶奶
哥哥 姐姐 弟弟 妹妹 儿子 女儿 丈夫 妻子 老师 学生 上 下 前 后 里 外 左 右 东 西 南 北 上午 下午
早上 晚上 白天 夜里 今天 昨天 今年 去年 明天 昨天 现在 过去 以前 以后 之前 之后 开始 结束
增加 减少 提高 降低 上升 下降 上涨 下跌 增长 下降 扩大 缩小 加强 削弱 成功 失败 胜利 失败 赢 输
买 卖 进 出 来 去 开 关 打开 关上 支持 反对 同意 拒绝 喜欢 讨厌 爱 恨 高兴 难过 快乐 痛苦
开心 伤心 幸福 不幸 满意 失望 积极 消极 主动 被动 安全 危险 简单 复杂 富 穷 富裕 贫穷 先进 落后
发达 落后 重要 次要 主要 次要 国内 国外 中国 外国 城市 农村 公开 秘密 真 假 真实 虚假 正确 错误
对 错 相同 不同 一样 不同 全部 部分 所有 少数 都 都不 完全 部分 经常 很少 常常 很少 总是 从不
一直 从来没 很多 很少 许多 很少 大量 少量 多数 少数 大部分 小部分 最后 最初 最大 最小 最高 最低
最好 最差 第一 最后 唯一 众多 已经 还没 刚 早就 生 死 活着 死了 健康 生病 聪明 笨 漂亮 丑
美丽 丑陋 干净 脏 安静 吵闹 热闹 冷清 熟悉 陌生 清楚 模糊 明显 不明显 继续 停止 保留 取消
参加 缺席 记得 忘记 记住 忘记 发现 没发现 承认 否认 接受 拒绝 允许 禁止 鼓励 禁止 有利 不利
优点 缺点 优势 劣势 朋友 敌人 盈利 亏损 收入 支出 出口 进口 自己 别人 一起 分别 免费 收费 晴 阴
夏天 冬天 春天 秋天 黑 白 黑色 白色 红色 绿色 站 坐 哭 笑 睡 醒 借 还 推 拉 问 回答 合格 不合格
合法 违法 有效 无效 有用 没用 有趣 无聊 清醒 糊涂 丰富 贫乏 充足 缺乏 充分 不足 稳定 动荡
和平 战争 繁荣 衰退 加快 放慢 推进 停止 完善 破坏 改善 恶化 保护 破坏 建立 撤销 统一 分裂
集中 分散 集体 个人 公共 私人 传统 现代 古代 现代 年轻人 老人 孩子 大人
""")

SYNONYMS = _synonyms("""
觉得 认为 感到
可以 能 能够
说 表示 讲
非常 很 十分
但是 可是 不过
因为 由于
所以 因此
现在 目前
马上 立刻 立即
也许 可能
看见 看到
高兴 开心 快乐
难过 伤心
帮助 帮
需要 要
应该 应当
知道 清楚 明白
如果 要是
一定 肯定
全部 所有
许多 很多 不少
经常 常常
爸爸 父亲
妈妈 母亲
妻子 老婆
丈夫 老公
孩子 小孩
漂亮 好看 美
获得 得到 取得
进行 做
使用 用
购买 买
出售 卖
完成 做完
提高 提升
增加 增多
减少 降低
重要 关键
特别 尤其
喜欢 爱
害怕 怕
生气 发火
工作 上班
学习 念书
没有 没
医生 大夫
家乡 老家
电脑 计算机
汽车 车
警察 民警
方法 办法
地方 地点
事情 事
朋友 友人
企业 公司
""")

# details that a sentence may hold or not
BEFORE_VERBS = (
    "经常", "已经", "一直", "最近", "特别", "第一次", "偷偷", "很快", "又", "主动", "亲自",
    "突然", "终于", "马上", "一个人", "和朋友", "和家人", "在家", "免费", "高兴地", "每天",
    "首次", "可能",
)  # fmt: skip
ENDINGS = (
    "是因为天气", "是为了孩子", "已经三年了", "让大家很高兴", "花了很多钱", "所以很有名",
    "还是第一次", "效果很好", "让人担心", "这很重要",
)  # fmt: skip
NUMERALS = "一两三四五六七八九十"
