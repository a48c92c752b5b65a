"""Whom workers watch: segments that people enter and leave, triggers, and when to look at somebody again."""
