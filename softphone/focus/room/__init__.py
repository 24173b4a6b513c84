"""A running conference or call: its members, the effects of its rules, its settings, keys and recorder."""
