-- Restores the reasons and comments of the schema before.

CREATE OR REPLACE VIEW inspect.jobs WITH (security_invoker) AS
SELECT j.id, w.key AS workspace, j.kind, j.state, j.stage, j.attempt, j.requester,
       coalesce(j.payload ->> 'name', j.payload ->> 'question') AS about,
       j.progress_done, j.progress_total, j.error_class, j.error,
       CASE
           WHEN j.state = 'queued' AND j.run_after > now() AND j.error IS NOT NULL THEN
               format('will be tried again at %s after %s: %s', to_char(j.run_after, 'HH24:MI:SS'), j.error_class, j.error)
           WHEN j.state = 'queued' AND j.run_after > now() THEN
               format('rate limited until %s', to_char(j.run_after, 'HH24:MI:SS'))
           WHEN j.state = 'queued' AND NOT EXISTS (
               SELECT FROM workers k WHERE j.queue = ANY (k.queues) AND k.last_seen > now() - interval '30 seconds') THEN
               format('no worker for the queue "%s"%s; start one with `refdesk up` or `refdesk worker %s`', j.queue,
                      coalesce((SELECT ' since ' || to_char(max(k.last_seen), 'YYYY-MM-DD HH24:MI:SS')
                                FROM workers k WHERE j.queue = ANY (k.queues)), ''), j.queue)
           WHEN j.state = 'queued' AND j.published_at IS NULL THEN 'not on the queue yet (is Redis away?); the next sweep puts it there'
           WHEN j.state = 'queued' THEN
               format('waiting in the queue "%s" behind %s jobs', j.queue,
                      jobs_ahead(j.queue, j.id))
           WHEN j.state = 'running' AND j.cancel_requested THEN format('asked to stop; %s ends it at the next stage', coalesce(j.lease_owner, 'the embedder'))
           WHEN j.state = 'running' AND j.lease_expires < now() THEN
               format('worker %s fell silent at %s; the next sweep queues it again', j.lease_owner, to_char(j.lease_expires, 'HH24:MI:SS'))
           WHEN j.state = 'running' AND j.stage = 'embed' AND j.lease_token IS NULL THEN
               format('waiting for vectors, %s of %s chunks done%s', j.progress_done, j.progress_total,
                      CASE WHEN EXISTS (SELECT FROM workers k WHERE 'ingest' = ANY (k.queues) AND k.last_seen > now() - interval '30 seconds')
                           THEN '' ELSE '; no worker for the queue "ingest", start one with `refdesk worker ingest`' END)
           WHEN j.state = 'running' THEN
               format('held by %s since %s, stage %s%s', j.lease_owner, to_char(j.lease_since, 'HH24:MI:SS'), j.stage,
                      CASE WHEN j.progress_total > 0 THEN format(', %s of %s', j.progress_done, j.progress_total) ELSE '' END)
           WHEN j.state = 'failed' THEN format('failed with %s: %s', j.error_class, j.error)
           WHEN j.state = 'dead' THEN format('dead after %s attempts with %s: %s; `refdesk jobs retry %s` tries again', j.attempt, j.error_class, j.error, j.id)
           WHEN j.state = 'cancelled' THEN format('cancelled at %s', to_char(j.finished_at, 'YYYY-MM-DD HH24:MI:SS'))
           ELSE format('done at %s', to_char(j.finished_at, 'YYYY-MM-DD HH24:MI:SS'))
       END AS why,
       j.lease_owner, j.lease_expires, j.run_after, j.created_at, j.started_at, j.finished_at, j.delivered_at,
       round((extract(epoch FROM coalesce(j.finished_at, now()) - j.created_at) * 1000)::numeric) AS age_ms
FROM jobs j JOIN workspaces w ON w.id = j.workspace_id;

CREATE OR REPLACE VIEW inspect.deliveries WITH (security_invoker) AS
SELECT d.id, w.key AS workspace, d.kind, d.state, d.route, d.private,
       (SELECT array_agg(j.id ORDER BY j.id) FROM jobs j WHERE j.delivery_id = d.id) AS jobs,
       CASE
           WHEN d.state = 'delivered' THEN format('delivered at %s', to_char(d.delivered_at, 'YYYY-MM-DD HH24:MI:SS'))
           WHEN d.state = 'undeliverable' THEN format('given up: %s', d.error)
           WHEN d.due_at > now() THEN format('will be tried again at %s after: %s', to_char(d.due_at, 'HH24:MI:SS'), coalesce(d.error, 'no reason given'))
           WHEN d.claim_token IS NULL THEN 'no bot has taken it; is one running?'
           WHEN d.claim_expires < now() THEN format('the bot %s fell silent at %s; another may take it', d.claim_owner, to_char(d.claim_expires, 'HH24:MI:SS'))
           WHEN EXISTS (SELECT FROM jobs j WHERE j.delivery_id = d.id AND j.state IN ('queued', 'running')) THEN format('shown by %s, waiting for its jobs', d.claim_owner)
           ELSE format('being delivered by %s', d.claim_owner)
       END AS why,
       d.generation, d.parts_sent, d.attempts, d.error, d.application_id, d.guild_id, d.channel_id, d.message_id, d.reply_to_id, d.user_id,
       d.locale, d.request_key, d.token_expires, d.claim_owner, d.claim_expires, d.due_at, d.created_at, d.delivered_at
FROM deliveries d JOIN workspaces w ON w.id = d.workspace_id;

COMMENT ON TABLE workspaces IS 'Tenants: a Discord guild, a direct-message user, or `local` for the command line.';
COMMENT ON COLUMN workspaces.id IS 'Number of the workspace; the key of row-level security everywhere.';
COMMENT ON COLUMN workspaces.key IS 'What the front end calls it: `local`, `guild:<id>`, `user:<id>`.';
COMMENT ON COLUMN workspaces.name IS 'Name for people.';
COMMENT ON COLUMN workspaces.created_at IS 'When it was first used.';
COMMENT ON TABLE embedding_profiles IS 'How text becomes a vector. A row never changes its meaning: another model or prefix is another profile.';
COMMENT ON COLUMN embedding_profiles.id IS 'Number of the profile.';
COMMENT ON COLUMN embedding_profiles.name IS 'Name for people.';
COMMENT ON COLUMN embedding_profiles.model IS 'Model name or folder; a worker whose model differs refuses to write.';
COMMENT ON COLUMN embedding_profiles.dimensions IS 'Length of each vector; 4,000 is the most that a half-precision index takes.';
COMMENT ON COLUMN embedding_profiles.max_tokens IS 'Tokens the model reads; what lies beyond is cut by the model.';
COMMENT ON COLUMN embedding_profiles.query_prefix IS 'Text put before a question, for models trained with one (E5, BGE).';
COMMENT ON COLUMN embedding_profiles.passage_prefix IS 'Text put before a passage.';
COMMENT ON COLUMN embedding_profiles.distance IS 'Distance that recall sorts by.';
COMMENT ON COLUMN embedding_profiles.precision IS 'Storage of a number: `half` is two bytes (halfvec).';
COMMENT ON COLUMN embedding_profiles.state IS '`added` is described only, `building` is filled beside the live one, `live` answers questions (one at a time), `retired` is kept and filled for a roll-back, `dropped` has no vectors and stays for the traces.';
COMMENT ON COLUMN embedding_profiles.created_at IS 'When it was added.';
COMMENT ON COLUMN embedding_profiles.backend IS 'What makes its vectors: a sentence-transformers model, an OpenAI-compatible endpoint, or the hidden states of a language model.';
COMMENT ON COLUMN embedding_profiles.pooling IS 'How hidden states become one vector: their mean, or that of the last token; empty where the model decides.';
COMMENT ON COLUMN embedding_profiles.base_url IS 'Address of the endpoint; empty for a model that runs here.';
COMMENT ON COLUMN embedding_profiles.problem IS 'Why a worker could not embed for it last; empty when it could.';
COMMENT ON COLUMN embedding_profiles.retired_at IS 'When another profile took its place.';
COMMENT ON TABLE jobs IS 'The ledger: Postgres is the truth about every job, Redis only carries its number.';
COMMENT ON COLUMN jobs.id IS 'Number of the job; the only thing a queue message holds.';
COMMENT ON COLUMN jobs.kind IS 'What is to be done: `ingest` a document or `ask` a question.';
COMMENT ON COLUMN jobs.queue IS 'Queue that carries it; `query` and `ingest` have separate workers.';
COMMENT ON COLUMN jobs.requester IS 'Who asked: a Discord user id, or the system user of the command line.';
COMMENT ON COLUMN jobs.request_key IS 'The front end''s own number of the request; submitting it twice gives the same job.';
COMMENT ON COLUMN jobs.payload IS 'Input: the source, name and hash of a document, or the question and its options.';
COMMENT ON COLUMN jobs.state IS 'queued, running, succeeded, failed (its input is at fault), cancelled, dead (out of attempts).';
COMMENT ON COLUMN jobs.stage IS 'Where in the flow it is: fetch, parse, chunk, store, embed; rewrite, recall, rerank, generate.';
COMMENT ON COLUMN jobs.attempt IS 'Attempts begun; raised before work starts, so a job that kills its worker is counted.';
COMMENT ON COLUMN jobs.max_attempts IS 'Attempts after which it is dead.';
COMMENT ON COLUMN jobs.lease_owner IS 'Worker that holds it.';
COMMENT ON COLUMN jobs.lease_token IS 'Fence: every write of the worker names it; a worker whose token is no longer here changes nothing.';
COMMENT ON COLUMN jobs.lease_since IS 'When the worker took it.';
COMMENT ON COLUMN jobs.lease_expires IS 'When the lease ends unless renewed; then the sweeper queues the job again.';
COMMENT ON COLUMN jobs.cancel_requested IS 'A person wants it to stop; the worker looks between batches and stages.';
COMMENT ON COLUMN jobs.run_after IS 'Earliest time to run: the pause before another attempt, or a rate limit.';
COMMENT ON COLUMN jobs.progress_done IS 'Units done in this stage: chunks embedded, candidates reranked.';
COMMENT ON COLUMN jobs.progress_total IS 'Units of this stage; 0 when not countable.';
COMMENT ON COLUMN jobs.result IS 'What came of it, for the front ends.';
COMMENT ON COLUMN jobs.error IS 'Last error as the sentence a person reads.';
COMMENT ON COLUMN jobs.delivered_at IS 'When the front end had delivered it.';
COMMENT ON COLUMN jobs.published_at IS 'When its number was last put on the queue; null: never, the sweeper will.';
COMMENT ON COLUMN jobs.created_at IS 'When it was submitted.';
COMMENT ON COLUMN jobs.requested_at IS 'When somebody last asked for it, by submitting or retrying; of two jobs for one document the later request wins.';
COMMENT ON COLUMN jobs.started_at IS 'When its first attempt began.';
COMMENT ON COLUMN jobs.finished_at IS 'When it reached a final state.';
COMMENT ON COLUMN jobs.delivery_id IS 'Message that shows this job; null when a command line waits for it.';
COMMENT ON COLUMN jobs.deliver IS 'Not used any more: deliveries took its place. It goes with the next release.';
COMMENT ON TABLE job_events IS 'Every change of a job, written by a trigger, so none can be forgotten.';
COMMENT ON COLUMN job_events.id IS 'Order of events.';
COMMENT ON COLUMN job_events.at IS 'When it happened.';
COMMENT ON COLUMN job_events.attempt IS 'Attempt it belongs to.';
COMMENT ON COLUMN job_events.worker IS 'Worker that held the job.';
COMMENT ON COLUMN job_events.note IS 'Error, or what a person asked for.';
COMMENT ON FUNCTION record_job_change() IS 'Writes the event row and wakes listeners whenever a job changes.';
COMMENT ON FUNCTION jobs_ahead(text, bigint) IS 'How many jobs of all workspaces wait before one, counted up to 1,000; it tells a number and nothing else.';
COMMENT ON FUNCTION current_workspace() IS 'The workspace this transaction acts for; null (so: no rows) when none is set.';
COMMENT ON TABLE workers IS 'Worker processes and their signs of life.';
COMMENT ON COLUMN workers.queues IS 'Queues it takes messages from.';
COMMENT ON COLUMN workers.host IS 'Machine.';
COMMENT ON COLUMN workers.pid IS 'Process on that machine.';
COMMENT ON COLUMN workers.model IS 'Embedding model it loads.';
COMMENT ON COLUMN workers.started_at IS 'When it started.';
COMMENT ON COLUMN workers.last_seen IS 'Last heartbeat; older than 30 seconds: it is gone.';
COMMENT ON COLUMN workers.last_task_at IS 'When it last took a message; a worker that lives but takes none has lost its broker.';
COMMENT ON COLUMN workers.profiles IS 'Embedding profiles whose model it has in memory; those of workers that answer questions are kept up to date.';
COMMENT ON TABLE quarantine IS 'Bytes that killed a worker several times; not tried again until somebody retries the job.';
COMMENT ON COLUMN quarantine.sha256 IS 'Hash of the bytes.';
COMMENT ON COLUMN quarantine.job_id IS 'Job that died of it.';
COMMENT ON COLUMN quarantine.created_at IS 'When.';
COMMENT ON TABLE blobs IS 'Original bytes, so that everything can be rebuilt.';
COMMENT ON COLUMN blobs.sha256 IS 'Hash of the bytes.';
COMMENT ON COLUMN blobs.content IS 'The bytes.';
COMMENT ON COLUMN blobs.created_at IS 'When they first came.';
COMMENT ON TABLE documents IS 'What people added. A document answers questions from its live version only.';
COMMENT ON COLUMN documents.id IS 'Number of the document.';
COMMENT ON COLUMN documents.source IS 'Where it came from: absolute path, link, or a front end''s name for it; the same source again is a new version.';
COMMENT ON COLUMN documents.title IS 'Title for people.';
COMMENT ON COLUMN documents.media_type IS 'What the bytes turned out to be.';
COMMENT ON COLUMN documents.channels IS 'Channels that may see it; null: the whole workspace.';
COMMENT ON COLUMN documents.added_by IS 'Who added it.';
COMMENT ON COLUMN documents.live_version_id IS 'Version that answers; switching versions is changing this one value.';
COMMENT ON COLUMN documents.created_at IS 'When it was first added.';
COMMENT ON COLUMN documents.updated_at IS 'When its live version last changed.';
COMMENT ON COLUMN documents.origin IS 'Link under which people find the original: the message it was posted in, or the page itself.';
COMMENT ON COLUMN documents.live_chunks IS 'Chunks of the live version, copied from it; null without one.';
COMMENT ON COLUMN documents.live_terms IS 'Keywords of the live version, repeats counted, copied from it; null without one.';
COMMENT ON FUNCTION copy_live_sizes() IS 'Copies the sizes of a document''s live version whenever that changes; versions themselves never change.';
COMMENT ON TABLE document_versions IS 'A document''s content at one time; built beside the live one, then switched in one statement.';
COMMENT ON COLUMN document_versions.id IS 'Number of the version.';
COMMENT ON COLUMN document_versions.document_id IS 'The document.';
COMMENT ON COLUMN document_versions.job_id IS 'Job that builds or built it.';
COMMENT ON COLUMN document_versions.title IS 'Title found in these bytes.';
COMMENT ON COLUMN document_versions.media_type IS 'What the bytes turned out to be.';
COMMENT ON COLUMN document_versions.pages IS 'Pages, where the format has them.';
COMMENT ON COLUMN document_versions.language IS 'Language found, ISO 639.';
COMMENT ON COLUMN document_versions.chunks IS 'Chunks it has; the N of keyword statistics.';
COMMENT ON COLUMN document_versions.terms IS 'Keywords over all chunks, repeats counted; gives the mean length of keyword statistics.';
COMMENT ON COLUMN document_versions.warnings IS 'What the parser could not do.';
COMMENT ON COLUMN document_versions.created_at IS 'When it was built.';
COMMENT ON TABLE chunks IS 'Passages: the unit that is embedded, recalled and cited.';
COMMENT ON COLUMN chunks.id IS 'Number of the chunk.';
COMMENT ON COLUMN chunks.document_id IS 'Its document.';
COMMENT ON COLUMN chunks.version_id IS 'Its version.';
COMMENT ON COLUMN chunks.ordinal IS 'Position in the document, from 0.';
COMMENT ON COLUMN chunks.text IS 'The passage, Markdown.';
COMMENT ON COLUMN chunks.headings IS 'Headings above it, outermost first.';
COMMENT ON COLUMN chunks.page IS 'Page it starts on, from 1.';
COMMENT ON COLUMN chunks.tokens IS 'Its length in tokens of the embedding model.';
COMMENT ON COLUMN chunks.input_hash IS 'Hash of exactly what is embedded (headings and text); equal hash, equal vector.';
COMMENT ON TABLE postings IS 'Keyword index: which term occurs in which chunk. Statistics are counted at query time over what is live, so they cannot go stale.';
COMMENT ON COLUMN postings.term IS '31-bit hash of the stemmed word, or of a Chinese, Japanese or Korean character or pair.';
COMMENT ON COLUMN postings.chunk_id IS 'The chunk.';
COMMENT ON COLUMN postings.version_id IS 'Its version, to tell what is live without reading the chunk.';
COMMENT ON COLUMN postings.frequency IS 'How often the term occurs in the chunk.';
COMMENT ON COLUMN postings.length IS 'Terms of the chunk, repeats counted.';
COMMENT ON TABLE embeddings IS 'Vectors, apart from the text so that a scan reads little. Large workspaces get an HNSW index of their own.';
COMMENT ON COLUMN embeddings.profile_id IS 'Profile that made it.';
COMMENT ON COLUMN embeddings.chunk_id IS 'The chunk.';
COMMENT ON COLUMN embeddings.version_id IS 'The chunk''s version, to tell what is live without reading the chunk.';
COMMENT ON COLUMN embeddings.vector IS 'The vector, half precision.';
COMMENT ON TABLE embedding_queue IS 'Chunks that still need a vector; workers claim the next batch across all documents.';
COMMENT ON COLUMN embedding_queue.profile_id IS 'Profile to embed for.';
COMMENT ON COLUMN embedding_queue.chunk_id IS 'The chunk.';
COMMENT ON COLUMN embedding_queue.version_id IS 'The chunk''s version.';
COMMENT ON COLUMN embedding_queue.claim_token IS 'Fence of the claim; a vector is stored only by its holder.';
COMMENT ON COLUMN embedding_queue.claim_expires IS 'When the claim ends and another worker may take the chunk.';
COMMENT ON COLUMN embedding_queue.attempts IS 'Claims so far; raised before work starts.';
COMMENT ON COLUMN embedding_queue.queued_at IS 'When it was queued.';
COMMENT ON COLUMN embedding_queue.due_at IS 'Order of work: the k-th chunk of a document is due a little later than its first, so a book does not hold up a note.';
COMMENT ON TABLE queries IS 'The trace of every answered question.';
COMMENT ON COLUMN queries.id IS 'Number of the trace.';
COMMENT ON COLUMN queries.job_id IS 'The job that answered.';
COMMENT ON COLUMN queries.requester IS 'Who asked.';
COMMENT ON COLUMN queries.question IS 'The question.';
COMMENT ON COLUMN queries.recall IS 'hybrid, dense or keyword.';
COMMENT ON COLUMN queries.top_n IS 'Candidates wanted from recall.';
COMMENT ON COLUMN queries.top_k IS 'Passages the answer may rest on.';
COMMENT ON COLUMN queries.reranker_asked IS 'Reranker that was asked for.';
COMMENT ON COLUMN queries.reranker IS 'Reranker that made the order; another than asked for when it fell back.';
COMMENT ON COLUMN queries.profile_id IS 'Embedding profile used.';
COMMENT ON COLUMN queries.plan IS 'How recall ran: exact, hnsw, or hnsw followed by exact because rows were missing.';
COMMENT ON COLUMN queries.rows_asked IS 'Rows asked of recall.';
COMMENT ON COLUMN queries.rows_returned IS 'Rows recall gave.';
COMMENT ON COLUMN queries.answer IS 'The answer.';
COMMENT ON COLUMN queries.abstained IS 'No passage was good enough, so no answer was given.';
COMMENT ON COLUMN queries.answer_model IS 'Model that wrote the answer; `extractive` when none did.';
COMMENT ON COLUMN queries.timings_ms IS 'Milliseconds of each stage.';
COMMENT ON COLUMN queries.calls IS 'Calls to language models.';
COMMENT ON COLUMN queries.prompt_tokens IS 'Tokens sent.';
COMMENT ON COLUMN queries.completion_tokens IS 'Tokens received.';
COMMENT ON COLUMN queries.cost_usd IS 'Cost in US dollars by the price in the settings.';
COMMENT ON COLUMN queries.fallbacks IS 'Stages that could not do their work, what took their place, and why.';
COMMENT ON COLUMN queries.created_at IS 'When it was answered.';
COMMENT ON COLUMN queries.searched_as IS 'What a follow-up question was searched as, with the conversation taken into account; empty: as it was asked.';
COMMENT ON COLUMN queries.dense_weight IS 'Weight of the vector leg: the share of the question that the embedding model can read; 0 when the leg was not asked.';
COMMENT ON COLUMN queries.keyword_weight IS 'Weight of the keyword leg: 1, or 0 when it was not asked.';
COMMENT ON TABLE query_candidates IS 'What recall brought and where the reranker put it. Rows outlive the chunk they name.';
COMMENT ON COLUMN query_candidates.query_id IS 'The trace.';
COMMENT ON COLUMN query_candidates.chunk_id IS 'The chunk; it may be gone by now.';
COMMENT ON COLUMN query_candidates.document_id IS 'Its document; it may be gone by now.';
COMMENT ON COLUMN query_candidates.title IS 'The document''s title then.';
COMMENT ON COLUMN query_candidates.recall_score IS 'Score of recall: fused, cosine or BM25 by the kind of recall.';
COMMENT ON COLUMN query_candidates.dense_rank IS 'Rank in the vector leg; null when it did not find it.';
COMMENT ON COLUMN query_candidates.keyword_rank IS 'Rank in the keyword leg; null when it did not find it.';
COMMENT ON COLUMN query_candidates.keyword_score IS 'BM25.';
COMMENT ON COLUMN query_candidates.raw_score IS 'What the method itself gave.';
COMMENT ON COLUMN query_candidates.reason IS 'The method''s reason, where it gives one.';
COMMENT ON COLUMN query_candidates.method IS 'Method that scored it.';
COMMENT ON COLUMN query_candidates.flags IS 'For instance `unscored`.';
COMMENT ON COLUMN query_candidates.citation IS 'Its [n] in the answer; null when not cited.';
COMMENT ON COLUMN query_candidates.quote IS 'The words the answer rests on.';
COMMENT ON TABLE deliveries IS 'The outbox of the Discord bot: each row is one message that shows one question or one card of documents until all its jobs have ended.';
COMMENT ON COLUMN deliveries.id IS 'Number of the delivery; part of the nonce of every message it posts.';
COMMENT ON COLUMN deliveries.request_key IS 'The interaction or message that asked; the same one again gives the same delivery.';
COMMENT ON COLUMN deliveries.kind IS '`answer` shows one question, `ingest` a card of documents.';
COMMENT ON COLUMN deliveries.application_id IS 'Discord application whose bot delivers it.';
COMMENT ON COLUMN deliveries.channel_id IS 'Channel or thread where the message is.';
COMMENT ON COLUMN deliveries.message_id IS 'The message that is edited; null until it is posted.';
COMMENT ON COLUMN deliveries.reply_to_id IS 'Message that the first one replies to.';
COMMENT ON COLUMN deliveries.user_id IS 'Who asked.';
COMMENT ON COLUMN deliveries.locale IS 'Language of that person''s Discord.';
COMMENT ON COLUMN deliveries.private IS 'Only the person who asked may see it: it never goes to a channel.';
COMMENT ON COLUMN deliveries.route IS '`channel`: edited with the bot''s token. `token`: only the interaction''s token reaches the message.';
COMMENT ON COLUMN deliveries.token IS 'Interaction token, a secret of fifteen minutes; gone once delivered or expired, never shown.';
COMMENT ON COLUMN deliveries.token_expires IS 'When the interaction token ends.';
COMMENT ON COLUMN deliveries.state IS '`open` while something is still to be shown, `delivered`, or `undeliverable`.';
COMMENT ON COLUMN deliveries.generation IS 'How often its jobs were begun; a retry shows its result anew, so its nonces differ.';
COMMENT ON COLUMN deliveries.parts_sent IS 'Further messages already posted, so that a bot that takes over posts none twice.';
COMMENT ON COLUMN deliveries.claim_owner IS 'Bot process that shows it now.';
COMMENT ON COLUMN deliveries.claim_token IS 'Fence: every write of that process names it; a process whose token is no longer here changes nothing.';
COMMENT ON COLUMN deliveries.claim_expires IS 'When another bot process may take it over.';
COMMENT ON COLUMN deliveries.attempts IS 'Failed tries since the last thing that was sent; the pause grows with them.';
COMMENT ON COLUMN deliveries.error IS 'What the last try failed with.';
COMMENT ON COLUMN deliveries.created_at IS 'When it was asked for.';
COMMENT ON COLUMN deliveries.delivered_at IS 'When everything was shown.';
COMMENT ON FUNCTION announce_delivery() IS 'Wakes the bots when a delivery is free to take: new, released or opened again.';
COMMENT ON TABLE feedback IS 'What people thought of an answer: one vote of each person, which may change.';
COMMENT ON COLUMN feedback.job_id IS 'The question.';
COMMENT ON COLUMN feedback.user_id IS 'Who voted.';
COMMENT ON COLUMN feedback.vote IS '1: it helped, -1: it did not.';
COMMENT ON COLUMN feedback.created_at IS 'When the person first voted.';
COMMENT ON COLUMN feedback.updated_at IS 'When the vote last changed.';
COMMENT ON TABLE workspace_settings IS 'What the managers of a workspace have set; null everywhere: the operator''s default.';
COMMENT ON COLUMN workspace_settings.reranker IS 'Reranker when a question names none.';
COMMENT ON COLUMN workspace_settings.top_n IS 'Candidates recalled.';
COMMENT ON COLUMN workspace_settings.top_k IS 'Passages an answer is written from.';
COMMENT ON COLUMN workspace_settings.answer_language IS 'Language of answers; empty: that of the question.';
COMMENT ON COLUMN workspace_settings.ingest_by IS 'Who may add documents: everyone, managers, or who has the role below.';
COMMENT ON COLUMN workspace_settings.public_channels IS 'Channels in which answers are public; elsewhere they are private. Null or empty: all.';
COMMENT ON COLUMN workspace_settings.questions_per_user_hour IS 'Questions one person may ask in an hour; 0: no limit.';
COMMENT ON COLUMN workspace_settings.questions_per_day IS 'Questions the workspace may ask in a day; 0: no limit.';
COMMENT ON COLUMN workspace_settings.documents_per_user_day IS 'Documents one person may add in a day; 0: no limit.';
COMMENT ON COLUMN workspace_settings.documents_per_day IS 'Documents the workspace may add in a day; 0: no limit.';
COMMENT ON COLUMN workspace_settings.updated_by IS 'Who changed them last.';
COMMENT ON COLUMN workspace_settings.updated_at IS 'When they last changed.';
COMMENT ON TABLE discord_commands IS 'Which commands each Discord application has registered, so that they are sent again only when they changed.';
COMMENT ON COLUMN discord_commands.synced_at IS 'When they were registered.';
COMMENT ON TABLE spending_reservations IS 'Money set aside by attempts at questions that have no trace yet; an attempt that failed keeps its row.';
COMMENT ON COLUMN spending_reservations.id IS 'Number of the reservation.';
COMMENT ON COLUMN spending_reservations.job_id IS 'The job of the question.';
COMMENT ON COLUMN spending_reservations.requester IS 'Who asked.';
COMMENT ON COLUMN spending_reservations.lease_token IS 'The attempt: the token of its lease.';
COMMENT ON COLUMN spending_reservations.created_at IS 'When it was set aside.';
COMMENT ON SCHEMA inspect IS 'Views for people; read them as the role refdesk_read, e.g. with `refdesk sql`.';
COMMENT ON VIEW inspect.chunks IS 'Passages with document, place and whether they are embedded.';
COMMENT ON VIEW inspect.jobs IS 'Jobs, each with a sentence that says why it is where it is.';
COMMENT ON VIEW inspect.events IS 'What happened to each job, in order.';
COMMENT ON VIEW inspect.workers IS 'Worker processes and whether they live.';
COMMENT ON VIEW inspect.profiles IS 'Embedding profiles and how far each is filled.';
COMMENT ON VIEW inspect.deliveries IS 'Messages of the Discord bot, each with a sentence that says how far it is.';
COMMENT ON VIEW inspect.feedback IS 'Votes with the question and the answer they are about.';
COMMENT ON VIEW inspect.spending IS 'What questions cost by day, workspace and person, and what is set aside for those without a trace.';
