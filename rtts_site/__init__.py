"""The site: settings, addresses, processes; everything that knows the whole product."""
