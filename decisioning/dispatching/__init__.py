"""What workers send to others: signed webhooks, e-mails, pushed decisions, and members of segments."""
