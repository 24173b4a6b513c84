"""RTP, RTCP and telephone events (RFC 3550, 4733) as arrays."""
