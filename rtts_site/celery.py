"""The Celery application: queue `streams` drains the event log, `first` is what may not wait, `jobs` everything else."""

import gc
import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun, worker_process_init

from rtts_site.foundation import due
from rtts_site.foundation.redis_clients import redis_client

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rtts_site.settings")

app = Celery("rtts")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["campaigns.audiences"])


@worker_process_init.connect
def leave_code_out_of_collections(**_: Any) -> None:
    """Freeze what is loaded: looking through it again holds up a drain for a tenth of a second."""
    gc.collect()
    gc.freeze()


@task_prerun.connect
def note_begun(task: Any, **_: Any) -> None:
    if task.name in due.looks:
        due.begun(redis_client(), task.name)
