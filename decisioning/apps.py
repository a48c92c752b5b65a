"""Configuration of the app that takes events in and gives decisions out."""

from django.apps import AppConfig


class DecisioningConfig(AppConfig):
    name = "decisioning"
    verbose_name = "Decisions"
