"""transformers is as loud as before, whoever loads and saves at the same time."""

import threading

from transformers.utils import logging

from pet_mtl.storage.pretrained import quiet_transformers


def test_two_threads_leave_it_as_loud_as_it_was() -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with quiet_transformers():
            inside.set()
            leave.wait(60)

    thread = threading.Thread(target=other)
    with quiet_transformers():
        thread.start()
        inside.wait(0.5)  # it comes when it is its turn, behind this block
    leave.set()
    thread.join(60)
    after = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(before[0])
    if before[1]:
        logging.enable_progress_bar()
    assert after == before
