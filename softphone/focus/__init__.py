"""The conference server: routes INVITEs, keeps sessions and parties, carries out the effects of the rules."""
