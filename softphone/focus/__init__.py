"""The conference server: routes INVITEs, keeps sessions and parties, carries out what the rules of a room decide."""
