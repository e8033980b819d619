-- Plain reasons in inspect.jobs and inspect.deliveries, and plain comments. Texts only: no table or column changes.

CREATE OR REPLACE VIEW inspect.jobs WITH (security_invoker) AS
SELECT j.id, w.key AS workspace, j.kind, j.state, j.stage, j.attempt, j.requester,
       coalesce(j.payload ->> 'name', j.payload ->> 'question') AS about,
       j.progress_done, j.progress_total, j.error_class, j.error,
       CASE
           WHEN j.state = 'queued' AND j.run_after > now() AND j.error IS NOT NULL THEN
               format('Waiting to retry at %s after %s: %s', to_char(j.run_after, 'HH24:MI:SS'), j.error_class, j.error)
           WHEN j.state = 'queued' AND j.run_after > now() THEN
               format('Rate limited until %s.', to_char(j.run_after, 'HH24:MI:SS'))
           WHEN j.state = 'queued' AND NOT EXISTS (
               SELECT FROM workers k WHERE j.queue = ANY (k.queues) AND k.last_seen > now() - interval '30 seconds') THEN
               format('Waiting for a worker (no %s worker is running%s). Start one with `refdesk worker %s`.', j.queue,
                      coalesce((SELECT '; last heartbeat at ' || to_char(max(k.last_seen), 'YYYY-MM-DD HH24:MI:SS')
                                FROM workers k WHERE j.queue = ANY (k.queues)), ''), j.queue)
           WHEN j.state = 'queued' AND j.published_at IS NULL THEN 'Not published to the queue yet (is Redis running?). The sweeper publishes it on its next run.'
           WHEN j.state = 'queued' THEN
               format('Waiting in the queue "%s" behind %s jobs.', j.queue, jobs_ahead(j.queue, j.id))
           WHEN j.state = 'running' AND j.cancel_requested THEN format('Cancellation requested; %s stops it at the next stage.', coalesce(j.lease_owner, 'the embedding worker'))
           WHEN j.state = 'running' AND j.lease_expires < now() THEN
               format('The lease of worker %s expired at %s. The sweeper queues the job again on its next run.', j.lease_owner, to_char(j.lease_expires, 'HH24:MI:SS'))
           WHEN j.state = 'running' AND j.stage = 'embed' AND j.lease_token IS NULL THEN
               format('Waiting for vectors (%s of %s chunks embedded%s', j.progress_done, j.progress_total,
                      CASE WHEN EXISTS (SELECT FROM workers k WHERE 'ingest' = ANY (k.queues) AND k.last_seen > now() - interval '30 seconds')
                           THEN ').' ELSE '; no ingest worker is running). Start one with `refdesk worker ingest`.' END)
           WHEN j.state = 'running' THEN
               format('Running on %s since %s, stage %s%s.', j.lease_owner, to_char(j.lease_since, 'HH24:MI:SS'), j.stage,
                      CASE WHEN j.progress_total > 0 THEN format(', %s of %s', j.progress_done, j.progress_total) ELSE '' END)
           WHEN j.state = 'failed' THEN format('Failed with %s: %s', j.error_class, j.error)
           WHEN j.state = 'dead' THEN format('Dead after %s attempts. Retry with `refdesk jobs retry %s`. Last error: %s: %s', j.attempt, j.id, j.error_class, j.error)
           WHEN j.state = 'cancelled' THEN format('Cancelled at %s.', to_char(j.finished_at, 'YYYY-MM-DD HH24:MI:SS'))
           ELSE format('Done at %s.', to_char(j.finished_at, 'YYYY-MM-DD HH24:MI:SS'))
       END AS why,
       j.lease_owner, j.lease_expires, j.run_after, j.created_at, j.started_at, j.finished_at, j.delivered_at,
       round((extract(epoch FROM coalesce(j.finished_at, now()) - j.created_at) * 1000)::numeric) AS age_ms
FROM jobs j JOIN workspaces w ON w.id = j.workspace_id;

CREATE OR REPLACE VIEW inspect.deliveries WITH (security_invoker) AS
SELECT d.id, w.key AS workspace, d.kind, d.state, d.route, d.private,
       (SELECT array_agg(j.id ORDER BY j.id) FROM jobs j WHERE j.delivery_id = d.id) AS jobs,
       CASE
           WHEN d.state = 'delivered' THEN format('Delivered at %s.', to_char(d.delivered_at, 'YYYY-MM-DD HH24:MI:SS'))
           WHEN d.state = 'undeliverable' THEN format('Undeliverable: %s', d.error)
           WHEN d.due_at > now() THEN format('Waiting to retry at %s after: %s', to_char(d.due_at, 'HH24:MI:SS'), coalesce(d.error, 'no reason given'))
           WHEN d.claim_token IS NULL THEN 'Waiting for a bot to claim it. Start one with `refdesk bot`.'
           WHEN d.claim_expires < now() THEN format('The claim of bot %s expired at %s. Another bot can take over.', d.claim_owner, to_char(d.claim_expires, 'HH24:MI:SS'))
           WHEN EXISTS (SELECT FROM jobs j WHERE j.delivery_id = d.id AND j.state IN ('queued', 'running')) THEN format('Shown by %s, waiting for its jobs.', d.claim_owner)
           ELSE format('Being delivered by %s.', d.claim_owner)
       END AS why,
       d.generation, d.parts_sent, d.attempts, d.error, d.application_id, d.guild_id, d.channel_id, d.message_id, d.reply_to_id, d.user_id,
       d.locale, d.request_key, d.token_expires, d.claim_owner, d.claim_expires, d.due_at, d.created_at, d.delivered_at
FROM deliveries d JOIN workspaces w ON w.id = d.workspace_id;

COMMENT ON TABLE workspaces IS 'Tenants: a Discord server, the direct messages of one user, or `local` for the command line.';
COMMENT ON COLUMN workspaces.id IS 'ID of the workspace; row-level security compares it in every tenant table.';
COMMENT ON COLUMN workspaces.key IS 'Name used by the front ends: `local`, `guild:<id>` or `user:<id>`.';
COMMENT ON COLUMN workspaces.name IS 'Display name.';
COMMENT ON COLUMN workspaces.created_at IS 'Time of first use.';
COMMENT ON TABLE embedding_profiles IS 'How text becomes a vector. The meaning of a row never changes: another model or prefix is another profile.';
COMMENT ON COLUMN embedding_profiles.id IS 'ID of the profile.';
COMMENT ON COLUMN embedding_profiles.name IS 'Display name.';
COMMENT ON COLUMN embedding_profiles.model IS 'Model name or folder; a worker with another model writes no vectors for this profile.';
COMMENT ON COLUMN embedding_profiles.dimensions IS 'Dimensions of each vector; 4,000 is the maximum of a half-precision index.';
COMMENT ON COLUMN embedding_profiles.max_tokens IS 'Maximum input tokens of the model; longer text is truncated.';
COMMENT ON COLUMN embedding_profiles.query_prefix IS 'Prefix of a question, for models trained with one (E5, BGE).';
COMMENT ON COLUMN embedding_profiles.passage_prefix IS 'Prefix of a passage.';
COMMENT ON COLUMN embedding_profiles.distance IS 'Distance function by which recall sorts.';
COMMENT ON COLUMN embedding_profiles.precision IS 'Storage of a number: `half` uses two bytes (halfvec).';
COMMENT ON COLUMN embedding_profiles.state IS '`added`: described only; `building`: being filled; `live`: used by questions (one at a time); `retired`: kept for a rollback; `dropped`: out of use.';
COMMENT ON COLUMN embedding_profiles.created_at IS 'Time at which the profile was added.';
COMMENT ON COLUMN embedding_profiles.backend IS 'Source of the vectors: a sentence-transformers model, an OpenAI-compatible endpoint, or the hidden states of a language model.';
COMMENT ON COLUMN embedding_profiles.pooling IS 'How hidden states become one vector: `mean`, or `last` for the last token; empty if the model decides.';
COMMENT ON COLUMN embedding_profiles.base_url IS 'URL of the endpoint; empty for a local model.';
COMMENT ON COLUMN embedding_profiles.problem IS 'Last reason why a worker could not embed for this profile; empty if it could.';
COMMENT ON COLUMN embedding_profiles.retired_at IS 'Time at which another profile became live.';
COMMENT ON TABLE jobs IS 'The ledger. Postgres is the source of truth for jobs; Redis only carries job IDs.';
COMMENT ON COLUMN jobs.id IS 'ID of the job; the only content of a queue message.';
COMMENT ON COLUMN jobs.kind IS '`ingest`: ingest a document; `ask`: answer a question.';
COMMENT ON COLUMN jobs.queue IS 'Queue to which the job is published; `query` and `ingest` have separate workers.';
COMMENT ON COLUMN jobs.requester IS 'User who made the request: a Discord user ID, or the system user of the command line.';
COMMENT ON COLUMN jobs.request_key IS 'Idempotency key of the front end; submitting the same key again returns the same job.';
COMMENT ON COLUMN jobs.payload IS 'Input: source, name and hash of a document, or a question and its options.';
COMMENT ON COLUMN jobs.state IS 'queued, running, succeeded, failed (invalid input), cancelled, dead (no attempts left).';
COMMENT ON COLUMN jobs.stage IS 'Current stage: fetch, parse, chunk, store, embed; recall, rerank, generate.';
COMMENT ON COLUMN jobs.attempt IS 'Number of attempts started; incremented before the work starts, so that a job that kills its worker is counted.';
COMMENT ON COLUMN jobs.max_attempts IS 'Number of attempts after which the job is dead.';
COMMENT ON COLUMN jobs.lease_owner IS 'Worker that owns the lease.';
COMMENT ON COLUMN jobs.lease_token IS 'Fencing token: every write of the worker checks it, so that a worker that lost its lease changes nothing.';
COMMENT ON COLUMN jobs.lease_since IS 'Time at which the lease was claimed.';
COMMENT ON COLUMN jobs.lease_expires IS 'Expiry of the lease unless it is renewed; afterwards the sweeper queues the job again.';
COMMENT ON COLUMN jobs.cancel_requested IS 'A user requested cancellation; the worker checks between batches and stages.';
COMMENT ON COLUMN jobs.run_after IS 'Earliest start: the backoff before another attempt, or a rate limit.';
COMMENT ON COLUMN jobs.progress_done IS 'Units done in this stage, for example chunks embedded or candidates reranked.';
COMMENT ON COLUMN jobs.progress_total IS 'Total units of this stage; 0 if they cannot be counted.';
COMMENT ON COLUMN jobs.result IS 'Result for the front ends.';
COMMENT ON COLUMN jobs.error IS 'Message of the last error.';
COMMENT ON COLUMN jobs.delivered_at IS 'Time at which the front end delivered the result.';
COMMENT ON COLUMN jobs.published_at IS 'Time at which the job ID was last published to the queue; null: not yet, the sweeper publishes it.';
COMMENT ON COLUMN jobs.created_at IS 'Time of submission.';
COMMENT ON COLUMN jobs.requested_at IS 'Time of the last submission or retry; of two jobs for one document, the later request takes effect.';
COMMENT ON COLUMN jobs.started_at IS 'Start of the first attempt.';
COMMENT ON COLUMN jobs.finished_at IS 'Time at which the job reached a final state.';
COMMENT ON COLUMN jobs.delivery_id IS 'Delivery that shows this job; null if a command line waits for it.';
COMMENT ON COLUMN jobs.deliver IS 'Unused: replaced by deliveries; to be dropped in the next release.';
COMMENT ON TABLE job_events IS 'Every change of a job, written by a trigger so that no code path can omit one.';
COMMENT ON COLUMN job_events.id IS 'ID of the event; ascending in time.';
COMMENT ON COLUMN job_events.at IS 'Time of the change.';
COMMENT ON COLUMN job_events.attempt IS 'Attempt during which the change was made.';
COMMENT ON COLUMN job_events.worker IS 'Worker that owned the lease.';
COMMENT ON COLUMN job_events.note IS 'Error message, or a request by a user.';
COMMENT ON FUNCTION record_job_change() IS 'Inserts the event and notifies listeners when a job changes.';
COMMENT ON FUNCTION jobs_ahead(text, bigint) IS 'Number of queued jobs of all workspaces before a job, counted up to 1,000. It reveals nothing else about them.';
COMMENT ON FUNCTION current_workspace() IS 'Workspace of this transaction; null (and so no rows) if none is set.';
COMMENT ON TABLE workers IS 'Worker processes and their heartbeats.';
COMMENT ON COLUMN workers.queues IS 'Queues from which the worker receives messages.';
COMMENT ON COLUMN workers.host IS 'Host name.';
COMMENT ON COLUMN workers.pid IS 'Process ID on that host.';
COMMENT ON COLUMN workers.model IS 'Embedding model that the worker loads.';
COMMENT ON COLUMN workers.started_at IS 'Start time.';
COMMENT ON COLUMN workers.last_seen IS 'Last heartbeat; a worker without a heartbeat for 30 seconds counts as stopped.';
COMMENT ON COLUMN workers.last_task_at IS 'Last time the worker received a message; a running worker that receives none may have lost its connection to Redis.';
COMMENT ON COLUMN workers.profiles IS 'Embedding profiles whose models are in memory; kept up to date for query workers.';
COMMENT ON TABLE quarantine IS 'Content that killed a worker repeatedly; not parsed again until the job is retried.';
COMMENT ON COLUMN quarantine.sha256 IS 'Hash of the content.';
COMMENT ON COLUMN quarantine.job_id IS 'Job that died.';
COMMENT ON COLUMN quarantine.created_at IS 'Time of the entry.';
COMMENT ON TABLE blobs IS 'Original bytes of the sources, stored once per workspace and content hash; documents can be rebuilt from them.';
COMMENT ON COLUMN blobs.sha256 IS 'Hash of the content.';
COMMENT ON COLUMN blobs.content IS 'Original bytes.';
COMMENT ON COLUMN blobs.created_at IS 'Time at which the content was last added.';
COMMENT ON TABLE documents IS 'Entries of the library. A document answers questions from its live version only.';
COMMENT ON COLUMN documents.id IS 'ID of the document.';
COMMENT ON COLUMN documents.source IS 'Origin of the content: an absolute path, a link, or a name given by a front end; the same source again is a new version.';
COMMENT ON COLUMN documents.title IS 'Title of the live version.';
COMMENT ON COLUMN documents.media_type IS 'Detected media type.';
COMMENT ON COLUMN documents.channels IS 'Scope: channels whose members see the document; null: the whole workspace.';
COMMENT ON COLUMN documents.added_by IS 'User who added the document.';
COMMENT ON COLUMN documents.live_version_id IS 'Live version; changing this value switches versions.';
COMMENT ON COLUMN documents.created_at IS 'Time at which the document was first added.';
COMMENT ON COLUMN documents.updated_at IS 'Time at which the live version last changed.';
COMMENT ON COLUMN documents.origin IS 'Link to the original: the message in which it was posted, or the page itself.';
COMMENT ON COLUMN documents.live_chunks IS 'Number of chunks of the live version, copied from it; null without a live version.';
COMMENT ON COLUMN documents.live_terms IS 'Number of terms of the live version with repetitions, copied from it; null without a live version.';
COMMENT ON FUNCTION copy_live_sizes() IS 'Copies the sizes of the live version to its document when the live version changes; versions never change themselves.';
COMMENT ON TABLE document_versions IS 'The content of a document at one time; built in parallel to the live version and switched in one statement.';
COMMENT ON COLUMN document_versions.id IS 'ID of the version.';
COMMENT ON COLUMN document_versions.document_id IS 'Document.';
COMMENT ON COLUMN document_versions.job_id IS 'Job that builds or built the version.';
COMMENT ON COLUMN document_versions.title IS 'Title found in the content.';
COMMENT ON COLUMN document_versions.media_type IS 'Detected media type.';
COMMENT ON COLUMN document_versions.pages IS 'Number of pages, if the format has pages.';
COMMENT ON COLUMN document_versions.language IS 'Detected language (ISO 639).';
COMMENT ON COLUMN document_versions.chunks IS 'Number of chunks; the N of BM25.';
COMMENT ON COLUMN document_versions.terms IS 'Number of terms in all chunks with repetitions; divided by the chunks, the mean length of BM25.';
COMMENT ON COLUMN document_versions.warnings IS 'Warnings of the parser.';
COMMENT ON COLUMN document_versions.created_at IS 'Time at which the version was stored.';
COMMENT ON TABLE chunks IS 'Text within the token budget: the unit that is embedded, recalled and cited.';
COMMENT ON COLUMN chunks.id IS 'ID of the chunk.';
COMMENT ON COLUMN chunks.document_id IS 'Document.';
COMMENT ON COLUMN chunks.version_id IS 'Version.';
COMMENT ON COLUMN chunks.ordinal IS 'Position in the version, from 0.';
COMMENT ON COLUMN chunks.text IS 'Text in Markdown.';
COMMENT ON COLUMN chunks.headings IS 'Heading path, outermost first.';
COMMENT ON COLUMN chunks.page IS 'First page, from 1.';
COMMENT ON COLUMN chunks.tokens IS 'Length in tokens of the embedding model.';
COMMENT ON COLUMN chunks.input_hash IS 'Hash of the embedding input (heading path and text); equal hashes have equal vectors.';
COMMENT ON TABLE postings IS 'Keyword index: which term occurs in which chunk. Statistics are computed per question over the visible live versions, so they cannot become stale.';
COMMENT ON COLUMN postings.term IS '31-bit hash of a stemmed word, or of a Chinese, Japanese or Korean character or pair.';
COMMENT ON COLUMN postings.chunk_id IS 'Chunk.';
COMMENT ON COLUMN postings.version_id IS 'Version of the chunk; shows whether it is live without reading the chunk.';
COMMENT ON COLUMN postings.frequency IS 'Occurrences of the term in the chunk.';
COMMENT ON COLUMN postings.length IS 'Terms in the chunk with repetitions.';
COMMENT ON TABLE embeddings IS 'Vectors, stored apart from the text so that a scan reads less. Large workspaces have a separate HNSW index.';
COMMENT ON COLUMN embeddings.profile_id IS 'Profile that produced the vector.';
COMMENT ON COLUMN embeddings.chunk_id IS 'Chunk.';
COMMENT ON COLUMN embeddings.version_id IS 'Version of the chunk; shows whether it is live without reading the chunk.';
COMMENT ON COLUMN embeddings.vector IS 'Vector in half precision.';
COMMENT ON TABLE embedding_queue IS 'Backlog: chunks that have no vector yet for a profile. Workers claim the next batch across all documents.';
COMMENT ON COLUMN embedding_queue.profile_id IS 'Profile.';
COMMENT ON COLUMN embedding_queue.chunk_id IS 'Chunk.';
COMMENT ON COLUMN embedding_queue.version_id IS 'Version of the chunk.';
COMMENT ON COLUMN embedding_queue.claim_token IS 'Fencing token of the claim: only the worker that owns it stores a vector.';
COMMENT ON COLUMN embedding_queue.claim_expires IS 'Expiry of the claim; afterwards another worker can claim the chunk.';
COMMENT ON COLUMN embedding_queue.attempts IS 'Number of claims; incremented before the work starts.';
COMMENT ON COLUMN embedding_queue.queued_at IS 'Time at which the chunk was queued.';
COMMENT ON COLUMN embedding_queue.due_at IS 'Order of processing: each chunk of a document is due slightly after the one before, so that long documents do not delay short ones.';
COMMENT ON TABLE queries IS 'Traces of answered questions.';
COMMENT ON COLUMN queries.id IS 'ID of the trace.';
COMMENT ON COLUMN queries.job_id IS 'Job that answered the question.';
COMMENT ON COLUMN queries.requester IS 'User who asked.';
COMMENT ON COLUMN queries.question IS 'Question as it was asked.';
COMMENT ON COLUMN queries.recall IS 'Recall mode: hybrid, dense or keyword.';
COMMENT ON COLUMN queries.top_n IS 'Number of candidates requested from recall.';
COMMENT ON COLUMN queries.top_k IS 'Maximum number of passages in the answer.';
COMMENT ON COLUMN queries.reranker_asked IS 'Requested reranker.';
COMMENT ON COLUMN queries.reranker IS 'Reranker that ordered the candidates; differs from the requested one after a fallback.';
COMMENT ON COLUMN queries.profile_id IS 'Embedding profile of the vectors.';
COMMENT ON COLUMN queries.plan IS 'Plan of recall: keyword, exact, hnsw, or hnsw followed by exact because rows were missing.';
COMMENT ON COLUMN queries.rows_asked IS 'Number of rows requested from recall.';
COMMENT ON COLUMN queries.rows_returned IS 'Number of rows returned by recall.';
COMMENT ON COLUMN queries.answer IS 'Text of the answer.';
COMMENT ON COLUMN queries.abstained IS 'True if no passage was relevant enough, so that no answer was returned.';
COMMENT ON COLUMN queries.answer_model IS 'Model that wrote the answer; `extractive` without a model.';
COMMENT ON COLUMN queries.timings_ms IS 'Duration of each stage in milliseconds.';
COMMENT ON COLUMN queries.calls IS 'Number of calls to language models.';
COMMENT ON COLUMN queries.prompt_tokens IS 'Number of tokens sent.';
COMMENT ON COLUMN queries.completion_tokens IS 'Number of tokens received.';
COMMENT ON COLUMN queries.cost_usd IS 'Cost in US dollars at the prices in the settings.';
COMMENT ON COLUMN queries.fallbacks IS 'Stages that failed, the method that replaced each, and the reason.';
COMMENT ON COLUMN queries.created_at IS 'Time of the answer.';
COMMENT ON COLUMN queries.searched_as IS 'Question as it was searched after a follow-up was rewritten with its conversation; empty: as it was asked.';
COMMENT ON COLUMN queries.dense_weight IS 'Weight of the vector scores: the share of the question that the embedding model can read; 0 if vectors were not used.';
COMMENT ON COLUMN queries.keyword_weight IS 'Weight of the keyword scores: 1, or 0 if keywords were not used.';
COMMENT ON TABLE query_candidates IS 'Candidates of recall and their order after reranking. Rows remain when their chunk is deleted.';
COMMENT ON COLUMN query_candidates.query_id IS 'Trace.';
COMMENT ON COLUMN query_candidates.chunk_id IS 'Chunk; it may have been deleted since.';
COMMENT ON COLUMN query_candidates.document_id IS 'Document of the chunk; it may have been deleted since.';
COMMENT ON COLUMN query_candidates.title IS 'Title of the document at that time.';
COMMENT ON COLUMN query_candidates.recall_score IS 'Score in recall: fused, cosine similarity or BM25, depending on the mode.';
COMMENT ON COLUMN query_candidates.dense_rank IS 'Rank by vector; null if it was not among the nearest.';
COMMENT ON COLUMN query_candidates.keyword_rank IS 'Rank by keyword; null if it was not among the best.';
COMMENT ON COLUMN query_candidates.keyword_score IS 'BM25 score.';
COMMENT ON COLUMN query_candidates.raw_score IS 'Score as returned by the method.';
COMMENT ON COLUMN query_candidates.reason IS 'Reason returned by the method, if any.';
COMMENT ON COLUMN query_candidates.method IS 'Method that assigned the score.';
COMMENT ON COLUMN query_candidates.flags IS 'Flags, for example `unscored`.';
COMMENT ON COLUMN query_candidates.citation IS 'Number n of its citation [n] in the answer; null if it is not cited.';
COMMENT ON COLUMN query_candidates.quote IS 'Quoted text that supports the answer.';
COMMENT ON TABLE deliveries IS 'Outbox of the Discord bot: each row is one message that shows one question or one group of documents until all its jobs have ended.';
COMMENT ON COLUMN deliveries.id IS 'ID of the delivery; part of the nonce of every message that it posts.';
COMMENT ON COLUMN deliveries.request_key IS 'Idempotency key: the interaction or message of the request; the same key again returns the same delivery.';
COMMENT ON COLUMN deliveries.kind IS '`answer`: shows one question; `ingest`: shows a group of documents.';
COMMENT ON COLUMN deliveries.application_id IS 'Discord application whose bot delivers the message.';
COMMENT ON COLUMN deliveries.channel_id IS 'Channel or thread of the message.';
COMMENT ON COLUMN deliveries.message_id IS 'Message that is edited; null until it is posted.';
COMMENT ON COLUMN deliveries.reply_to_id IS 'Message to which the first message replies.';
COMMENT ON COLUMN deliveries.user_id IS 'User who made the request.';
COMMENT ON COLUMN deliveries.locale IS 'Discord language of that user.';
COMMENT ON COLUMN deliveries.private IS 'True if only the user who made the request may see it; it is never posted to a channel.';
COMMENT ON COLUMN deliveries.route IS '`channel`: edited with the bot token; `token`: reachable only with the token of the interaction.';
COMMENT ON COLUMN deliveries.token IS 'Interaction token, a secret that is valid for fifteen minutes; cleared when delivered or expired, never shown.';
COMMENT ON COLUMN deliveries.token_expires IS 'Expiry of the interaction token.';
COMMENT ON COLUMN deliveries.state IS '`open`: something is still to be shown; `delivered`; `undeliverable`.';
COMMENT ON COLUMN deliveries.generation IS 'Number of times its jobs were started; part of the nonces, so that a retry posts its result again.';
COMMENT ON COLUMN deliveries.parts_sent IS 'Number of further messages already posted, so that a bot that takes over does not post one twice.';
COMMENT ON COLUMN deliveries.claim_owner IS 'Bot process that owns the claim.';
COMMENT ON COLUMN deliveries.claim_token IS 'Fencing token: every write of the bot process checks it, so that a process that lost its claim changes nothing.';
COMMENT ON COLUMN deliveries.claim_expires IS 'Expiry of the claim; afterwards another bot process can take over.';
COMMENT ON COLUMN deliveries.attempts IS 'Failed tries since the last successful send; the backoff grows with them.';
COMMENT ON COLUMN deliveries.error IS 'Error of the last try.';
COMMENT ON COLUMN deliveries.created_at IS 'Time of the request.';
COMMENT ON COLUMN deliveries.delivered_at IS 'Time at which everything was shown.';
COMMENT ON FUNCTION announce_delivery() IS 'Notifies the bots when a delivery can be claimed: new, released or reopened.';
COMMENT ON TABLE feedback IS 'Votes on answers: one vote per user and answer, which may change.';
COMMENT ON COLUMN feedback.job_id IS 'Job of the question.';
COMMENT ON COLUMN feedback.user_id IS 'User who voted.';
COMMENT ON COLUMN feedback.vote IS '1: helpful; -1: not helpful.';
COMMENT ON COLUMN feedback.created_at IS 'Time of the first vote.';
COMMENT ON COLUMN feedback.updated_at IS 'Time of the last change.';
COMMENT ON TABLE workspace_settings IS 'Settings made by the managers of a workspace; null: the default of the operator.';
COMMENT ON COLUMN workspace_settings.reranker IS 'Reranker for questions that name none.';
COMMENT ON COLUMN workspace_settings.top_n IS 'Number of candidates to recall.';
COMMENT ON COLUMN workspace_settings.top_k IS 'Number of passages in an answer.';
COMMENT ON COLUMN workspace_settings.answer_language IS 'Language of answers; empty: the language of the question.';
COMMENT ON COLUMN workspace_settings.ingest_by IS 'Users who may add documents: everyone, managers, or members with the role in `ingest_role`.';
COMMENT ON COLUMN workspace_settings.public_channels IS 'Channels with public answers; answers elsewhere are private. Null or empty: all channels.';
COMMENT ON COLUMN workspace_settings.questions_per_user_hour IS 'Maximum questions per user and hour; 0: no limit.';
COMMENT ON COLUMN workspace_settings.questions_per_day IS 'Maximum questions of the workspace per day; 0: no limit.';
COMMENT ON COLUMN workspace_settings.documents_per_user_day IS 'Maximum documents per user and day; 0: no limit.';
COMMENT ON COLUMN workspace_settings.documents_per_day IS 'Maximum documents of the workspace per day; 0: no limit.';
COMMENT ON COLUMN workspace_settings.updated_by IS 'User who made the last change.';
COMMENT ON COLUMN workspace_settings.updated_at IS 'Time of the last change.';
COMMENT ON TABLE discord_commands IS 'Commands that each Discord application has registered; they are sent again only after a change.';
COMMENT ON COLUMN discord_commands.synced_at IS 'Time of the registration.';
COMMENT ON TABLE spending_reservations IS 'Money set aside for running questions until their traces record the real cost; a failed attempt keeps its row.';
COMMENT ON COLUMN spending_reservations.id IS 'ID of the reservation.';
COMMENT ON COLUMN spending_reservations.job_id IS 'Job of the question.';
COMMENT ON COLUMN spending_reservations.requester IS 'User who asked.';
COMMENT ON COLUMN spending_reservations.lease_token IS 'Attempt: the fencing token of its lease.';
COMMENT ON COLUMN spending_reservations.created_at IS 'Time of the reservation.';
COMMENT ON SCHEMA inspect IS 'Views for operators; read them as the role refdesk_read, for example with `refdesk sql`.';
COMMENT ON VIEW inspect.chunks IS 'Chunks with their document and position, and whether they are embedded.';
COMMENT ON VIEW inspect.jobs IS 'Jobs, each with the reason for its state.';
COMMENT ON VIEW inspect.events IS 'Changes of each job, in order.';
COMMENT ON VIEW inspect.workers IS 'Worker processes and whether they are running.';
COMMENT ON VIEW inspect.profiles IS 'Embedding profiles with their vectors and backlog.';
COMMENT ON VIEW inspect.deliveries IS 'Messages of the Discord bot, each with the reason for its state.';
COMMENT ON VIEW inspect.feedback IS 'Votes with their question and answer.';
COMMENT ON VIEW inspect.spending IS 'Cost by day, workspace and user, and money reserved for questions without a trace.';
