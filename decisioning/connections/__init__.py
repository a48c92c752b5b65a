"""Where data comes in from beside the API's clients: imports of files, sources that poll, webhooks that others call."""
