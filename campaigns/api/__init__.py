"""The management API: what is authored, changes on their way to be live, releases, reports, documents."""
