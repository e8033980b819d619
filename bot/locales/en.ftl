# English texts. Every key also exists in zh-CN.ftl with the same variables (checked by a test).

## Commands: `cmd-<command>`, `cmd-<command>-<subcommand>`, each with `-desc`

cmd-ask = ask
cmd-ask-desc = Ask the library a question and get an answer with sources
cmd-ingest = ingest
cmd-ingest-desc = Add files, a link or text to the library
cmd-docs = docs
cmd-docs-desc = Browse and manage the documents in the library
cmd-docs-list = list
cmd-docs-list-desc = List the documents you can see
cmd-docs-show = show
cmd-docs-show-desc = Show a document
cmd-docs-delete = delete
cmd-docs-delete-desc = Delete a document so that answers stop using it immediately
cmd-docs-reingest = reingest
cmd-docs-reingest-desc = Process a document again; a link is fetched again
cmd-jobs = jobs
cmd-jobs-desc = View and manage questions and documents being processed
cmd-jobs-list = list
cmd-jobs-list-desc = List your jobs, or all jobs if you manage the server
cmd-jobs-show = show
cmd-jobs-show-desc = Show a job's status, progress and result
cmd-jobs-cancel = cancel
cmd-jobs-cancel-desc = Cancel a job
cmd-jobs-retry = retry
cmd-jobs-retry-desc = Retry a failed or cancelled job
cmd-why = why
cmd-why-desc = Show why an answer uses its sources, with ranks and reasons
cmd-gaps = gaps
cmd-gaps-desc = Show questions without a good answer, and answer them
cmd-stats = stats
cmd-stats-desc = Show questions, votes, documents and spending of this server
cmd-settings = settings
cmd-settings-desc = View and change how the library works on this server
cmd-settings-show = show
cmd-settings-show-desc = Show the settings
cmd-settings-answers = answers
cmd-settings-answers-desc = Set how answers are generated
cmd-settings-access = access
cmd-settings-access-desc = Set who can add documents and where answers are public
cmd-settings-helpers = helpers
cmd-settings-helpers-desc = Set which role members can ask if the library has no answer
cmd-settings-digest = digest
cmd-settings-digest-desc = Set the channel of the weekly digest
cmd-settings-limits = limits
cmd-settings-limits-desc = Set how many questions and documents are allowed
cmd-settings-retention = retention
cmd-settings-retention-desc = Delete questions, answers and jobs after some days; documents stay
cmd-settings-reset = reset
cmd-settings-reset-desc = Reset all settings to the operator's defaults
cmd-settings-erase = erase
cmd-settings-erase-desc = Delete everything that is stored of this server, for good
cmd-privacy = privacy
cmd-privacy-desc = Show what is stored about you, and delete it
cmd-help = help
cmd-help-desc = Show what this bot does and how to use it
cmd-add-to-library = Add to library
cmd-ask-about-this = Ask about this

## Words and units used in several messages

passages = { $n ->
    [one] { $n } passage
   *[other] { $n } passages
}
pages = { $n ->
    [one] { $n } page
   *[other] { $n } pages
}
page = p. { $page }
seconds = { $seconds } s
milliseconds = { $milliseconds } ms
minutes = { $minutes } min
untitled = Untitled
more = … and { $n } more
job = Job { $job }
source-link = where it was added

## Progress of a question

progress-queued = **Waiting in the queue**: { $n ->
    [0] your question is next
    [one] 1 question before yours
   *[other] { $n } questions before yours
}
wait-estimate = { $position }, about { $wait }
progress-queued-document = position { $position } in the queue
progress-no-worker = **Waiting**: Refdesk isn't answering questions right now. Your question is saved and will be answered when the operator starts it again.
progress-no-worker-document = waiting: Refdesk isn't reading documents right now
progress-not-queued = **Waiting** to start. Your question is saved and will be answered.
progress-retry = **Retrying**: attempt { $attempt } of { $attempts }
progress-retry-document = retrying, attempt { $attempt } of { $attempts }
progress-cancelling = **Cancelling**…
progress-start = **Starting**…
progress-rewrite = **Reading** the conversation…
progress-embed = **Reading** the question…
progress-recall = **Searching** the library…
progress-rerank = **Comparing** passages, { $done } of { $total }
progress-rerank-start = **Comparing** passages…
progress-generate = **Writing** the answer…
progress-writing = writing…

## An answer

button-cancel = Cancel
button-retry = Retry
button-sources = Sources
button-why = Why these sources?
button-looked = What I looked at
button-ask-again = Ask differently
button-original = Original { $n }
button-original-one = Original
button-previous = Previous
button-next = Next
button-reingest = Process again
button-fetch-again = Fetch again
button-delete = Delete
button-erase-me = Delete everything
button-erase-me-keep = Delete, but keep my documents
button-add = Add a document
button-helper = Ask a helper
answer-sources = { $n ->
    [one] From 1 source
   *[other] From { $n } sources
}

answer-cancelled = Cancelled. Press *Retry* to ask again.
answer-failed-footer = Number for the operator: { $job }
answer-failed-attempts = Tried { $attempts } times. Number for the operator: { $job }
answer-in-file = The answer is too long for a message. The attached file contains all of it.
answer-file = The full answer
answer-file-sources = Sources
answer-nearest = Closest documents
answer-abstained-hint = Rephrase the question, or press *Add a document*.
answer-abstained-hint-server = Rephrase the question, or add a document on the server.
answer-searched-as = searched for “{ $question }”
answer-deleted = This answer was deleted together with a document that it used. Ask again.
answer-conflict = The sources disagree: { $sources }
source-also-in = also in { $titles }
source-recognised = text recognised in an image, { $percent } % confidence
notice-answer = Your answer is ready.
notice-answer-failed = Your question couldn't be answered.
notice-ingest = { $failed ->
    [0] { $done ->
        [one] Your document was added.
       *[other] Your { $done } documents were added.
    }
   *[other] { $done } of { $total } documents were added, { $failed } couldn't be added.
}
notice-private-expiring = This is taking a while, and Discord doesn't allow private messages to be updated after 15 minutes. The answer will be sent to you as a direct message. If your direct messages are closed, use `/jobs show { $job }`.
notice-private-expiring-ingest = This is taking a while, and Discord doesn't allow private messages to be updated after 15 minutes. You'll get a direct message when it's done. If your direct messages are closed, use `/jobs show { $job }`.
notice-undeliverable = It can't be posted here. Use `/jobs show { $job }` to see it.
notice-rerouted = The bot lacks a permission to post it here, for example *Attach Files*. It's sent to you as a direct message. If your direct messages are closed, use `/jobs show { $job }`.

fallback-embed = searched by keywords only
fallback-rewrite = searched together with the previous question
fallback-simpler = passages compared by a simpler method
fallback-partly = some passages weren't compared
fallback-budget-simpler = spending limit reached, passages compared by a simpler method
fallback-rerank = { $method } unavailable, ranked with { $used }
fallback-rerank-none = { $method } unavailable, passages in search order
fallback-rerank-partly = { $method } couldn't score every passage
fallback-generate = language model unavailable, sentences quoted instead
fallback-generate-scores = sentences selected by keywords
fallback-budget-rerank = spending limit reached, ranked with { $used } instead of { $method }
fallback-budget-generate = spending limit reached, sentences quoted instead of a written answer
fallback-budget-rewrite = spending limit reached, follow-up searched together with the previous question
budget-limit-question = limit per question: { $limit }
budget-limit-user = limit per person in 24 hours: { $limit }, spent: { $spent }
budget-limit-server = limit for this server in 24 hours: { $limit }, spent: { $spent }
budget-available-in = available again { $when }
fallback-generate-numbers = left out statements with numbers that no source contains
fallback-generate-neighbours = answered without the text around the passages
fallback-generate-cut = answer cut off, it ends at the last whole sentence
fallback-generate-context = answered with fewer passages, because the language model can't read more at once
fallback-other = { $stage }: { $used } instead of { $method }

## Sources, and why these sources

sources-title = Sources
sources-none = This answer doesn't cite any sources.
sources-abstained = The question wasn't answered, so there are no citations. The closest documents:
why-title = Why these sources?
why-title-abstained = What I looked at
why-how = { $recalled ->
    [one] { $recalled } passage was found
   *[other] { $recalled } passages were found
} and ranked by the method **{ $reranker }**. The answer uses the best { $read }.
why-how-none = { $recalled ->
    [one] { $recalled } passage was found
   *[other] { $recalled } passages were found
} and kept in the order of the search. The answer uses the first { $read }.
why-how-abstained = { $recalled ->
    [one] { $recalled } passage was found
   *[other] { $recalled } passages were found
} and ranked by the method **{ $reranker }**. None was relevant enough for an answer. The closest:
why-written = The language model **{ $model }** wrote it.
why-quoted = Its sentences are quoted from the sources.
why-no-candidates = The search found no passages for this question.
why-move-up = found #{ $from } → after ranking **#{ $to }** ▲{ $by }
why-move-down = found #{ $from } → after ranking **#{ $to }** ▼{ $by }
why-move-none = found #{ $from } → after ranking **#{ $to }**
why-score = score { $score }
why-cited = cited as [{ $n }]
why-conflict = disagrees with another source
why-duplicates = { $n ->
    [one] { $n } passage was skipped because it repeats a higher-ranked passage.
   *[other] { $n } passages were skipped because they repeat higher-ranked passages.
}
why-not-cited = used, not cited
why-dense = #{ $rank } by meaning
why-keywords = #{ $rank } by keywords
why-picture = Ranks of { $n } passages before and after { $reranker }. Cited passages are coloured.
stage-rewrite = reading the conversation
stage-embed = reading the question
stage-recall = searching
stage-rerank = comparing
stage-generate = writing
plot-recall = found
plot-rank = after ranking
plot-more = … { $n } more

## Documents

ingest-title-open = Adding { $total ->
    [one] 1 document
   *[other] { $total } documents ({ $done } done)
}
ingest-title-done = { $total ->
    [one] Document added
   *[other] { $done } of { $total } documents added
}
ingest-title-all = { $total ->
    [one] Document added
   *[other] { $total } documents added
}
ingest-title-unchanged = { $total ->
    [one] Document already in the library
   *[other] All { $total } documents are already in the library
}
ingest-title-failed = { $total ->
    [one] Document couldn't be added
   *[other] None of the { $total } documents could be added
}
ingest-title-cancelled = Cancelled
ingest-queued = waiting
ingest-fetch = downloading…
ingest-parse = reading…
ingest-ocr = recognising text: page { $page } of { $total }
ingest-chunk = splitting into passages…
ingest-store = saving…
ingest-embed = preparing passages, { $done } of { $total }
ingest-cancelling = cancelling…
ingest-done = { $passages }
ingest-done-pages = { $pages }, { $passages }
ingest-unchanged = unchanged, { $passages }
ingest-superseded = not added, the library has a newer version
ingest-cancelled = cancelled
document-failed = Number for the operator: { $job }
ingest-kept = The document in the library stays as it is.
ingest-warnings = { $n ->
    [one] 1 warning: { $first }
   *[other] { $n } warnings, the first: { $first }
}
unread = Not read: { $parts }
share = { $n } of { $total }
unread-pages-without-text = { $number } { $n ->
    [one] page with only images
   *[other] pages with only images
}
unread-pages-over-limit = { $number } { $n ->
    [one] page beyond the limit
   *[other] pages beyond the limit
}
unread-images = { $number } { $n ->
    [one] image
   *[other] images
}
unread-attachments = { $number } { $n ->
    [one] attachment
   *[other] attachments
}
unread-hidden-sheets = { $number } { $n ->
    [one] hidden sheet
   *[other] hidden sheets
}
unread-hidden-slides = { $number } { $n ->
    [one] hidden slide
   *[other] hidden slides
}
unread-rows-over-limit = { $number } { $n ->
    [one] row beyond the limit
   *[other] rows beyond the limit
}
unread-damaged-parts = { $number } { $n ->
    [one] damaged part
   *[other] damaged parts
}
unread-unknown-script = { $number } { $n ->
    [one] page or image in a script that can't be recognised
   *[other] pages or images in a script that can't be recognised
}
ingest-summary-done = { $n ->
    [one] { $n } more added
   *[other] { $n } more added
}
ingest-summary-open = { $n ->
    [one] { $n } more in progress
   *[other] { $n } more in progress
}
ingest-summary-failed = { $n ->
    [one] { $n } more failed
   *[other] { $n } more failed
}
scope-server = Visible to everyone on this server
scope-own = Visible only to you
scope-channels = Visible only to members of { $channels }
docs-title = { $total ->
    [0] The library is empty
    [one] 1 document in the library
   *[other] { $total } documents in the library
}
docs-empty = Add the first document with `/ingest`, or open the menu of a message with a file and choose *Apps* → *Add to library*.
personal-library = Only your personal library is searched here. To ask about the documents of a server, press *Ask a server…* under an answer, or use `/ask` on that server.
docs-title-search = { $total ->
    [0] No documents match your search
    [one] 1 document matches your search
   *[other] { $total } documents match your search
}
docs-no-match = Search for other words from the title, or list all documents with `/docs list`.
docs-page-empty = This page is empty now. List the documents again with `/docs list`.
docs-page = Page { $page } of { $pages }
docs-stored = { $used } of { $limit } MB of files
docs-open = Open a document
doc-added = added by { $who } { $when }
doc-number = Document { $document }

## Jobs

jobs-title-own = Your jobs
jobs-title-all = Jobs on this server
jobs-none = There are no jobs yet. Ask a question with `/ask` or add a document with `/ingest`.
jobs-page = Page { $page }
jobs-open = Open a job
job-kind-ask = Question
job-kind-ingest = Document
state-queued = waiting
state-running = running
state-succeeded = done
state-failed = failed
state-cancelled = cancelled
state-dead = failed
reason-queued = { $n ->
    [0] next in the queue
    [one] 1 job is ahead of it in the queue
   *[other] { $n } jobs are ahead of it in the queue
}
reason-rate-limited = it starts as soon as the limit on requests allows it
reason-not-queued = it is saved and starts automatically
reason-no-worker-ask = Refdesk isn't answering questions right now; this continues when the operator starts it again
reason-no-worker-ingest = Refdesk isn't reading documents right now; this continues when the operator starts it again
reason-retry = attempt { $attempt } of { $attempts } follows, because the last one failed: { $error }
reason-cancelling = it is being cancelled and stops after its current step
reason-worker-lost = it was interrupted and starts again automatically
reason-cancelled = cancelled { $when }
reason-done = finished { $when }
job-attempt = Attempt { $attempt } of { $attempts }
job-open = Jump to message

## Gaps: questions without a good answer

gaps-title = { $total ->
    [0] No question needs an answer
    [one] 1 question needs an answer
   *[other] { $total } questions need an answer
}
gaps-none = In the last 90 days, every question was answered, and no answer got a 👎.
gaps-hidden = { $n ->
    [one] Not shown: 1 question that was private or asked in a channel that you can't view.
   *[other] Not shown: { $n } questions that were private or asked in channels that you can't view.
}
gaps-open = Open a question
gap-questions = { $n ->
    [one] asked once
   *[other] asked { $n } times
}
gap-unanswered = { $n } without an answer
gap-times = first { $since }, last { $last }
gap-also = Also asked as:
gap-hint = *Answer this* adds your answer to the library, with the question as its title.
gap-dismissed = **{ $question }** was dismissed. It's listed again if someone asks it and gets no answer.
button-answer-gap = Answer this
button-dismiss-gap = Dismiss
form-gap = Answer a question
form-gap-question = Question
form-gap-answer = Answer
form-erase-me = Delete everything about me
form-erase-me-keep = Delete everything about me but documents
form-erase-me-word = Type DELETE to confirm
form-erase-server = Delete everything of this server
form-erase-server-name = Type the name of this server to confirm
refusal-digest-channel = The bot can't write in { $channel }. Let it view the channel and send messages there, or choose another channel.
refusal-unknown-gap = This question doesn't exist anymore or isn't visible to you. Use `/gaps` to see the current list.

## Statistics

stats-title = Statistics
stats-window = { $days ->
    [1] Last 24 hours
   *[other] Last { $days } days
}
stats-questions = { $n ->
    [one] 1 question
   *[other] { $n } questions
}
stats-documents = { $n ->
    [one] 1 new document
   *[other] { $n } new documents
}
stats-tokens = { $n ->
    [one] 1 token
   *[other] { $n } tokens
}
stats-cost = { $total } (questions { $questions }, documents { $documents })
stats-limit = Spending limit of this server in 24 hours: { $limit }, spent: { $spent }
stats-soft-limit = Cheaper methods are used when more than { $limit } is spent in 24 hours.

## Weekly digest

digest-title = The last 7 days
digest-gaps = Questions that need an answer
digest-hint = Members who manage the server can answer them with `/gaps`.
digest-failed = The weekly digest couldn't be posted in { $channel }: the channel was deleted, or the bot can't write there. Let the bot view the channel and send messages in it, or choose another one with `/settings digest`. The next digest is tried in a week.

## Settings

settings-title = Settings
settings-default = { $value } (default)
settings-reranker = Method
settings-passages = Passages searched / used
settings-language = Answer language
settings-language-question = same as the question
settings-language-en = English
settings-language-zh = Chinese
settings-ingest-by = Who can add documents
settings-ingest-by-everyone = everyone
settings-ingest-by-managers = members who manage the server
settings-ingest-by-role = members with { $role } and managers
settings-public-channels = Public answers in
settings-public-channels-all = all channels
settings-digest = Weekly digest
settings-digest-off = off
settings-digest-failed = the last one could not be posted there
settings-helpers = Helpers
settings-helpers-none = nobody
settings-questions = Questions
settings-documents = Documents
settings-library = Stored files
settings-value-library_mb =
    { $n ->
        [0] no limit
       *[other] up to { $n } MB
    }
settings-retention = Questions and jobs
settings-value-retention_days =
    { $n ->
        [0] kept without a time limit
        [one] deleted after 1 day
       *[other] deleted after { $n } days
    }
settings-limits = { $person }, { $server }
settings-limit-user-hour = { $n ->
    [0] no limit per person
   *[other] { $n } per person per hour
}
settings-limit-user-day = { $n ->
    [0] no limit per person
   *[other] { $n } per person per day
}
settings-limit-server-day = { $n ->
    [0] no limit for the server
   *[other] { $n } for the server per day
}
settings-changed = Changed by { $who } { $when }

## Help

help-title = How to use this bot
help-intro = This bot answers questions from the documents in this library and cites its sources. If the documents don't contain an answer, it lists the closest documents instead.
help-ask = **Ask** with `/ask`. Numbers such as [1] refer to the sources, and *Why these sources?* shows how they were chosen. Set `private` to show the answer only to you.
help-example = For example: `/ask question: When does the workshop close?`
help-follow-up = **Mention** the bot with a question instead of using `/ask`. In the thread of an answer, or in a reply to an answer, it is a follow-up question.
help-add = **Add** files, a link or text with `/ingest`, or from a message's menu: *Apps* → *Add to library*.
help-browse = **Browse** with `/docs list` and `/jobs list`. You can delete the documents that you added.
help-manage = **Change settings** with `/settings show`, if you manage the server: who can add documents, where answers are public, who helps if there is no answer, and the limits. `/gaps` lists the questions without a good answer and lets you answer them.
help-privacy = **Stored data**: documents, questions with their answers, and votes, until they are deleted. On a server, the bot only reads messages that mention it or that you select under *Apps*.
help-footer = Mentions in documents and answers never notify anyone.

## Stored data and its deletion

privacy-title = What is stored about you
privacy-nothing = Nothing is stored about you.
privacy-questions =
    { $n ->
        [one] 1 question, with its answer
       *[other] { $n } questions, with their answers
    }
privacy-document_jobs =
    { $n ->
        [one] 1 request to add a document
       *[other] { $n } requests to add documents
    }
privacy-documents =
    { $n ->
        [one] 1 document that you added
       *[other] { $n } documents that you added
    }
privacy-messages =
    { $n ->
        [one] where 1 message to you is
       *[other] where { $n } messages to you are
    }
privacy-votes =
    { $n ->
        [one] 1 vote
       *[other] { $n } votes
    }
privacy-helper_requests =
    { $n ->
        [one] 1 request to helpers
       *[other] { $n } requests to helpers
    }
privacy-gaps =
    { $n ->
        [one] 1 question that you answered or dismissed as a manager
       *[other] { $n } questions that you answered or dismissed as a manager
    }
privacy-settings =
    { $n ->
        [one] that you changed the settings of 1 server last
       *[other] that you changed the settings of { $n } servers last
    }
privacy-digests =
    { $n ->
        [one] 1 weekly digest that you turned on
       *[other] { $n } weekly digests that you turned on
    }
privacy-costs =
    { $n ->
        [one] 1 entry about the cost of a document
       *[other] { $n } entries about the cost of documents
    }
privacy-note = This counts all servers and direct messages in which you used this bot. Messages in Discord are not part of it: delete those yourself.
erase-word = DELETE
erase-person-done = Everything that was stored about you is deleted. Messages in Discord remain.
erase-server-done = Everything that was stored of this server is deleted. Messages in Discord remain.
erase-server-continues = This server's library is gone. The rest of its data is being deleted. Messages in Discord remain.
refusal-erase-name = Nothing was deleted. To delete everything, type the name of this server, { $name }.
refusal-erase-word = Nothing was deleted. To delete everything, type DELETE.
refusal-erase-on-server = This command is for servers. In direct messages, use `/privacy`.

## Errors by class; `$detail` is the English message stored with the job

error-unknown = Something went wrong. Try again. If it keeps failing, tell the operator.
error-RefdeskError = { $detail }
error-InvalidInput = { $detail }
error-UnreadableFile = The file is damaged, or its content doesn't match its name. Open it, save it again and add the new file.
error-EncryptedFile = The file is password-protected. Save a copy without a password and add the copy.
error-EmptyDocument = The document contains no text. If it's a scan, run text recognition (OCR) on it and add the result.
error-UnsupportedFormat = { $detail }
error-FileTooLarge = The file is larger than allowed here. Split it and add the parts.
error-ParseTimeout = Reading the file took too long. Split it and add the parts.
error-ParserCrashed = The file couldn't be read because it is damaged or unusual. Save it again, or save it as a PDF, and add the new file.
error-ParserOutOfMemory = The file needs too much memory. Split it into smaller files and add them.
error-ParserKilled = Reading the file was interrupted several times. Try again later.
error-Quarantined = Reading this file failed several times, so it isn't tried again automatically. To try it anyway, press *Retry* on the failed job.
error-LinkNotAllowed = { $detail }
error-LinkFailed = { $detail }
error-InvalidQuestion = { $detail }
error-UnknownName = { $detail }
error-QuotaExceeded = { $detail }
error-LibraryFull = This library is full. Delete documents that nobody needs, then add it again.
error-BudgetExceeded = { $detail }
error-NotAllowed = { $detail }
error-SetupError = Refdesk isn't set up correctly. The operator needs to fix this.
error-DatabaseUnavailable = The library is unavailable right now. Try again in a few minutes.
error-DatabaseTooOld = Refdesk isn't set up correctly: its database is too old. The operator needs to upgrade it.
error-SchemaMismatch = Refdesk was updated, but its database wasn't. The operator needs to fix this.
error-BrokerUnavailable = Your request can't be started right now. It is saved and will run as soon as possible.
error-ModelUnavailable = A model that Refdesk needs couldn't be loaded. The operator needs to fix this.
error-ProfileMismatch = Refdesk isn't set up correctly: it reads with a different model than the library. The operator needs to fix this.
error-NoJudgedQuestions = There are no judged questions to evaluate.
error-ProfileNotReady = The library isn't ready for its new model yet. The operator needs to finish this.
error-DiskFull = Refdesk's disk is full. Try again after the operator has freed space.
error-MissingExtra = A part of Refdesk isn't installed. The operator needs to install it.
error-LlmError = The language model failed. Try again.
error-LlmTimeout = The language model didn't respond in time. Try again later.
error-LlmRejected = The language model rejected the request. The operator needs to check its settings.
error-PromptTooLong = The passages are too long for the language model. Ask again, and set fewer passages.
error-LlmUnreachable = The language model is unreachable. Try again later.
error-LlmUnparsable = The language model returned an invalid response. Try again.
error-Cancelled = The job was cancelled.
error-DocumentDeleted = A document was deleted while your question was answered from it. Ask again.
error-LeaseLost = This was started again elsewhere.
error-WorkerLost = This was interrupted several times. If it is a document, it may be too large: split it and add the parts.

## Command options: `opt-<option>`, each with `-desc`, and their choices

opt-question = question
opt-question-desc = What you want to know
opt-private = private
opt-private-desc = Only you see the answer, and it can use every channel you can view
opt-reranker = method
opt-reranker-desc = How the passages for the answer are chosen; pick one from the suggestions
opt-top-k = passages
opt-top-k-desc = Number of passages the answer is written from
method-fast = Fast
method-accurate = Accurate
method-language-model = Language model on the best 20, slow
reranker-auto = auto: the most accurate method without a language model
reranker-none = none: search order
reranker-late-interaction = late-interaction: compares word by word, fast
reranker-cross-encoder = cross-encoder: reads question and passage together
reranker-llm-pointwise = llm-pointwise: a language model scores each passage, slow
reranker-llm-pairwise = llm-pairwise: a language model compares pairs of passages, slowest
reranker-llm-listwise = llm-listwise: a language model sorts the passages
reranker-rerank-api = rerank-api: a reranking service

## Refusals: private messages that say what to do instead

refusal-question-empty = The question is empty. Write one after `/ask`, for example: How do I reset the router?
refusal-question-long = The question has { $length } characters, but the limit is { $limit }. Shorten it, or add the text with `/ingest` and ask about it.
refusal-private-only = Answers are private in this channel. Ask with `/ask`; only you see the answer.
refusal-over-quota-user = You've reached your limit: you can { $what } in { $window }. Try again { $when }.
refusal-over-quota-server = This server has reached its limit: its members can { $what } in { $window }. Try again { $when }.
over-quota-ask = { $n ->
    [one] ask 1 question
   *[other] ask { $n } questions
}
over-quota-ingest = { $n ->
    [one] add 1 document
   *[other] add { $n } documents
}
refusal-limit-too-high = The operator's limit is { $limit }. Choose a number from 1 to { $limit }.
refusal-library-full = This library is full: { $needed } MB are needed, and { $used } of { $limit } MB are used. Delete documents that nobody needs with `/docs delete`.
refusal-outdated-command = Your Discord app shows an outdated version of this command. Reload the app and try again.
refusal-question-no-words = The question contains no words. Write what you want to know in words.
refusal-discord-unavailable = Discord rejected the request or didn't respond. Try again in a moment.
refusal-internal-error = Something went wrong. Try again. If it keeps failing, send the operator this error number: { $number }
duration-days = { $n ->
    [one] 1 day
   *[other] { $n } days
}
duration-hours = { $n ->
    [one] 1 hour
   *[other] { $n } hours
}
duration-minutes = { $n ->
    [one] 1 minute
   *[other] { $n } minutes
}
duration-seconds = { $n ->
    [one] 1 second
   *[other] { $n } seconds
}

opt-file = file
opt-file-desc = PDF, Word, PowerPoint, Excel, HTML, EPUB, Markdown, text, CSV, JSON and other files
opt-file2 = file2
opt-file2-desc = Another file
opt-file3 = file3
opt-file3-desc = Another file
opt-file4 = file4
opt-file4-desc = Another file
opt-file5 = file5
opt-file5-desc = Another file
opt-link = link
opt-link-desc = Link to a page or file, starting with https://
opt-text = text
opt-text-desc = Text to add (leave all options empty to open a larger field)
opt-title = title
opt-title-desc = Title of the text
opt-visible = visible
opt-visible-desc = Who can find it (default: the server if everyone can view this channel, else this channel)
visible-server = everyone on this server
visible-channel = only members of this channel
opt-search = search
opt-search-desc = Words from the title
opt-document = document
opt-document-desc = Start typing its title
opt-all = all
opt-all-desc = Show everyone's jobs, if you manage the server
opt-job = job
opt-job-desc = Job number, or start typing its question or document
opt-answer = answer
opt-answer-desc = The answer to explain (default: your last answer in this channel)
opt-top-n = passages-searched
opt-top-n-desc = Number of passages that the search finds, from which the best are used
opt-language = language
opt-language-desc = Language of answers
opt-add-by = add-by
opt-add-by-desc = Who can add documents
add-by-role = members with a role and managers
opt-role = role
opt-role-desc = The role whose members can add documents
opt-helper-role = role
opt-helper-role-desc = The role to notify when a member presses “Ask a helper”
opt-digest-channel = channel
opt-digest-channel-desc = The channel to post the digest in, once a week
opt-digest-off = off
opt-digest-off-desc = Post no more digests
opt-helpers-off = off
opt-helpers-off-desc = Remove the button “Ask a helper”
opt-questions-person = questions-per-person
opt-questions-person-desc = Questions per person per hour, up to the operator's limit
opt-questions-server = questions-per-day
opt-questions-server-desc = Questions per day for the whole server, up to the operator's limit
opt-documents-person = documents-per-person
opt-documents-person-desc = Documents per person per day, up to the operator's limit
opt-documents-server = documents-per-day
opt-documents-server-desc = Documents per day for the whole server, up to the operator's limit
opt-library-mb = megabytes
opt-library-mb-desc = Megabytes of files that the library may store, up to the operator's limit; 0 for no limit
opt-retention-days = days
opt-retention-days-desc = Days after which they are deleted, up to the operator's limit; 0 keeps them
cmd-jobs-why = why
cmd-jobs-why-desc = Show what a job is waiting for, or why it ended

## Private replies to buttons and commands

ask-again-title = Ask the same question again:
button-more-passages = Read more passages
button-thorough = Be more thorough
ask-again-more = *Read more passages*: { $more } instead of { $now }.
ask-again-thorough = *Be more thorough*: compare the question with each passage more carefully. This takes longer.
ask-again-none = There is no other way to ask this here. Rephrase the question, or add a document with `/ingest`.
ask-again-reranker = Choose a method
vote-up = Thanks! Your vote is saved: the answer helped. Press the button again to remove it.
vote-down = Thanks! Your vote is saved: the answer didn't help. What was the problem? To remove your vote, press 👎 again.
vote-reason-wrong = Wrong
vote-reason-incomplete = Incomplete
vote-reason-outdated = Sources are out of date
vote-with-reason = Thanks! Your vote is saved with the reason “{ $reason }”. To remove it, press 👎 again.
vote-removed = Your vote was removed.
button-cancel-deletion = Cancel
delete-confirm = Delete **{ $title }**? Answers stop using it immediately. This can't be undone.
delete-done = **{ $title }** was deleted. Answers no longer use it.
delete-cancelled = **{ $title }** stays.
job-private-question = (private question)
job-deleted-document = (deleted document)
job-hidden-document = (document in a channel that you can't view)
job-requeued = Job { $job } will be tried again.
job-cancelled = Job { $job } was cancelled.
job-stopping = Job { $job } is being cancelled and will stop after its current step.
job-why = **Job { $job }** · { $state }: { $why }
ingest-received = Received…
settings-choose-channels = Channels with public answers (none selected: all channels)
form-text = Add text
form-text-title = Title
form-text-text = Text
form-about = Ask about this
form-about-question = Your question
form-about-hint = Leave empty to use the message as the question
form-about-text = Message
follow-up-refused = Your question in <#{ $channel }> can't be answered: { $reason }
follow-up-dm-closed = This question can't be answered, and the reason couldn't be sent because your direct messages are closed. Use `/ask` to see the reason privately.
hint-forwarded-files = The forwarded message contains only files. Add them first (message menu → *Apps* → *Add to library*), then ask with `/ask`.
hint-mention = To ask a question, mention the bot and write the question in the same message, or use `/ask`.

## More refusals

refusal-file-too-large = **{ $name }** is larger than the limit of { $limit } MB. Split the file, or ask the operator to raise the limit.
refusal-file-empty = **{ $name }** is empty. Save the file again and attach it.
refusal-file-unavailable = **{ $name }** couldn't be downloaded from Discord. Attach it again.
refusal-same-name = Two files are named **{ $name }**. Rename one of them, or add them separately.
refusal-name-taken = Someone else already added **{ $name }**. Only they or a manager can replace it. Rename your file and add it again.
refusal-already-added = **{ $name }** is already in the library or being added. Use `/docs list` to find it.
refusal-invalid-link = { $link } isn't a valid link. Links must start with https:// or http://.
refusal-text-empty = The text is empty. Fill in `text`, attach a file, or provide a link.
refusal-message-link = Links inside a linked message that lead to other Discord messages aren't followed. Use the link to that message, or *Add to library* on it.
refusal-channel-link = That link leads to a channel. Copy the link of a message (message menu → *Copy Message Link*).
refusal-message-elsewhere = That message isn't in this server, so the bot can't check whether you may read it. Use *Add to library* on the message instead.
refusal-message-hidden = There is no such message, or you can't read the channel it is in.
refusal-message-unreadable = The bot can't read that channel. Ask a moderator for the permissions *View Channel* and *Read Message History*, or use *Add to library* on the message.
refusal-message-timeout = Discord didn't send that message in time. Try again.
refusal-message-empty = Discord doesn't show the bot the contents of that message. Use *Add to library* on the message instead.
refusal-nothing-to-add = That message contains no file, link or text. Use `/ingest` to add something else.
refusal-nothing-to-ask-about = That message contains no text. Ask your question with `/ask`.
refusal-may-not-add-managers = Only members who manage this server can add documents. Ask one of them to add it.
refusal-may-not-add-role = Only members with the role { $role } can add documents on this server. Ask one of them to add it.
refusal-unknown-document = No document named “{ $name }” is visible to you. Start typing its title and choose it from the list, or use `/docs list`.
refusal-document-gone = This document no longer exists, or you can't see it. Use `/docs list` to see the documents.
docs-channel-unavailable = can only be deleted: its channel is gone or isn't visible to you
docs-search-more = { $n ->
    [one] 1 more result. Type more of the title to narrow the search
   *[other] { $n } more results. Type more of the title to narrow the search
}
refusal-same-title = Several documents are named “{ $name }”: { $numbers }. Enter the number of the document instead.
refusal-not-your-document = **{ $title }** was added by someone else. Only they or a manager of this server can change it.
refusal-original-too-large = **{ $name }** is larger than the { $limit } MB that Discord allows here. Use `/docs show` to see where it came from.
refusal-unknown-job = Job { $job } doesn't exist or isn't visible to you. Use `/jobs list` to see your jobs.
refusal-not-your-job = This job belongs to someone else. Only they or a manager of this server can cancel or retry it.
refusal-not-your-answer = This answer belongs to someone else. Ask the question yourself with `/ask`.
refusal-no-answer-yet = Job { $job } has no answer. Use `/jobs show { $job }` to see its status.
refusal-no-last-answer = You have no answers in this channel yet. Ask a question with `/ask`, or choose one with the option `answer`.
refusal-no-vote = You haven't voted against this answer. Press 👎 below it, then choose the reason.
refusal-job-ended = Job { $job } has already ended and can't be cancelled.
refusal-nothing-to-retry = Only failed or cancelled jobs can be retried. To get another answer, ask again with `/ask`.
refusal-retry-other-server = This job belongs to a server. Retry it there.
refusal-retry-private = This is someone else's private question. Only they can retry it.
refusal-method-unknown = There is no method with this name. Pick one of the suggestions.
refusal-choice-unavailable = This choice is no longer available. Ask again with `/ask`.
refusal-managers-only = Only members with the Manage Server permission can do this. Ask one of them.
refusal-role-missing = Choose a role with the option `role`.
button-post = Post the question
button-not-post = Don't post
helper-confirm = Your question is private. To ask { $role }, it is posted in this channel, where everyone can read it:
helper-asked = The question was posted for { $role }.
helper-not-asked = Nothing was posted.
helper-request = { $role } Can you help { $who }? The library has no answer to this question:
refusal-no-helpers = No helpers are set on this server. Members who manage it can choose a role with `/settings helpers`.
refusal-helper-role-gone = The role of the helpers was deleted. Ask a member who manages this server to choose another one with `/settings helpers`.
refusal-helper-role-empty = Nobody has the role { $role } at the moment, so no helper would be notified. Ask a member who manages this server.
refusal-helper-role-silent = The bot may not mention { $role }. Ask a member who manages this server to turn on *Allow anyone to @mention this role*.
refusal-helper-role-everyone = This role is everyone. Choose a role that only helpers have.
refusal-helper-no-permission = The bot may not post in this channel. Ask a moderator for the permission *Send Messages*, or ask your question in another channel.
refusal-helper-asked = Helpers were already asked about this question.
refusal-helper-limit = You can ask helpers { $n } times in 24 hours. Try again { $when }.
refusal-helper-elsewhere = This answer belongs to a server. Ask a helper there.

## Asking a server from direct messages

button-ask-server = Ask a server…
ask-server-title = Choose the server whose documents you want to ask about. Only you see the answer.
ask-server-choose = Choose a server
ask-server-submitted = Your question was sent to **{ $server }**. The answer follows here, and only you see it.
refusal-no-shared-server = You and this bot have no server in common where you can use its commands. Ask about your personal library with `/ask`, or add to it with `/ingest`.
refusal-not-on-server = You can't use this bot on that server: you or the bot left it, or its rules or permissions don't allow it. Ask another server.

## Who may ask where

cmd-settings-asking = asking
cmd-settings-asking-desc = Set who can ask, and whether members can ask from direct messages
cmd-settings-channel = channel
cmd-settings-channel-desc = Set who can ask in one channel, public or private answers, and threads
opt-direct-messages = direct-messages
opt-direct-messages-desc = Members can ask this server in direct messages with the bot, and get a private answer there
opt-channel = channel
opt-channel-desc = The channel to set (default: this channel)
opt-answers = answers
opt-answers-desc = Who sees the answers in this channel
opt-threads = threads
opt-threads-desc = Start a thread on each public answer, for follow-up questions
settings-ask = Who can ask
settings-ask-everyone = everyone
settings-ask-roles = members with { $roles } and managers
settings-direct-messages = Questions from direct messages
settings-direct-messages-on = allowed
settings-direct-messages-off = not allowed
settings-channel-rules = Channels with different settings
settings-answers-server = same as the server
settings-answers-public = public answers
settings-answers-private = private answers
settings-threads = a thread on each answer
settings-rule-ask = can ask: { $who }
settings-channel-rule = { $channel }: { $rule }
settings-list-separator = ;{" "}
settings-deleted-role = (deleted role)
settings-deleted-channel = (deleted channel)
settings-choose-roles = Roles that can ask (none selected: everyone)
settings-choose-channel-roles = Roles that can ask in this channel (none selected: same as the server)
refusal-may-not-ask = Only members with { $roles } can ask here. A manager of this server can change that.
refusal-may-not-ask-deleted = The role that can ask here was deleted, so only managers can ask. A manager can choose another role with `/settings asking` or `/settings channel`.
refusal-may-not-add-deleted = The role that can add documents was deleted, so only managers can add them. A manager can choose another role with `/settings access`.
refusal-direct-messages-off = This server doesn't allow questions from direct messages. Use `/ask` on the server.
refusal-settings-on-server = This setting is only for servers. Use it on a server that has this bot.
