"""The Celery application: queue `streams` drains the event log, queue `jobs` does everything else."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rtts_site.settings")

app = Celery("rtts")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["campaigns.audiences"])
