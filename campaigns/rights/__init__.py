"""What authoring does for people's rights: its stores, the pages of requests, the register of processing."""
