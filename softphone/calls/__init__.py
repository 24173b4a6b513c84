"""One call leg, for server and agent: negotiated media, accepted sources, received keys."""
