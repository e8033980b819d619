# 中文界面。每个键在 en.ftl 中也有，变量相同；有测试检查。

## 命令：`cmd-<命令>`、`cmd-<命令>-<子命令>`，各有 `-desc`

cmd-ask = 提问
cmd-ask-desc = 向资料库提问，回答会注明出处
cmd-ingest = 添加
cmd-ingest-desc = 把文件、链接或文字加入资料库
cmd-docs = 资料
cmd-docs-desc = 资料库中的资料
cmd-docs-list = 列表
cmd-docs-list-desc = 列出你能看到的资料
cmd-docs-show = 查看
cmd-docs-show-desc = 查看一份资料
cmd-docs-delete = 删除
cmd-docs-delete-desc = 删除一份资料，之后的回答不再使用它
cmd-docs-reingest = 重新读取
cmd-docs-reingest-desc = 重新读取一份资料；链接会重新获取
cmd-jobs = 任务
cmd-jobs-desc = 正在运行、等待、结束或失败的任务
cmd-jobs-list = 列表
cmd-jobs-list-desc = 列出你的任务；管理员可以列出全部
cmd-jobs-show = 查看
cmd-jobs-show-desc = 查看一个任务：进行到哪里，为什么
cmd-jobs-cancel = 取消
cmd-jobs-cancel-desc = 停止一个任务
cmd-jobs-retry = 重试
cmd-jobs-retry-desc = 重新开始一个已结束的任务
cmd-why = 为什么
cmd-why-desc = 回答为什么采用这些出处：理由和排名
cmd-gaps = 待答
cmd-gaps-desc = 查看没有好回答的问题，并回答它们
cmd-stats = 统计
cmd-stats-desc = 查看本服务器的提问、评价、资料和费用
cmd-settings = 设置
cmd-settings-desc = 资料库在本服务器如何回答
cmd-settings-show = 查看
cmd-settings-show-desc = 查看设置
cmd-settings-answers = 回答
cmd-settings-answers-desc = 回答是怎样生成的
cmd-settings-access = 权限
cmd-settings-access-desc = 谁可以添加资料，哪里可以公开回答
cmd-settings-helpers = 帮手
cmd-settings-helpers-desc = 资料库里没有答案时，成员可以请哪个身份组帮忙
cmd-settings-digest = 周报
cmd-settings-digest-desc = 设置周报发到哪个频道
cmd-settings-limits = 限额
cmd-settings-limits-desc = 每人可以提问和添加多少
cmd-settings-retention = 保留
cmd-settings-retention-desc = 若干天后删除问题、回答和任务；资料不受影响
cmd-settings-reset = 重置
cmd-settings-reset-desc = 恢复运营者的默认设置
cmd-settings-erase = 清空
cmd-settings-erase-desc = 永久删除本服务器保存的全部数据
cmd-privacy = 隐私
cmd-privacy-desc = 查看保存了你的哪些数据，并可删除
cmd-help = 帮助
cmd-help-desc = 这个机器人能做什么，怎么用
cmd-add-to-library = 加入资料库
cmd-ask-about-this = 就此提问

## 多处使用的词

passages = { $n } 段
pages = { $n } 页
page = 第 { $page } 页
seconds = { $seconds } 秒
milliseconds = { $milliseconds } 毫秒
minutes = { $minutes } 分钟
untitled = 无标题
more = ……另有 { $n } 项
job = 任务 { $job }
source-link = 添加处

## 进行中的提问

progress-queued = **排队中**，{ $n ->
    [0] 下一个就是你的问题
   *[other] 前面还有 { $n } 个问题
}
wait-estimate = { $position }，大约 { $wait }
progress-queued-document = 排队中，第 { $position } 位
progress-no-worker = **等待中**：目前暂停回答问题。你的问题已保存，恢复后会回答。
progress-no-worker-document = 等待中：目前暂停读取资料
progress-not-queued = **等待开始**。你的问题已保存，之后会回答。
progress-retry = **再次尝试**，第 { $attempt } 次，共 { $attempts } 次
progress-retry-document = 再次尝试，第 { $attempt } 次，共 { $attempts } 次
progress-cancelling = **正在停止**……
progress-start = **正在开始**……
progress-rewrite = **正在阅读**对话……
progress-embed = **正在阅读**问题……
progress-recall = **正在检索**资料库……
progress-rerank = **正在比较**段落：{ $done } / { $total }
progress-rerank-start = **正在比较**段落……
progress-generate = **正在写**……
progress-writing = 正在写……

## 回答

button-cancel = 取消
button-retry = 重试
button-sources = 出处
button-why = 为什么是这些
button-looked = 我看了哪些资料
button-ask-again = 换种方式再问
button-original = 原件 { $n }
button-original-one = 原件
button-previous = 上一页
button-next = 下一页
button-reingest = 重新读取
button-fetch-again = 重新获取
button-delete = 删除
button-erase-me = 全部删除
button-erase-me-keep = 删除，但保留我添加的资料
button-add = 添加资料
button-helper = 请人帮忙
answer-sources = 引自 { $n } 个出处

answer-cancelled = 已取消。
answer-failed-footer = 给运营者的编号：{ $job }
answer-failed-attempts = 试了 { $attempts } 次。给运营者的编号：{ $job }
answer-in-file = ……其余内容在文件里：完整的回答一条消息放不下。
answer-file = 完整回答
answer-file-sources = 出处
answer-nearest = 最接近的资料
answer-abstained-hint = 请换个说法再问，或按*添加资料*。
answer-abstained-hint-server = 请换个说法再问，或在那个服务器里添加资料。
answer-searched-as = 检索用的问题：“{ $question }”
answer-deleted = 这个回答用到的资料已被删除，因此回答也一并删除了。请重新提问。
answer-conflict = 资料说法不一：{ $sources }
source-also-in = 另见 { $titles }
source-recognised = 图像识别的文字，置信度 { $percent }%
notice-answer = 你的回答已经好了。
notice-answer-failed = 你的问题没能得到回答。
notice-ingest = { $failed ->
    [0] { $done ->
        [one] 你的资料已经加入。
       *[other] 你的 { $done } 份资料已经加入。
    }
   *[other] { $total } 份资料中有 { $done } 份已加入，{ $failed } 份未能加入。
}
notice-private-expiring = 时间超过了 Discord 允许修改私密消息的期限。回答会以私信发给你；如果你关闭了私信，可用 `/任务 查看 { $job }`。
notice-private-expiring-ingest = 时间超过了 Discord 允许修改私密消息的期限。完成后会私信通知你；如果你关闭了私信，可用 `/任务 查看 { $job }`。
notice-undeliverable = Discord 在这里不接受它；可用 `/任务 查看 { $job }`。
notice-rerouted = 我在这里缺少发送它所需的权限，例如“附加文件”，所以改为私信发给你。如果收不到私信，请用 `/任务 查看 { $job }` 查看。

fallback-embed = 只按关键词检索
fallback-rewrite = 与上一个问题一起检索
fallback-simpler = 改用较简单的方法比较段落
fallback-partly = 有些段落没有比较
fallback-budget-simpler = 为节省费用，改用较简单的方法比较段落
fallback-rerank = { $method } 不可用，改由 { $used } 排序
fallback-rerank-none = { $method } 不可用，保持检索的顺序
fallback-rerank-partly = { $method } 没能评估每一段
fallback-generate = 语言模型不可用，改为引用原句
fallback-generate-scores = 按关键词选出句子
fallback-budget-rerank = 为节省费用，由 { $used } 代替 { $method } 排序
fallback-budget-generate = 为节省费用，改为引用原句
fallback-budget-rewrite = 为节省费用，追问与上一个问题一起检索
budget-limit-question = 每个问题的费用上限为 { $limit }
budget-limit-user = 每人 24 小时内的费用上限为 { $limit }，已用 { $spent }
budget-limit-server = 本服务器 24 小时内的费用上限为 { $limit }，已用 { $spent }
budget-available-in = { $when }又有余额
fallback-generate-numbers = 略去了数字没有出处的句子
fallback-generate-neighbours = 写作时没有用到段落的上下文
fallback-generate-cut = 回答被截断，止于最后一个完整的句子
fallback-generate-context = 语言模型一次读不了那么多，写作时只用了部分段落
fallback-other = { $stage }：用 { $used } 代替了 { $method }

## 出处与理由

sources-title = 出处
sources-none = 这个回答没有引用出处。
sources-abstained = 没有给出回答，所以没有引用。最接近的是：
why-title = 为什么是这些出处
why-title-abstained = 我看了哪些资料
why-how = 找到 { $recalled } 段，用 **{ $reranker }** 排序，回答采用前 { $read } 段。
why-how-none = 找到 { $recalled } 段，保持检索的顺序，回答采用前 { $read } 段。
why-how-abstained = 找到 { $recalled } 段，用 **{ $reranker }** 排序；没有一段足以回答。最接近的是：
why-written = 由语言模型 **{ $model }** 写成。
why-quoted = 回答中的句子都引自出处。
why-no-candidates = 什么也没有检索到：资料库里没有与这个问题相关的段落。
why-move-up = 检索时第 { $from } → 排序后**第 { $to }** ▲{ $by }
why-move-down = 检索时第 { $from } → 排序后**第 { $to }** ▼{ $by }
why-move-none = 检索时第 { $from } → 排序后**第 { $to }**
why-score = 得分 { $score }
why-cited = 引用为 [{ $n }]
why-conflict = 与另一份资料说法不一
why-duplicates = 另有 { $n } 段与更靠前的段落内容相同，已略过。
why-not-cited = 读过，未引用
why-dense = 语义第 { $rank }
why-keywords = 关键词第 { $rank }
why-picture = { $n } 段在 { $reranker } 排序前后的名次；彩色的是被引用的。
stage-rewrite = 阅读对话
stage-embed = 阅读问题
stage-recall = 检索
stage-rerank = 比较
stage-generate = 写作
plot-recall = 检索时
plot-rank = 排序后
plot-more = ……另有 { $n } 段

## 资料

ingest-title-open = 正在添加 { $total } 份资料，已完成 { $done } 份
ingest-title-done = { $total } 份资料中已加入 { $done } 份
ingest-title-all = { $total ->
    [1] 已加入资料库
   *[other] { $total } 份资料已加入资料库
}
ingest-title-unchanged = { $total ->
    [1] 资料库里已经有了
   *[other] 这 { $total } 份资料资料库里都已经有了
}
ingest-title-failed = { $total ->
    [1] 未能加入
   *[other] { $total } 份资料都未能加入
}
ingest-title-cancelled = 已取消
ingest-queued = 等待中
ingest-fetch = 正在获取链接……
ingest-parse = 正在读取……
ingest-ocr = 正在识别文字：第 { $page } 页，共 { $total } 页
ingest-chunk = 正在分段……
ingest-store = 正在保存……
ingest-embed = 正在处理段落：{ $done } / { $total }
ingest-cancelling = 正在停止……
ingest-done = { $passages }
ingest-done-pages = { $pages }，{ $passages }
ingest-unchanged = 没有变化，{ $passages }
ingest-superseded = 已有更新的版本
ingest-cancelled = 已取消
document-failed = 给运营者的编号：{ $job }
ingest-kept = 资料库里的这份资料保持不变。
ingest-warnings = { $n ->
    [1] 有一条警告：{ $first }
   *[other] 有 { $n } 条警告，第一条：{ $first }
}
unread = 未读取：{ $parts }
share = { $total } 中的 { $n }
unread-pages-without-text = { $n ->
   *[other] 只有图像的页面（{ $number } 页）
}
unread-pages-over-limit = { $n ->
   *[other] 超出上限的页面（{ $number } 页）
}
unread-images = { $n ->
   *[other] 图像（{ $number } 张）
}
unread-attachments = { $n ->
   *[other] 附件（{ $number } 个）
}
unread-hidden-sheets = { $n ->
   *[other] 隐藏的工作表（{ $number } 张）
}
unread-hidden-slides = { $n ->
   *[other] 隐藏的幻灯片（{ $number } 张）
}
unread-rows-over-limit = { $n ->
   *[other] 超出上限的行（{ $number } 行）
}
unread-damaged-parts = { $n ->
   *[other] 损坏的部分（{ $number } 处）
}
unread-unknown-script = { $n ->
   *[other] 无法识别其文字的页面或图像（{ $number }）
}
ingest-summary-done = 另有 { $n } 份已加入
ingest-summary-open = 另有 { $n } 份进行中
ingest-summary-failed = 另有 { $n } 份失败
scope-server = 本服务器的所有人可见
scope-own = 只有你可见
scope-channels = 只有 { $channels } 的成员可见
docs-title = { $total ->
    [0] 资料库是空的
   *[other] 资料库有 { $total } 份资料
}
docs-empty = 用 `/添加` 加入第一份，或打开带文件的消息的菜单，选择 *应用*、*加入资料库*。
personal-library = 这里只检索你的个人资料库。关于服务器的资料，请按回答下方的“向服务器提问……”，或在那个服务器里用 `/提问`。
docs-title-search = { $total ->
    [0] 没有符合搜索的资料
   *[other] 有 { $total } 份资料符合搜索
}
docs-no-match = 请换用标题里的其他词语搜索，或用 `/资料 列表` 查看全部资料。
docs-page-empty = 这一页已经没有资料。请用 `/资料 列表` 重新查看。
docs-page = 第 { $page } / { $pages } 页
docs-stored = 文件已用 { $used } / { $limit } MB
docs-open = 打开一份资料
doc-added = 由 { $who } 添加，{ $when }
doc-number = 资料 { $document }

## 任务

jobs-title-own = 你的任务
jobs-title-all = 本服务器的任务
jobs-none = 还没有任务。
jobs-page = 第 { $page } 页
jobs-open = 打开一个任务
job-kind-ask = 提问
job-kind-ingest = 资料
state-queued = 等待中
state-running = 进行中
state-succeeded = 完成
state-failed = 失败
state-cancelled = 已取消
state-dead = 失败
reason-queued = { $n ->
    [0] 下一个就是它
   *[other] 前面还有 { $n } 个任务
}
reason-rate-limited = 请求较多，稍后开始
reason-not-queued = 已保存，会自动开始
reason-no-worker-ask = 目前暂停回答问题，恢复后继续
reason-no-worker-ingest = 目前暂停读取资料，恢复后继续
reason-retry = 将进行第 { $attempt } 次尝试（共 { $attempts } 次），因为上一次失败了：{ $error }
reason-cancelling = 正在停止，完成当前步骤后结束
reason-worker-lost = 处理中断了，会自动重新开始
reason-cancelled = 取消于 { $when }
reason-done = 完成于 { $when }
job-attempt = 第 { $attempt } 次尝试，共 { $attempts } 次
job-open = 打开消息

## 待答的问题：没有好回答的问题

gaps-title = { $total ->
    [0] 没有待答的问题
   *[other] { $total } 个待答的问题
}
gaps-none = 最近 90 天，所有问题都得到了回答，也没有回答收到 👎。
gaps-hidden = 另有 { $n } 个问题未列出：它们是私密提问，或者来自你看不到的频道。
gaps-open = 打开一个问题
gap-questions = 问过 { $n } 次
gap-unanswered = { $n } 次没有找到答案
gap-times = 最早 { $since }，最近 { $last }
gap-also = 还有人这样问：
gap-hint = 按*回答*，你写的内容会加入资料库，以这个问题为标题。
gap-dismissed = 已忽略 **{ $question }**。如果再有人问而找不到答案，它会重新出现。
button-answer-gap = 回答
button-dismiss-gap = 忽略
form-gap = 回答问题
form-gap-question = 问题
form-gap-answer = 回答
form-erase-me = 删除关于我的全部数据
form-erase-me-keep = 删除关于我的数据，保留资料
form-erase-me-word = 请输入“删除”以确认
form-erase-server = 删除本服务器的全部数据
form-erase-server-name = 请输入本服务器的名称以确认
refusal-digest-channel = 我不能在 { $channel } 发言。请允许我查看该频道并发送消息，或换一个频道。
refusal-unknown-gap = 这个问题已不存在，或者你看不到它。用 `/待答` 查看当前的列表。

## 统计

stats-title = 统计
stats-window = { $days ->
    [1] 最近 24 小时
   *[other] 最近 { $days } 天
}
stats-questions = { $n } 个提问
stats-documents = 新增 { $n } 份资料
stats-tokens = { $n } 个 token
stats-cost = 共 { $total }（提问 { $questions }，资料 { $documents }）
stats-limit = 本服务器 24 小时内的费用上限为 { $limit }，已用 { $spent }
stats-soft-limit = 24 小时内的费用超过 { $limit } 后，会改用更便宜的方法。

## 周报

digest-title = 最近 7 天
digest-gaps = 待答的问题
digest-hint = 服务器管理者可以用 `/待答` 回答它们。
digest-failed = 周报没能发到 { $channel }：频道已删除，或者我不能在那里发言。请允许我查看该频道并发送消息，或用 `/设置 周报` 换一个频道。下周会再试一次。

## 设置

settings-title = 设置
settings-default = { $value }（默认）
settings-reranker = 方法
settings-passages = 检索 / 采用段数
settings-language = 回答语言
settings-language-question = 与问题相同
settings-language-en = 英文
settings-language-zh = 中文
settings-ingest-by = 谁可以添加资料
settings-ingest-by-everyone = 所有人
settings-ingest-by-managers = 服务器管理者
settings-ingest-by-role = 拥有 { $role } 的人和管理者
settings-public-channels = 可公开回答的频道
settings-public-channels-all = 所有频道
settings-digest = 周报
settings-digest-off = 关闭
settings-digest-failed = 上次没能发到这里
settings-helpers = 帮手
settings-helpers-none = 没有设置
settings-questions = 提问
settings-documents = 资料
settings-library = 保存的文件
settings-value-library_mb =
    { $n ->
        [0] 不限
       *[other] 最多 { $n } MB
    }
settings-retention = 问题和任务
settings-value-retention_days =
    { $n ->
        [0] 一直保留
       *[other] { $n } 天后删除
    }
settings-limits = { $person }，{ $server }
settings-limit-user-hour = { $n ->
    [0] 每人不限
   *[other] 每人每小时 { $n } 个
}
settings-limit-user-day = { $n ->
    [0] 每人不限
   *[other] 每人每天 { $n } 个
}
settings-limit-server-day = { $n ->
    [0] 服务器不限
   *[other] 服务器每天 { $n } 个
}
settings-changed = 由 { $who } 修改，{ $when }

## 帮助

help-title = 我能做什么
help-intro = 我根据大家放进来的资料回答问题，并说明每个回答的出处。找不到时，我会直说。
help-ask = **提问**用 `/提问`。数字 [1] [2] 标明出处；*为什么是这些*说明它们是怎样选出来的。选择私密时只有你能看到回答。
help-example = 例如：`/提问 问题: 工坊几点关门？`
help-follow-up = 也可以**提及**我并写下问题，不必用 `/提问`。在回答的子区里这样做，或回复某个回答并提及我，就是追问。
help-add = **添加**文件、链接或文字用 `/添加`，或从消息的菜单选择 *应用*、*加入资料库*。
help-browse = **查看**用 `/资料 列表` 和 `/任务 列表`。添加资料的人可以删除它。
help-manage = 管理者的**设置**：`/设置 查看` 显示谁可以添加、哪里可以公开回答、没有答案时请谁帮忙，以及限额；`/待答` 列出没有好回答的问题，可以直接回答。
help-privacy = **会保存什么**：资料、问题和回答、以及投票，直到被删除。在服务器里，我只读提及我的消息，以及你在*应用*里选择的消息。
help-footer = 资料和回答里的任何提及都不会通知任何人。

## 保存的数据与删除

privacy-title = 保存了你的哪些数据
privacy-nothing = 没有保存你的任何数据。
privacy-questions = { $n } 个问题及其回答
privacy-document_jobs = { $n } 次添加资料的请求
privacy-documents = { $n } 份你添加的资料
privacy-messages = { $n } 条给你的消息的位置
privacy-votes = { $n } 次投票
privacy-helper_requests = { $n } 次请人帮忙
privacy-gaps = { $n } 个你作为管理者回答或忽略的问题
privacy-settings = { $n } 个服务器的设置由你最后修改
privacy-digests = { $n } 个由你开启的每周摘要
privacy-costs = { $n } 条资料费用记录
privacy-note = 包括你使用过这个机器人的所有服务器和私信。不包括 Discord 里的消息，请自行删除。
erase-word = 删除
erase-person-done = 关于你的数据已全部删除。Discord 里的消息仍会保留。
erase-server-done = 本服务器的数据已全部删除。Discord 里的消息仍会保留。
erase-server-continues = 本服务器的资料库已清空，其余数据正在删除。Discord 里的消息仍会保留。
refusal-erase-name = 什么都没有删除。要删除全部数据，请输入本服务器的名称“{ $name }”。
refusal-erase-word = 什么都没有删除。要删除全部数据，请输入“删除”。
refusal-erase-on-server = 这个命令用于服务器。在私信中请使用 `/隐私`。

## 出了什么问题，按错误类别；`$detail` 是任务里的英文句子

error-unknown = 出了问题。请重试；如果还是这样，请告诉运营者。
error-RefdeskError = 出了问题（{ $detail }）
error-InvalidInput = 无法使用这个内容（{ $detail }）
error-UnreadableFile = 文件已损坏，或与它的名称不符。请打开它、另存一份再添加。
error-EncryptedFile = 文件有密码保护。请另存一份没有密码的再添加。
error-EmptyDocument = 里面没有文字。如果是扫描件，请先做文字识别，再添加结果。
error-UnsupportedFormat = 不支持这种文件。请另存为 PDF、Word、HTML 或纯文本再添加；压缩包请先解压，再添加里面的文件。
error-FileTooLarge = 它超过了这里允许的大小。请拆分后分别添加。
error-ParseTimeout = 读取时间过长。请拆分后分别添加。
error-ParserCrashed = 无法读取：文件已损坏或格式特殊。请另存一份，或存为 PDF 再添加。
error-ParserOutOfMemory = 读取这个文件需要的内存过多。请拆成几个小文件再添加。
error-ParserKilled = 读取文件时多次被中断。请稍后再试。
error-Quarantined = 这个文件多次读取失败，不再自动尝试。如果还想试，请在失败的任务上按*重试*。
error-LinkNotAllowed = 这个链接不能获取。只能获取公网上的 http 或 https 地址，链接里也不能有用户名和密码。请检查链接，或保存网页后添加文件。
error-LinkFailed = 链接获取失败。请确认它在浏览器里不登录也能打开；如果网站暂时打不开，请稍后再试，或保存网页后添加文件。
error-InvalidQuestion = 问题是空的，或者太长（{ $detail }）
error-UnknownName = 这里没有这个名称（{ $detail }）
error-QuotaExceeded = 超过了限额（{ $detail }）
error-LibraryFull = 资料库已满。请删除不需要的资料，再重新添加。
error-BudgetExceeded = 超过了费用上限（{ $detail }）
error-NotAllowed = 你没有这个权限（{ $detail }）
error-SetupError = 运行 Refdesk 的地方设置有误，需要它的运营者查看。
error-DatabaseUnavailable = 目前连不上资料库。请过几分钟再试。
error-DatabaseTooOld = Refdesk 的设置有误：数据库版本太旧，需要运营者升级。
error-SchemaMismatch = Refdesk 已更新，但数据库没有，需要运营者处理。
error-BrokerUnavailable = 现在无法开始处理。你的请求已保存，会尽快处理。
error-ModelUnavailable = Refdesk 需要的模型无法加载，需要运营者处理。
error-ProfileMismatch = Refdesk 的设置有误：使用的模型与资料库的不同，需要运营者处理。
error-NoJudgedQuestions = 没有可供评测的问题。
error-ProfileNotReady = 资料库还没有为新的模型准备好，需要运营者完成。
error-DiskFull = 运行 Refdesk 的磁盘已满。请等运营者腾出空间后重试。
error-MissingExtra = Refdesk 缺少一个组件，需要运营者安装。
error-LlmError = 语言模型出错了。请重试。
error-LlmTimeout = 语言模型没有及时回答。请稍后重试。
error-LlmRejected = 语言模型拒绝了请求，需要运营者检查它的设置。
error-PromptTooLong = 段落太长，语言模型读不下。请减少段落数再问。
error-LlmUnreachable = 目前连不上语言模型。请稍后重试。
error-LlmUnparsable = 语言模型给出的内容无法使用。请重试。
error-Cancelled = 已取消。
error-DocumentDeleted = 回答所用的一份资料刚刚被删除。请重新提问。
error-LeaseLost = 已在别处重新开始。
error-WorkerLost = 处理多次中断。如果是一份资料，它可能太大：请拆分后分别添加。

## 命令选项：`opt-<选项>`，各有 `-desc`；以及可选的内容

opt-question = 问题
opt-question-desc = 你想知道什么
opt-private = 私密
opt-private-desc = 只有你能看到回答；可以用到你能阅读的所有频道
opt-reranker = 方法
opt-reranker-desc = 怎样挑选写回答用的段落；请从建议中选择
opt-top-k = 段落数
opt-top-k-desc = 用多少个段落写回答
method-fast = 快速
method-accurate = 更准确
method-language-model = 语言模型读最好的 20 段，慢
reranker-auto = auto：不用语言模型时最准确的方法
reranker-none = none：保持检索顺序
reranker-late-interaction = late-interaction：逐词比较，快
reranker-cross-encoder = cross-encoder：问题和段落一起读
reranker-llm-pointwise = llm-pointwise：语言模型给每个段落打分，慢
reranker-llm-pairwise = llm-pairwise：语言模型两两比较，最慢
reranker-llm-listwise = llm-listwise：语言模型给段落排序
reranker-rerank-api = rerank-api：重排序服务

## 拒绝：只有本人能看到，并且都说明该怎么做

refusal-question-empty = 没有问题。请在 `/提问` 后面写一个，例如：怎么重置路由器？
refusal-question-long = 问题有 { $length } 个字符，最多只能读 { $limit } 个。请用更少的字提问，或者用 `/添加` 添加这段文字后再问。
refusal-private-only = 这个频道里的回答是私密的。请用 `/提问`，只有你能看到回答。
refusal-over-quota-user = 你在 { $window }内可以{ $what }，已经用完了。{ $when }可以再试。
refusal-over-quota-server = 这个服务器的所有人在 { $window }内一共可以{ $what }，已经用完了。{ $when }可以再试。
over-quota-ask = 提 { $n } 个问题
over-quota-ingest = 添加 { $n } 份资料
refusal-limit-too-high = 运营者在这里最多允许 { $limit }。可以设得更低，不能更高，也不能不限。
refusal-library-full = 资料库已满：还需要 { $needed } MB，而 { $limit } MB 中已用 { $used } MB。请先用 `/资料 删除` 删除不需要的资料。
refusal-outdated-command = Discord 显示的还是这个命令的旧样子。请重新加载应用后再试。
refusal-question-no-words = 问题里没有文字。请用文字写出你想知道的事。
refusal-discord-unavailable = Discord 刚才拒绝了或没有回应。请稍后再试。
refusal-internal-error = 出了不该出的问题。请再试一次；如果还是这样，请把编号 { $number } 告诉运营者。
duration-days = { $n } 天
duration-hours = { $n } 小时
duration-minutes = { $n } 分钟
duration-seconds = { $n } 秒

opt-file = 文件
opt-file-desc = 一个文件：PDF、Word、PowerPoint、Excel、HTML、EPUB、Markdown、文本、CSV、JSON 等
opt-file2 = 文件2
opt-file2-desc = 再加一个文件
opt-file3 = 文件3
opt-file3-desc = 再加一个文件
opt-file4 = 文件4
opt-file4-desc = 再加一个文件
opt-file5 = 文件5
opt-file5-desc = 再加一个文件
opt-link = 链接
opt-link-desc = 网页或文件的链接，以 https:// 开头
opt-text = 文字
opt-text-desc = 要添加的文字；什么都不填会打开一个更大的输入框
opt-title = 标题
opt-title-desc = 这段文字的标题
opt-visible = 可见
opt-visible-desc = 谁能找到它：不选时，如果所有人都能看到这个频道就是整个服务器
visible-server = 这个服务器的所有人
visible-channel = 只有这个频道的人
opt-search = 搜索
opt-search-desc = 标题里的字词
opt-document = 资料
opt-document-desc = 输入标题的开头
opt-all = 全部
opt-all-desc = 所有人的任务，限管理服务器的人
opt-job = 任务
opt-job-desc = 任务编号，或输入与它有关的字词
opt-answer = 回答
opt-answer-desc = 哪个回答；不填就是你在这个频道的最近一个
opt-top-n = 检索段数
opt-top-n-desc = 检索找到多少个段落，再从中挑选最好的
opt-language = 语言
opt-language-desc = 回答所用的语言
opt-add-by = 谁可添加
opt-add-by-desc = 谁可以添加资料
add-by-role = 有某个身份组的人和管理员
opt-role = 身份组
opt-role-desc = 哪个身份组的人可以添加资料
opt-helper-role = 身份组
opt-helper-role-desc = 成员按“请人帮忙”时通知哪个身份组
opt-digest-channel = 频道
opt-digest-channel-desc = 周报每周发到这个频道
opt-digest-off = 关闭
opt-digest-off-desc = 不再发周报
opt-helpers-off = 关闭
opt-helpers-off-desc = 去掉“请人帮忙”按钮
opt-questions-person = 每人提问
opt-questions-person-desc = 每人每小时可以提多少个问题；不能超过运营者的上限
opt-questions-server = 每天提问
opt-questions-server-desc = 整个服务器每天可以提多少个问题；不能超过运营者的上限
opt-documents-person = 每人资料
opt-documents-person-desc = 每人每天可以添加多少份资料；不能超过运营者的上限
opt-documents-server = 每天资料
opt-documents-server-desc = 整个服务器每天可以添加多少份资料；不能超过运营者的上限
opt-library-mb = 容量
opt-library-mb-desc = 资料库最多保存多少 MB 文件；不能超过运营者的上限，0 表示不限
opt-retention-days = 天数
opt-retention-days-desc = 多少天后删除；不能超过运营者的上限，0 表示一直保留
cmd-jobs-why = 原因
cmd-jobs-why-desc = 一个任务在等什么，或者为什么这样结束

## 按下按钮之后私下说的话

ask-again-title = 再问一次同样的问题：
button-more-passages = 多读一些段落
button-thorough = 找得更仔细
ask-again-more = *多读一些段落*：读 { $more } 段，而不是 { $now } 段。
ask-again-thorough = *找得更仔细*：更仔细地比较问题和每个段落，需要更长时间。
ask-again-none = 这里没有别的提问方式。请换个说法，或用 `/添加` 添加资料。
ask-again-reranker = 选择方法
vote-up = 谢谢！很高兴这有帮助。再按一次可以撤回。
vote-down = 谢谢，已经记下。这个回答有什么问题？再按一次 👎 可以撤回。
vote-reason-wrong = 不正确
vote-reason-incomplete = 不完整
vote-reason-outdated = 资料已过时
vote-with-reason = 谢谢，已记下原因：{ $reason }。再按一次 👎 可以撤回。
vote-removed = 你的评价已撤回。
button-cancel-deletion = 保留
delete-confirm = 删除 **{ $title }** 吗？回答会马上不再使用它，而且无法恢复。
delete-done = **{ $title }** 已删除，不会再有回答使用它。
delete-cancelled = **{ $title }** 保留不变。
job-private-question = （私密问题）
job-deleted-document = （已删除的资料）
job-hidden-document = （你看不到的频道里的资料）
job-requeued = 任务 { $job } 已重新排队。
job-cancelled = 任务 { $job } 已取消。
job-stopping = 任务 { $job } 会在下一步停止。
job-why = **任务 { $job }** · { $state }：{ $why }
ingest-received = 已收到……
settings-choose-channels = 回答可以公开的频道；一个都不选就是全部
form-text = 添加一段文字
form-text-title = 标题
form-text-text = 文字
form-about = 就此提问
form-about-question = 你的问题
form-about-hint = 留空就直接问消息里的问题
form-about-text = 这条消息
follow-up-refused = 关于你在 <#{ $channel }> 里的问题：{ $reason }
follow-up-dm-closed = 我不能回答这个，也不能私信告诉你原因。请用 `/提问` 提问，原因只有你能看到。
hint-forwarded-files = 转发的消息里只有文件。请先把它加入资料库（消息菜单 → *应用* → *加入资料库*），再用 `/提问` 提问。
hint-mention = 要提问，请在同一条消息里提及我并写下问题，或者使用 `/提问`。

## 其他拒绝

refusal-file-too-large = **{ $name }** 超过了可以添加的 { $limit } MB。请把它分成几份，或者请运营者提高上限。
refusal-file-empty = **{ $name }** 是空的。请重新保存后再附上。
refusal-file-unavailable = 无法从 Discord 读取 **{ $name }**。请重新附上。
refusal-same-name = 有两个文件都叫 **{ $name }**。请给其中一个换个名字，或者分开添加。
refusal-name-taken = **{ $name }** 已经在资料库里，是别人添加的，只有那个人或管理员可以替换。请给你的换个名字。
refusal-already-added = **{ $name }** 已经在资料库里，或者正在读取，不用再添加。`/资料 列表` 可以看到它。
refusal-invalid-link = { $link } 不是可以读取的链接。它必须以 https:// 或 http:// 开头。
refusal-text-empty = 没有文字。请在“文字”里写一段，或者附上文件，或者给出链接。
refusal-message-link = 那条消息里还有指向其他 Discord 消息的链接，不会继续读取。请直接使用那条消息的链接，或对它使用*加入资料库*。
refusal-channel-link = 这个链接指向频道。请复制一条消息的链接（消息菜单 → *复制消息链接*）。
refusal-message-elsewhere = 那条消息不在这个服务器里，无法确认你是否有权阅读。请对那条消息使用*加入资料库*。
refusal-message-hidden = 没有这条消息，或者你无法阅读它所在的频道。
refusal-message-unreadable = 机器人无法阅读那个频道。请让管理员给它“查看频道”和“读取消息历史”的权限，或对那条消息使用*加入资料库*。
refusal-message-timeout = Discord 没有及时返回那条消息。请重试。
refusal-message-empty = Discord 没有向机器人显示那条消息的内容。请对那条消息使用*加入资料库*。
refusal-nothing-to-add = 那条消息里没有可以添加的文件、链接或文字。请用 `/添加` 添加。
refusal-nothing-to-ask-about = 那条消息里没有可以提问的文字。请用 `/提问` 提问。
refusal-may-not-add-managers = 只有管理这个服务器的人可以添加资料。请他们来添加。
refusal-may-not-add-role = 这里只有身份组 { $role } 的人可以添加资料。请他们来添加。
refusal-unknown-document = 没有你能看到的资料“{ $name }”。请输入标题的开头并从列表中选择，或者用 `/资料 列表` 查看。
refusal-document-gone = 这份资料已不存在，或者你看不到它。用 `/资料 列表` 可以查看全部资料。
docs-channel-unavailable = 它的频道已不存在或不对你开放，只能删除
docs-search-more = 还有 { $n } 份；请搜索更完整的标题
refusal-same-title = 有几份资料都叫“{ $name }”：{ $numbers }。请写你要的那份的编号。
refusal-not-your-document = **{ $title }** 是别人添加的。只有那个人或管理服务器的人可以改动它。
refusal-original-too-large = **{ $name }** 超过了 Discord 在这里允许的 { $limit } MB。资料卡片上写着它的来源。
refusal-unknown-job = 没有你能看到的任务 { $job }。`/任务 列表` 可以列出你的任务。
refusal-not-your-job = 那是别人的任务。只有那个人或管理服务器的人可以停止或重试。
refusal-not-your-answer = 那是别人的回答。请自己用 `/提问` 提问。
refusal-no-answer-yet = 任务 { $job } 还没有回答。`/任务 查看 { $job }` 会说明进行到哪里。
refusal-no-last-answer = 你在这个频道还没有回答。请用 `/提问` 提问，或者指定一个。
refusal-no-vote = 你还没有对这个回答投反对票。请先按回答下方的 👎，再选择原因。
refusal-job-ended = 任务 { $job } 已经结束，没有可以停止的。
refusal-nothing-to-retry = 没有可以重试的：只有失败或取消的才能重试。想要别的回答请重新提问。
refusal-retry-other-server = 这个任务属于一个服务器。请在那里重试。
refusal-retry-private = 那是别人的私密问题，只有提问的人可以重试。
refusal-method-unknown = 没有这个方法。请从建议中选择一个。
refusal-choice-unavailable = 这个选项已经没有了。请用 `/提问` 重新提问。
refusal-managers-only = 只有管理这个服务器的人可以这样做。请他们来做。
refusal-role-missing = 请用“身份组”选项也指定身份组。
button-post = 发出问题
button-not-post = 不发
helper-confirm = 你的问题是私密的。要请 { $role } 帮忙，就要把它发到这个频道，所有人都能看到：
helper-asked = 已把问题发给 { $role }。
helper-not-asked = 什么也没有发出。
helper-request = { $role } 能帮帮 { $who } 吗？资料库里没有这个问题的答案：
refusal-no-helpers = 这个服务器还没有设置帮手。管理服务器的人可以用 `/设置 帮手` 选择身份组。
refusal-helper-role-gone = 帮手的身份组已被删除。请让管理服务器的人用 `/设置 帮手` 重新选择。
refusal-helper-role-empty = 目前没有人拥有身份组 { $role }，发出去也没有人会收到通知。请联系管理服务器的人。
refusal-helper-role-silent = 机器人不能提及 { $role }。请让管理服务器的人打开“允许任何人 @提及此身份组”。
refusal-helper-role-everyone = 这个身份组就是所有人。请选择只有帮手才有的身份组。
refusal-helper-no-permission = 机器人不能在这个频道发消息。请让管理员给它“发送消息”的权限，或在别的频道提问。
refusal-helper-asked = 这个问题已经请人帮忙了。
refusal-helper-limit = 你在 24 小时内可以请人帮忙 { $n } 次。{ $when }可以再试。
refusal-helper-elsewhere = 这个回答属于一个服务器。请在那里请人帮忙。

## 在私信里向服务器提问

button-ask-server = 向服务器提问……
ask-server-title = 请选择要查阅哪个服务器的资料。只有你能看到回答。
ask-server-choose = 选择服务器
ask-server-submitted = 已向 **{ $server }** 提问。回答会发到这里，只有你能看到。
refusal-no-shared-server = 没有你和我都在、且你能使用我的命令的服务器。你可以用 `/提问` 查阅个人资料库，或用 `/添加` 往里添加资料。
refusal-not-on-server = 你不能在那个服务器使用我：你或我已不在那里，或者那里的规则或权限不允许。请向别的服务器提问。

## 谁可以在哪里提问

cmd-settings-asking = 提问
cmd-settings-asking-desc = 谁可以提问，以及成员能否在私信里提问
cmd-settings-channel = 频道
cmd-settings-channel-desc = 某个频道里谁可以提问、回答是否公开、是否建立子区
opt-direct-messages = 私信
opt-direct-messages-desc = 成员可以在与机器人的私信里向本服务器提问，并在那里得到私密的回答
opt-channel = 频道
opt-channel-desc = 要设置的频道（默认：当前频道）
opt-answers = 回答方式
opt-answers-desc = 这个频道里的回答谁能看到
opt-threads = 子区
opt-threads-desc = 为每个公开的回答建立一个子区，用来追问
settings-ask = 谁可以提问
settings-ask-everyone = 所有人
settings-ask-roles = 拥有 { $roles } 的人和管理者
settings-direct-messages = 在私信里提问
settings-direct-messages-on = 允许
settings-direct-messages-off = 不允许
settings-channel-rules = 单独设置的频道
settings-answers-server = 与服务器相同
settings-answers-public = 公开回答
settings-answers-private = 私密回答
settings-threads = 为每个回答建立子区
settings-rule-ask = 可以提问：{ $who }
settings-channel-rule = { $channel }：{ $rule }
settings-list-separator = ；
settings-deleted-role = （已删除的身份组）
settings-deleted-channel = （已删除的频道）
settings-choose-roles = 可以提问的身份组；一个都不选就是所有人
settings-choose-channel-roles = 可以在这个频道提问的身份组；不选则与服务器相同
refusal-may-not-ask = 在这里只有拥有 { $roles } 的人可以提问。服务器的管理者可以更改。
refusal-may-not-ask-deleted = 可以在这里提问的身份组已被删除，现在只有管理者可以提问。管理者可以用 `/设置 提问` 或 `/设置 频道` 另选身份组。
refusal-may-not-add-deleted = 可以添加资料的身份组已被删除，现在只有管理者可以添加。管理者可以用 `/设置 权限` 另选身份组。
refusal-direct-messages-off = 这个服务器不允许在私信里提问。请在服务器里用 `/提问`。
refusal-settings-on-server = 这项设置只适用于服务器。请在加入了本机器人的服务器里使用。
