"""One query worker answers many questions at once: model calls in parallel, a hanging call, stop, cancel, crash."""

from __future__ import annotations

import os
import signal
import threading
import time

from db import jobs
from tests.loopback_llm import LoopbackLlm, ScriptedReply

QUESTIONS = 16
OPTIONS = {"recall": "hybrid", "top_n": 50, "top_k": 3, "reranker": "none"}


def ask(installation, question):
    return installation.submit("ask", {"question": question, "options": OPTIONS})


def states(installation):
    return installation.value("SELECT string_agg(state || attempt, ' ' ORDER BY id) FROM jobs WHERE kind = 'ask'")


def start_query_worker(installation, llm, **environment):
    model = {"REFDESK_LLM_BASE_URL": llm.url, "REFDESK_LLM_MODEL": "loopback", "REFDESK_LLM_TIMEOUT_S": "60"}
    return installation.start_worker("query", **model | environment)


def test_all_questions_wait_for_the_language_model_at_the_same_time(library):
    together = threading.Barrier(QUESTIONS)

    def reply(_request):
        together.wait(60)  # replies only once all calls have arrived
        return ScriptedReply("The copper lantern hangs in the north hall [1].")

    with LoopbackLlm(reply) as llm:
        start_query_worker(library, llm)
        numbers = [ask(library, f"Where does the copper lantern number {n} hang?") for n in range(QUESTIONS)]
        for number in numbers:
            library.wait_for_state(number, "succeeded")
    assert not together.broken
    assert library.value("SELECT count(*) FROM queries WHERE fallbacks = '[]'") == QUESTIONS


def test_one_hanging_call__the_other_questions_are_answered_and_a_stop_releases_the_job(library):
    def reply(request):
        hang = "number 0 " in request["messages"][-1]["content"]
        return ScriptedReply("The copper lantern hangs in the north hall [1].", hold=hang)

    with LoopbackLlm(reply) as llm:
        worker = start_query_worker(library, llm)
        numbers = [ask(library, f"Where does the copper lantern number {n} hang?") for n in range(QUESTIONS)]
        for number in numbers[1:]:
            library.wait_for_state(number, "succeeded")
        assert library.value(f"SELECT state FROM jobs WHERE id = {numbers[0]}") == "running"
        started = time.monotonic()
        assert library.stop(worker) == 0
        assert time.monotonic() - started < 20
    assert library.value("SELECT count(*) FROM workers WHERE role = 'query'") == 0
    assert states(library).split() == ["queued0"] + ["succeeded1"] * (QUESTIONS - 1)


def test_cancelling_one_question_ends_only_it(library):
    def reply(request):
        return ScriptedReply("The copper lantern hangs in the north hall [1].", hold="number" in str(request))

    with LoopbackLlm(reply) as llm:
        start_query_worker(library, llm, REFDESK_LLM_TIMEOUT_S="8")
        first, second = (ask(library, f"Where does the copper lantern number {n} hang?") for n in range(2))
        library.wait_until(lambda: len(llm.requests) == 2, "two calls")
        with library.database.system() as session:
            assert jobs.cancel(session, first) == "running"
        library.wait_for_state(second, "succeeded")  # without the language model, after its timeout
        library.wait_for_state(first, "cancelled")


def test_a_killed_worker__every_question_is_answered_by_the_next_one(library):
    hold = threading.Event()

    def reply(_request):
        return ScriptedReply("The copper lantern hangs in the north hall [1].", hold=not hold.is_set())

    with LoopbackLlm(reply) as llm:
        worker = start_query_worker(library, llm)
        for n in range(4):
            ask(library, f"Where does the copper lantern number {n} hang?")
        library.wait_until(lambda: len(llm.requests) == 4, "four calls")
        os.kill(worker.pid, signal.SIGSEGV)
        assert worker.wait(30) == -signal.SIGSEGV
        hold.set()
        start_query_worker(library, llm)
        library.wait_until(lambda: states(library) == " ".join(["succeeded2"] * 4), "all answered")
    assert library.value("SELECT count(*) FROM queries") == 4


def test_little_room__fewer_questions_at_once_and_the_others_wait(library):
    most, running, lock = 0, 0, threading.Lock()

    def reply(_request):
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.2)
        with lock:
            running -= 1
        return ScriptedReply("The copper lantern hangs in the north hall [1].")

    with LoopbackLlm(reply) as llm:
        start_query_worker(library, llm, REFDESK_QUERY_CONCURRENCY="2")
        for n in range(8):
            ask(library, f"Where does the copper lantern number {n} hang?")
        library.wait_until(lambda: states(library) == " ".join(["succeeded1"] * 8), "all answered")
    assert most == 2
