"""RingCentral's call control API."""
