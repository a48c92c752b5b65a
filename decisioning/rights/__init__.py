"""What decisioning does for people's rights: its stores, what keeps late events away, whom it tells."""
