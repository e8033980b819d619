"""Documents, questions and answers of a small workshop, in each language of the bot, for the scenes."""
# ruff: noqa: INP001

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.locales.texts import Texts, texts_for
from tests.bot_factories import CHANNEL, MESSAGE_LINK, PERSON, citation

BOARD, STEWARDS = "1180000000000000042", "1180000000000000043"


@dataclass(frozen=True, slots=True)
class Content:
    """The workshop in one language."""

    locale: str
    people: tuple[str, str, str]
    """The name of the person, of the channel and of the role."""
    board: str
    server: str
    used_word: str
    time: str
    private_note: str
    moments: tuple[str, str]
    """A relative time in the past and one in the future."""
    manual: str
    rules: str
    minutes: str
    prices: str
    printer: str
    extraction: str
    headings: tuple[str, ...]
    question: str
    answer: str
    quotes: tuple[str, str]
    unanswered: str
    abstention: str
    follow_up: str
    short: str
    gap: tuple[str, str]
    """A question that was asked twice without a good answer."""

    @property
    def t(self) -> Texts:
        """The texts of the bot."""
        return texts_for(self.locale)

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """Names of channels, roles and users by ID."""
        person, channel, role = self.people
        return ((CHANNEL, channel), (PERSON, person), (BOARD, self.board), (STEWARDS, role))

    @property
    def citations(self) -> Sequence[dict[str, Any]]:
        """The sources of the answer."""
        first, second = self.quotes
        return [
            citation(1, self.manual, document=11, page=14, origin=MESSAGE_LINK, source="manual-xl900.pdf", quote=first),
            citation(
                2, self.rules, document=12, page=None, origin="https://riverside-makers.example/rules", quote=second
            ),
        ]


ENGLISH = Content(
    locale="en-US",
    people=("Mika", "laser-cutter", "Stewards"),
    board="stewards",
    server="Open Workshop",
    used_word="used",
    time="Today at 18:04",
    private_note="Only you can see this · <b>Dismiss message</b>",
    moments=("2 minutes ago", "in 12 minutes"),
    manual="Laser cutter manual",
    rules="Workshop rules",
    minutes="Safety round, minutes of 3 March",
    prices="Material prices 2026",
    printer="3D printer handbook",
    extraction="Extraction and filters",
    headings=("Forbidden materials", "Cutting plastics", "Test pieces", "Filter change", "Laser cutter"),
    question="Which materials must never go into the laser cutter?",
    answer="""Three groups of materials are forbidden in the laser cutter:

- **PVC and vinyl**, because they give off hydrogen chloride when cut [1]
- **Polycarbonate thicker than 1 mm**, which catches fire rather than cuts [1]
- Anything **coated or of unknown origin**, until a steward has tested a piece of it [2]

Test pieces go into the tray beside the machine, with your name and the date [2].""",
    quotes=(
        (
            "Never cut PVC, vinyl or other materials that contain chlorine: hydrogen chloride attacks the optics and "
            "your lungs. Polycarbonate above 1 mm does not cut, it burns."
        ),
        (
            "Coated material and material of unknown origin has to be tested by a steward. Put a piece with your name "
            "and the date into the tray beside the machine."
        ),
    ),
    unanswered="Who has the key to the kiln room?",
    abstention="I found nothing in the library that answers this.",
    follow_up="And where do test pieces go?",
    short="Into the tray beside the machine, with your name and the date [1].",
    gap=("How do I book the pottery wheel?", "Can I reserve the wheel for Saturday?"),
)
CHINESE = Content(
    locale="zh-CN",
    people=("小米", "激光切割", "热心人"),
    board="管理员",
    server="开放工坊",
    used_word="使用了",
    time="今天 18:04",
    private_note="只有您才能看到这条消息 · <b>忽略消息</b>",
    moments=("2分钟前", "12分钟后"),
    manual="激光切割机手册",
    rules="工坊守则",
    minutes="3 月 3 日安全检查记录",
    prices="2026 年材料价格",
    printer="3D 打印机手册",
    extraction="排烟与滤网",
    headings=("禁用材料", "切割塑料", "试切件", "更换滤网", "激光切割机"),
    question="激光切割机里绝对不能放哪些材料？",
    answer="""激光切割机里禁止放入三类材料：

- **PVC 和乙烯基材料**，切割时会释放氯化氢 [1]
- **厚度超过 1 毫米的聚碳酸酯**，它会起火而不是被切开 [1]
- **带涂层或来源不明**的材料，须先由管理员试切一小块 [2]

试切件放在机器旁的托盘里，写上姓名和日期 [2]。""",
    quotes=(
        "切勿切割 PVC 等含氯材料：氯化氢会腐蚀光学元件，也会伤害肺部。超过 1 毫米的聚碳酸酯切不开，会烧起来。",
        "带涂层或来源不明的材料须由管理员试切。请把写有姓名和日期的小样放进机器旁的托盘。",
    ),
    unanswered="窑房的钥匙在谁那里？",
    abstention="资料库中没有找到这个问题的答案。",
    follow_up="试切件放在哪里？",
    short="放在机器旁的托盘里，写上姓名和日期 [1]。",
    gap=("怎么预约拉坯机？", "周六可以预订拉坯机吗？"),
)
LANGUAGES = {"en": ENGLISH, "zh-CN": CHINESE}
