# What people see in English. A key stands here and in zh-CN.ftl with the same variables; a test says so.

## Commands: `cmd-<command>`, `cmd-<command>-<subcommand>`, each with `-desc`

cmd-ask = ask
cmd-ask-desc = Ask the library a question; the answer names its sources
cmd-ingest = ingest
cmd-ingest-desc = Add files, a link or a text to the library
cmd-docs = docs
cmd-docs-desc = The documents of the library
cmd-docs-list = list
cmd-docs-list-desc = List the documents you may see
cmd-docs-show = show
cmd-docs-show-desc = Show one document
cmd-docs-delete = delete
cmd-docs-delete-desc = Delete a document; answers stop using it at once
cmd-docs-reingest = reingest
cmd-docs-reingest-desc = Read a document again from its stored original
cmd-jobs = jobs
cmd-jobs-desc = What runs, waits, ended or failed
cmd-jobs-list = list
cmd-jobs-list-desc = List your jobs, or all of them if you manage the server
cmd-jobs-show = show
cmd-jobs-show-desc = Show one job: where it stands, and why
cmd-jobs-cancel = cancel
cmd-jobs-cancel-desc = Stop a job
cmd-jobs-retry = retry
cmd-jobs-retry-desc = Start an ended job again
cmd-why = why
cmd-why-desc = Why an answer rests on these sources: reasons and ranks
cmd-settings = settings
cmd-settings-desc = How the library answers on this server
cmd-settings-show = show
cmd-settings-show-desc = Show the settings
cmd-settings-answers = answers
cmd-settings-answers-desc = How answers are made
cmd-settings-access = access
cmd-settings-access-desc = Who may add documents, and where answers are public
cmd-settings-limits = limits
cmd-settings-limits-desc = How much people may ask and add
cmd-settings-reset = reset
cmd-settings-reset-desc = Go back to the operator's defaults
cmd-help = help
cmd-help-desc = What this bot does and how to use it
cmd-add-to-library = Add to library
cmd-ask-about-this = Ask about this

## Words that stand in several places

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
source-original = original

## A question on its way

progress-queued = **In line**, { $position ->
    [1] next to be answered
   *[other] position { $position }
}
progress-queued-document = In line, position { $position }
progress-no-worker = **Waiting**: no worker is running at the moment. Your question is kept and will be answered.
progress-no-worker-document = Waiting: no worker is running at the moment
progress-not-queued = **Waiting** to be handed over. Your question is kept and will be answered.
progress-retry = **Trying again**, attempt { $attempt } of { $attempts }
progress-retry-document = Trying again, attempt { $attempt } of { $attempts }
progress-cancelling = **Stopping** …
progress-start = **Starting** …
progress-rewrite = **Reading** the conversation …
progress-embed = **Reading** the question …
progress-recall = **Searching** the library …
progress-rerank = **Ranking** { $done } of { $total } recalled passages
progress-rerank-start = **Ranking** the passages …
progress-generate = **Writing** …
progress-writing = writing …

## An answer

button-cancel = Cancel
button-retry = Try again
button-sources = Sources
button-why = Why these
button-ask-again = Ask again with …
button-original = Original { $n }
button-original-one = Original
button-previous = Previous
button-next = Next
button-reingest = Read again
button-delete = Delete

answer-quoted = quoted word for word
answer-cancelled = Cancelled.
answer-failed-footer = Job { $job } · { $class }
answer-failed-attempts = Job { $job } · { $class } · { $attempts } attempts
answer-in-file = … the rest is in the file: the whole answer is too long for one message.
answer-file = The whole answer
answer-file-sources = Sources
answer-nearest = Nearest of the { $n } passages looked at
answer-abstained-hint = Ask it in other words, or add a document with `/ingest`.
answer-searched-as = searched as “{ $question }”
answer-conflict = The sources disagree: { $sources }
source-also-in = also in { $titles }
notice-answer = Your answer is ready.
notice-answer-failed = Your question could not be answered.
notice-ingest = { $failed ->
    [0] { $done ->
        [one] Your document is ready.
       *[other] Your { $done } documents are ready.
    }
   *[other] { $done } of { $total } documents are ready, { $failed } could not be added.
}
notice-private-expiring = This takes longer than Discord lets a private message be changed. The answer will come as a direct message; if yours are closed, `/jobs show { $job }` has it.
notice-private-expiring-ingest = This takes longer than Discord lets a private message be changed. You will get a direct message when it is done; if yours are closed, `/jobs show { $job }` has it.
notice-undeliverable = Discord does not take it here; `/jobs show { $job }` has it.

fallback-embed = no embedding model, searched by keywords only
fallback-rewrite = follow-up searched together with the question before
fallback-rerank = { $method } was not available, { $used } ranked instead
fallback-rerank-none = { $method } was not available, passages are in the order of the search
fallback-rerank-partly = { $method } could not rate every passage
fallback-generate = the language model was not available, sentences are quoted instead
fallback-generate-scores = sentences chosen by keywords
fallback-budget-rerank = { $used } ranked instead of { $method } to save money
fallback-budget-generate = sentences are quoted instead of a written answer to save money
fallback-budget-rewrite = follow-up searched together with the question before to save money
budget-limit-question = limit for a question: { $limit }
budget-limit-user = limit for one person in 24 hours: { $limit }, spent: { $spent }
budget-limit-server = limit for this server in 24 hours: { $limit }, spent: { $spent }
budget-available-in = room again in { $frees }
fallback-generate-numbers = left out what has numbers that no source gives
fallback-generate-neighbours = written without the text around the passages
fallback-other = { $stage }: { $used } instead of { $method }

## Sources, and why these

sources-title = Sources
sources-none = This answer rests on no source.
sources-abstained = There was no answer, so nothing is cited. These came nearest:
why-title = Why these sources
why-how = { $recalled ->
    [one] { $recalled } passage was recalled
   *[other] { $recalled } passages were recalled
}, **{ $reranker }** put them in order, the answer was written from the first { $read }.
why-how-none = { $recalled ->
    [one] { $recalled } passage was recalled
   *[other] { $recalled } passages were recalled
} and kept in that order; the answer was written from the first { $read }.
why-how-abstained = { $recalled ->
    [one] { $recalled } passage was recalled
   *[other] { $recalled } passages were recalled
}, **{ $reranker }** put them in order; none was good enough to answer from. The nearest:
why-no-candidates = Nothing was recalled: the library held no passage for this question.
why-move-up = recall #{ $from } → **#{ $to }** ▲{ $by }
why-move-down = recall #{ $from } → **#{ $to }** ▼{ $by }
why-move-none = recall #{ $from } → **#{ $to }**
why-score = score { $score }
why-cited = cited as [{ $n }]
why-conflict = contradicted by another source
why-duplicates = { $n ->
    [one] { $n } passage that says the same as a better one was passed over.
   *[other] { $n } passages that say the same as better ones were passed over.
}
why-not-cited = read, not cited
why-dense = meaning #{ $rank }
why-keywords = keywords #{ $rank }
why-picture = Ranks of { $n } passages before and after { $reranker }; the cited ones are coloured.
stage-rewrite = rewrite
stage-embed = embed
stage-recall = recall
stage-rerank = rerank
stage-generate = write
why-tokens = { $n } tokens
plot-recall = recall
plot-more = … { $n } more

## Documents

ingest-title-open = Adding { $total ->
    [one] 1 document
   *[other] { $total } documents, { $done } done
}
ingest-title-done = { $total ->
    [one] Added to the library
   *[other] { $done } of { $total } documents added
}
ingest-title-all = { $total ->
    [one] Added to the library
   *[other] { $total } documents added to the library
}
ingest-title-unchanged = { $total ->
    [one] Already in the library
   *[other] All { $total } documents are in the library already
}
ingest-title-failed = { $total ->
    [one] Could not be added
   *[other] None of the { $total } documents could be added
}
ingest-title-cancelled = Cancelled
ingest-queued = waiting
ingest-fetch = fetching the link …
ingest-parse = reading …
ingest-chunk = cutting into passages …
ingest-store = storing …
ingest-embed = { $done } of { $total } passages embedded
ingest-cancelling = stopping …
ingest-done = { $passages }
ingest-done-pages = { $pages }, { $passages }
ingest-unchanged = unchanged, { $passages }
ingest-superseded = a newer version is there already
ingest-cancelled = cancelled
ingest-warnings = { $n ->
    [one] with a warning: { $first }
   *[other] with { $n } warnings, the first: { $first }
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
scope-server = For everybody on this server
scope-own = For you only
scope-channels = Only for people of { $channels }
docs-title = { $total ->
    [0] The library is empty
    [one] 1 document in the library
   *[other] { $total } documents in the library
}
docs-empty = Add the first one with `/ingest`, or open the menu of a message with a file, then *Apps*, *Add to library*.
docs-no-match = Nothing in the library matches that.
docs-page = Page { $page } of { $pages } · /docs show opens one
docs-hint = /docs show opens one
doc-added = added by { $who } { $when }
doc-number = Document { $document }

## Jobs

jobs-title-own = Your jobs
jobs-title-all = Jobs on this server
jobs-none = There are no jobs yet.
jobs-hint = /jobs show opens one
jobs-page = Page { $page } · /jobs show opens one
job-kind-ask = Question
job-kind-ingest = Document
state-queued = waiting
state-running = running
state-succeeded = done
state-failed = failed
state-cancelled = cancelled
state-dead = given up
job-attempt = attempt { $attempt } of { $attempts }
job-open = Open the message

## Settings

settings-title = Settings
settings-default = { $value } (default)
settings-reranker = Reranker
settings-top-n = Passages recalled
settings-top-k = Passages read
settings-language = Answer language
settings-language-question = the question’s
settings-language-en = English
settings-language-zh = Chinese
settings-ingest-by = Who may add documents
settings-ingest-by-everyone = everybody
settings-ingest-by-managers = people who manage the server
settings-ingest-by-role = people with { $role } and managers
settings-public-channels = Public answers in
settings-public-channels-all = all channels
settings-questions = Questions
settings-documents = Documents
settings-limit-user-hour = { $n ->
    [0] no limit per person
   *[other] { $n } per person an hour
}
settings-limit-user-day = { $n ->
    [0] no limit per person
   *[other] { $n } per person a day
}
settings-limit-server-day = { $n ->
    [0] no limit for the server
   *[other] { $n } for the server a day
}
settings-changed = Changed by { $who } { $when }

## Help

help-title = What I can do
help-intro = I answer questions from the documents people put here, and say where each answer comes from. Where I find nothing, I say that.
help-ask = **Ask** with `/ask`. The numbers [1] [2] name the sources; *Why these* shows how they were chosen. With `private` only you see the answer.
help-follow-up = **Follow up** in a thread of an answer: mention me there, or reply to the answer with a mention.
help-add = **Add** files, links or a text with `/ingest`, or from a message’s menu: *Apps*, *Add to library*.
help-browse = **Look around** with `/docs` and `/jobs`. Whoever added a document can delete it.
help-manage = **Settings** for managers: `/settings` sets who may add, where answers are public, and how much.
help-privacy = **What is kept**: the documents, the questions with their answers, and the votes, until they are deleted. I read no message that does not mention me.
help-footer = No mention in a document or an answer can ping anybody.

## What went wrong, by class of error; `$detail` is the sentence of the job, in English

error-unknown = Something went wrong that Refdesk did not foresee. Try it again; the operator finds the reason with the job.
error-RefdeskError = { $detail }
error-InvalidInput = { $detail }
error-UnreadableFile = The file is damaged, or not what its name says. Open it, save it anew and add that.
error-EncryptedFile = The file is protected by a password. Save a copy without one and add that.
error-EmptyDocument = There is no text in it. If it is a scan, run text recognition on it and add the result.
error-UnsupportedFormat = { $detail }
error-FileTooLarge = It is larger than what may be added here. Split it and add the parts.
error-ParseTimeout = Reading it took too long. Split it and add the parts.
error-ParserCrashed = It could not be read: it took too much memory, or is damaged. Save it anew or as PDF and add that.
error-Quarantined = This very file broke off reading several times and is not tried again by itself. *Try again* on the job that failed lifts this.
error-LinkNotAllowed = { $detail }
error-LinkFailed = { $detail }
error-InvalidQuestion = { $detail }
error-UnknownName = { $detail }
error-QuotaExceeded = { $detail }
error-BudgetExceeded = { $detail }
error-NotAllowed = { $detail }
error-SetupError = Something is not set up rightly where Refdesk runs. Its operator has to look at it.
error-DatabaseUnavailable = The library cannot be reached at the moment. Try again in a few minutes.
error-DatabaseTooOld = The database is too old for this Refdesk. Its operator has to update it.
error-SchemaMismatch = Refdesk was updated but its database was not. Its operator has to run `refdesk migrate`.
error-BrokerUnavailable = The work cannot be handed over at the moment. It is kept and done as soon as that works again.
error-ModelUnavailable = A model that this needs is not available. The operator finds with `refdesk doctor` which one.
error-ProfileMismatch = The worker has another embedding model than the library. Its operator has to start it with the right one.
error-NoJudgedQuestions = There are no judged questions to measure on.
error-ProfileNotReady = The new embedding profile lacks vectors. The operator builds it first with `refdesk profiles build`.
error-DiskFull = The disk where Refdesk runs is full. Try again when the operator has made room.
error-MissingExtra = A part of Refdesk that this needs is not installed. The operator finds with `refdesk doctor` which one.
error-LlmError = The language model failed. Try again, or ask with another reranker.
error-LlmTimeout = The language model did not answer in time. Try again in a while.
error-LlmRejected = The language model refused the request. The operator has to check its key and name.
error-LlmUnreachable = The language model cannot be reached. Try again in a while.
error-LlmUnparsable = The language model gave something that could not be used. Try again.
error-Cancelled = It was cancelled.
error-LeaseLost = Another worker took this over.
error-WorkerLost = The worker fell silent while at it, several times. If it is a document, it may be too large for the worker; the operator sees more in the log.

## Options of commands: `opt-<option>`, each with `-desc`; and what can be chosen

opt-question = question
opt-question-desc = What you want to know
opt-private = private
opt-private-desc = Only you see the answer; it may use all channels that you can read
opt-reranker = reranker
opt-reranker-desc = What decides which passages the answer is written from
opt-top-k = top-k
opt-top-k-desc = How many passages the answer is written from
reranker-none = none: as recalled
reranker-late-interaction = late-interaction: word by word, fast
reranker-cross-encoder = cross-encoder: reads question and passage together
reranker-llm-pointwise = llm-pointwise: a language model rates each passage, slow
reranker-llm-pairwise = llm-pairwise: a language model compares passages, slowest
reranker-llm-listwise = llm-listwise: a language model puts passages in order
reranker-rerank-api = rerank-api: a reranking service

## Refusals: only the person sees them, and each says what to do instead

refusal-question-empty = There is no question. Write one after `/ask`, for example: How do I reset the router?
refusal-question-long = The question has { $length } characters; at most { $limit } can be read. Ask in fewer words, or add the text with `/ingest` and ask about it.
refusal-private-only = Answers are private in this channel. Ask again with `private`.
refusal-over-quota-user = In { $window } you may { $what }. There is room again in { $frees }.
refusal-over-quota-server = In { $window } all people of this server together may { $what }, and others were quicker. There is room again in { $frees }.
over-quota-ask = { $n ->
    [one] ask 1 question
   *[other] ask { $n } questions
}
over-quota-ingest = { $n ->
    [one] add 1 document
   *[other] add { $n } documents
}
refusal-limit-too-high = The operator allows at most { $limit } here. A lower number may be set, but not a higher one or none.
refusal-outdated-command = Discord still shows an old form of this command. Reload the app and try again.
refusal-question-no-words = There is no word in the question. Write what you want to know in words.
refusal-discord-unavailable = Discord refused or did not answer just now. Try again in a moment.
refusal-internal-error = Something went wrong that should not. Try again; if it stays so, tell the operator the number { $number }.
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
opt-file-desc = A file: PDF, Word, PowerPoint, Excel, HTML, EPUB, Markdown, text, CSV, JSON and more
opt-file2 = file2
opt-file2-desc = One more file
opt-file3 = file3
opt-file3-desc = One more file
opt-file4 = file4
opt-file4-desc = One more file
opt-file5 = file5
opt-file5-desc = One more file
opt-link = link
opt-link-desc = A link to a page or a file, starting with https://
opt-text = text
opt-text-desc = A text to add; give nothing at all and a larger field opens
opt-title = title
opt-title-desc = Title of the text
opt-visible = visible
opt-visible-desc = Who may find it: by choice, else the server if everybody can view this channel
visible-server = everybody on this server
visible-channel = only people of this channel
opt-search = search
opt-search-desc = Words of the title
opt-document = document
opt-document-desc = Begin to type its title
opt-all = all
opt-all-desc = Everybody's jobs, for people who manage the server
opt-job = job
opt-job-desc = Its number, or begin to type what it is about
opt-answer = answer
opt-answer-desc = Which answer; otherwise your last one in this channel
opt-top-n = top-n
opt-top-n-desc = How many passages are recalled before they are put in order
opt-language = language
opt-language-desc = The language of answers
opt-add-by = add-by
opt-add-by-desc = Who may add documents
add-by-role = people with a role, and managers
opt-role = role
opt-role-desc = The role whose people may add documents
opt-questions-person = questions-per-person
opt-questions-person-desc = Questions one person may ask in an hour; not more than the operator’s limit
opt-questions-server = questions-per-day
opt-questions-server-desc = Questions the whole server may ask in a day; not more than the operator’s limit
opt-documents-person = documents-per-person
opt-documents-person-desc = Documents one person may add in a day; not more than the operator’s limit
opt-documents-server = documents-per-day
opt-documents-server-desc = Documents the whole server may add in a day; not more than the operator’s limit
cmd-jobs-why = why
cmd-jobs-why-desc = What a job waits for, or why it ended as it did

## What is said after a press, in private

ask-again-title = Ask the same question again, with another choice:
ask-again-reranker = Another reranker …
ask-again-passages = Another number of passages …
vote-up = Thank you! Good to know that it helped. Press again to take it back.
vote-down = Thank you, that is noted. Press again to take it back.
vote-removed = Your vote is taken back.
button-cancel-deletion = Keep
delete-confirm = Delete **{ $title }**? Answers stop using it at once, and it cannot be brought back.
delete-done = **{ $title }** is deleted. No answer uses it any more.
delete-cancelled = Document { $document } stays.
job-private-question = (a private question)
job-requeued = Job { $job } is queued again.
job-cancelled = Job { $job } is cancelled.
job-stopping = Job { $job } stops at its next step.
job-why = **Job { $job }** · { $state }: { $why }
ingest-received = Received …
settings-choose-channels = Channels with public answers; none chosen: all
form-text = Add a text
form-text-title = Title
form-text-text = Text
form-about = Ask about this
form-about-question = Your question
form-about-hint = Leave it empty to ask what the message asks
form-about-text = The message
follow-up-refused = About your question in <#{ $channel }>: { $reason }
follow-up-dm-closed = I cannot answer that, and may not write to you directly to say why. Ask with `/ask`, and you alone see the reason.
hint-mention = Mention me with a question in a thread where I answered, or reply to one of my answers. Anywhere else, ask with `/ask`.

## More refusals

refusal-file-too-large = **{ $name }** is larger than the { $limit } MB that may be added. Split it, or ask the operator to raise the limit.
refusal-file-empty = **{ $name }** is empty. Save it again and attach that.
refusal-file-unavailable = **{ $name }** could not be read from Discord. Attach it again.
refusal-same-name = There are two files named **{ $name }**. Give one another name, or add it on its own.
refusal-name-taken = **{ $name }** is in the library already, added by somebody else, so only that person or a manager may replace it. Give yours another name.
refusal-already-added = **{ $name }** is in the library already, or is being read. There is nothing to add; `/docs list` shows it.
refusal-invalid-link = { $link } is no link that can be fetched. It has to start with https:// or http://.
refusal-text-empty = There is no text. Write one into `text`, attach a file, or give a link.
refusal-nothing-to-add = That message holds no file, no link and no text that could be added. Use `/ingest` to add something.
refusal-nothing-to-ask-about = That message holds no text to ask about. Ask with `/ask`.
refusal-may-not-add-managers = Only people who manage this server may add documents. Ask one of them to add it.
refusal-may-not-add-role = Only people with the role { $role } may add documents here. Ask one of them to add it.
refusal-unknown-document = There is no document “{ $name }” that you may see. Begin to type its title and choose from the list, or look with `/docs list`.
docs-channel-unavailable = its channel is gone or closed to you; it can only be deleted
docs-search-more = { $n ->
    [one] 1 more; search for more of the title
   *[other] { $n } more; search for more of the title
}
refusal-same-title = Several documents are called “{ $name }”: { $numbers }. Name the number of the one you mean.
refusal-not-your-document = **{ $title }** was added by somebody else. Only that person, or someone who manages the server, may change it.
refusal-original-too-large = **{ $name }** is larger than the { $limit } MB that Discord takes here. The document's card names where it came from.
refusal-unknown-job = There is no job { $job } that you may see. `/jobs list` shows yours.
refusal-not-your-job = That is somebody else's job. Only that person, or someone who manages the server, may stop or repeat it.
refusal-not-your-answer = That is somebody else's answer. Ask the question yourself with `/ask`.
refusal-no-answer-yet = Job { $job } has no answer. `/jobs show { $job }` says where it stands.
refusal-no-last-answer = You have no answer in this channel yet. Ask with `/ask`, or name one.
refusal-job-ended = Job { $job } has ended already, so there is nothing to stop.
refusal-nothing-to-retry = There is nothing to try again: only what failed or was cancelled can be. For another answer, ask again.
refusal-retry-other-server = This job belongs to a server. Try it again there.
refusal-retry-private = That is a private question of somebody else. Only that person can repeat it.
refusal-choice-unavailable = That choice is no longer offered. Ask again with `/ask`.
refusal-ask-other-server = This answer belongs to a server. Ask again there with `/ask`.
refusal-managers-only = Only people who manage this server may do that. Ask one of them.
refusal-role-missing = Name the role too, with the option `role`.
