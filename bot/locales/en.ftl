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
