"""The parts of `make bench`: the module that measures each one, and its text on the page.

The texts explain why a result is as it is and contain no measured figures, which would become outdated.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.page import Section


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the benchmark; its module has a function `run_benchmark(options: Options) -> BenchmarkResult`."""

    module: str
    section: Section
    is_long: bool = False
    """Whether `make bench` leaves it out, because it takes long or needs the bot."""


INGEST = """
Each chunk is a document of its own: the hardest case, because a job, a parse and a version stand against one call of
the encoder. The plain loops only encode, write everything with one COPY and compare a question with all vectors.
*Agreement* is the share of the 50 nearest chunks of the float32 model that were found. *Peak* is the memory of the
process that recalls, which for Refdesk is not the one that ingests.

- Most time of ingestion is spent in the encoder, so its speed decides. The libraries and the first loop run
  torch in float32. Refdesk runs the same weights with OpenVINO: in bfloat16 on a CPU with bfloat16 instructions
  (`avx512_bf16` or `amx_bf16`), else in float32. Both keep the vectors. The target of lossless ingestion assumes
  bfloat16 instructions.
- Jobs are claimed and stored many at a time, parsing overlaps with encoding, and the encoder gets full batches of
  texts of similar length from many documents. The ratio to the loop with the same encoder shows what ledger, queue,
  parser and keyword index cost.
- An int8 profile quantises weights and activations of the linear layers. Its vectors differ slightly, so documents
  and questions of a profile always use the same precision.
- Recall embeds the question and reads the nearest vectors, which are stored in half precision inside the row, in one
  statement.
"""
BOOK = """
One document of many chunks. The plain loop encodes the stored chunks in one call and writes them with one COPY;
Refdesk also parses the file, splits it at paragraphs and headings, records each step in the ledger, and adds the
chunks to the keyword index. Chunks are encoded and stored in batches, so an interrupted book continues with its next
batch.
"""
RERANK = """
All passages are new to the reranker: the cache of token vectors, which makes later questions about the same passages
fast, is off. The baseline is `CrossEncoder` of sentence-transformers with its defaults, in torch. Its weights are
random, because the time does not depend on them.

- Both methods run one inference for each batch of passages of similar length, on the same fast encoder as ingestion.
- Late interaction reads the tokens of a passage with the embedding model. A cross-encoder reads the question together
  with each passage, so nothing can be cached.
- Time grows in proportion to the number of candidates that are read. Late interaction reads the first 40; the others
  follow in their recall order (docs/evaluation.md shows what that costs).
- The targets assume bfloat16 instructions. With them the encoder is 2.7 times as fast as torch in float32, without them
  1.5 to 1.6 times (docs/decisions/0019-encoder.md).
"""
CONCURRENCY = """
One query worker and a language model on the same machine that answers each call after a fixed time. A question that
waits for a language model, a rerank endpoint or the database occupies no model, so the calls of many questions overlap.
The inferences of a model take turns in the order of arrival. Queue and ledger are the time from the submission of a
question until its result is known, without the time that the worker spends on the answer.
"""
CROWD = """
People ask at the same moment in one channel of a fake Discord with Discord's limits; bot and workers are real
processes. *First text* and *answer* are counted from the question. *Delay* is the time from the end of the job in the
database until its complete answer is shown: what the bot and Discord's limits add.

- A query worker answers 16 questions at once, so 50 people wait for four rounds of one worker or two rounds of two.
- Answers to `/ask` are edited with the token of each command, which has a separate limit.
- Answers to mentions share the limit of the channel. When they end in the same second, only five can be edited in five
  seconds, and five more posted where no progress was shown yet; the others have to wait.
"""
FAIRNESS = """
Notes and questions that arrive while those of another server, or of another person of the same server, wait. *Behind*
is what was submitted just before. Each target is three times the median alone, plus five seconds.

- A note waits for the batch of documents that is being read, at most 64, and for the claim that is being embedded,
  which contains about a second of work.
- A question waits until one of the 16 questions that a worker answers at once has ended.
"""
LOAD = """
Documents of one server stay queued while people of another one ask. Memory, connections and handles are those of all
processes: the workers and their children, PostgreSQL, Redis. Each row shows the largest sample of its part of the
run; a sample is taken every second. Memory excludes pages that processes share.

- Questions and documents have separate workers, and ingest workers run with low priority.
- Every process has a fixed number of threads and a connection pool of limited size, so its connections and handles do
  not depend on the length of the queue.
"""
START = """
Nothing runs: the command starts PostgreSQL, Redis and a query worker, asks, and stops them again. The embedding model
was exported to OpenVINO before, so the worker does not import torch. The memory of a worker is that of all its
processes, where memory that processes share counts once.
"""
SCALE = """
One large workspace next to many small ones, filled with generated terms and vectors, without models. The questions ask
for 50 chunks: by keyword, by vector through the HNSW index, and by both. Refdesk scans all vectors of a
store with fewer than 20,000 chunks, which is exact; *by index* uses HNSW there too.

- The channels that a question may see are resolved to a few scopes first. Every row of the indexes carries its scope,
  so no step reads all documents of a workspace.
- A term's postings are packed in blocks with their largest frequency. Blocks that cannot change the best 50 are not
  read, and the result equals BM25 over all chunks.
- New chunks are written as one row each, and merged into the packed segments later, as in an LSM tree. Statistics are
  counted per segment, so they are exact at any time.
- The size of the keyword index includes its queue of new chunks, which keeps the size of the largest backlog: here all
  chunks at once, about 1,000 bytes per chunk. The generated vectors are noise in more directions than sentences have,
  so the HNSW index finds fewer of the nearest ones than among real vectors (0.995 of 50 at 100,000).
"""
PARTS: dict[str, Part] = {
    "ingest": Part("benchmarks.ingestion", Section("Ingestion and recall", INGEST)),
    "book": Part("benchmarks.book", Section("A large document", BOOK)),
    "rerank": Part("benchmarks.rerank", Section("Reranking and first answers", RERANK)),
    "concurrency": Part("benchmarks.concurrency", Section("Many questions at once", CONCURRENCY)),
    "crowd": Part("benchmarks.crowd", Section("Many people in one channel", CROWD), is_long=True),
    "fairness": Part("benchmarks.fairness", Section("Behind the documents of others", FAIRNESS), is_long=True),
    "load": Part("benchmarks.load", Section("Questions next to a long queue", LOAD), is_long=True),
    "start": Part("benchmarks.start", Section("Start and memory", START)),
    "scale": Part("benchmarks.recall", Section("A growing store", SCALE), is_long=True),
}
