"""People's rights: access, portability, rectification, objection, restriction, erasure, and the proof of each."""
