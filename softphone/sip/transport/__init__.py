"""Transports (RFC 3261 section 18): sockets, connections and framing."""
