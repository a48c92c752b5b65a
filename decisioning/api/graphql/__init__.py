"""People, what they did and what was decided for them, read over GraphQL; nothing is ever written here."""
