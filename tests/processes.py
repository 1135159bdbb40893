"""Several processes that do something at the same moment."""

from __future__ import annotations

import multiprocessing
import threading
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from django.db import connections


def run_in_processes(count: int, work: Callable[[int, Any], object]) -> list[Any]:
    """Run a function in so many processes at once, each with its own connection.

    Each gets its number and a barrier that all share. What they return, which must be
    picklable, stands in the list in their order.
    """
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(count, timeout=60)

    def work_one(number: int, answer: Connection) -> None:
        try:
            answer.send((work(number, barrier), None))
        except Exception as error:  # noqa: BLE001  handed to whoever waits
            barrier.abort()  # nobody waits for one who does not come
            answer.send((None, repr(error)))
        finally:
            connections.close_all()

    def run_one(number: int, answer: Connection) -> None:
        # On a thread's empty stack: on a deep one, such as pytest's, Python 3.11 asks
        # for memory at each call across the edge of a piece: half as fast.
        thread = threading.Thread(target=work_one, args=(number, answer))
        thread.start()
        thread.join()

    connections.close_all()  # a connection is never shared
    pipes = [fork.Pipe(duplex=False) for _ in range(count)]
    processes = [
        fork.Process(target=run_one, args=(number, answer), daemon=True)
        for number, (_, answer) in enumerate(pipes)
    ]
    with warnings.catch_warnings():  # from 3.12 on it minds other threads
        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
        for process in processes:
            process.start()
    results = []
    for (question, answer), process in zip(pipes, processes, strict=True):
        answer.close()  # ours: one that dies unheard is an EOFError, no wait
        results.append(question.recv())
        process.join()
    if errors := [error for _, error in results if error]:
        raise AssertionError(errors)
    return [result for result, _ in results]
