"""Telling people and other systems what happened to changes and releases."""
