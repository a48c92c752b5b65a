"""Starter packs: what a field of business usually needs, as drafts to begin with."""
